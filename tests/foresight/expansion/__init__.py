"""Tests of suggestions of what accounts may buy more of."""
