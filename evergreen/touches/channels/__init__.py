"""The ways out. Adding one: its folder here, its line in ``registry``, docs/touches.md, the changelog."""
