"""Surveys as pages show them."""
