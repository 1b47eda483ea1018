"""Metrics: the list, and one explained."""
