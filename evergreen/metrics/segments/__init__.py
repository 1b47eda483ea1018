"""Segments: saved conditions over accounts, their members, entries and exits."""
