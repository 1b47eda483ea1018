"""Evergreen (常青): an open-source, self-hosted customer success platform."""

__version__ = "0.1.0"
