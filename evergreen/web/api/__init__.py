"""The public REST API under /api/v1: keys with rights, one module a resource, errors that say what to do next."""
