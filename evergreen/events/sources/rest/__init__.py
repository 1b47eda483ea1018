"""Any REST API, declared in YAML: where it is, how to sign in, which lists, how they are paged, what rows become."""

from evergreen.events.sources.rest.adapter import RestAdapter

__all__ = ["RestAdapter"]
