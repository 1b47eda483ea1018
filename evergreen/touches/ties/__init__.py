"""Ties: which of our people has which customers' people in WeCom, and who removed whom."""
