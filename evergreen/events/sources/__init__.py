"""Where rows and events come from, one folder a source. Adapters read and say what they found; they never
touch a store.
"""
