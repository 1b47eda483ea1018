"""Surveys: declared, asked of people who were not asked lately, answered without signing in."""
