"""Segments in words: the list, one, and the form that makes one."""
