"""Experiments: arms compared on outcomes, with every way of reading the difference side by side."""
