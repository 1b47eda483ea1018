"""Scorecards: the list, and one explained to the last point."""
