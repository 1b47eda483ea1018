"""Notices of releases and incidents: written, told to those who use what they touch."""
