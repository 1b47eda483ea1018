"""Imports: the first look at a file, the mapping as a form, what became of a load."""
