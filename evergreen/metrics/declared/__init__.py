"""Metrics that the vendor declares: their definitions as data, versions, words, and what computes them again."""
