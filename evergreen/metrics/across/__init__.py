"""Figures of many days in one pass: what filling past days computes by (docs/decisions/0022)."""
