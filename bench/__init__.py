"""Benchmarks: each prints ratios measured in one run, for these machines are shared and noisy."""
