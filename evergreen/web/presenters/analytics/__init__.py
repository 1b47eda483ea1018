"""Product analytics in words, drawings and tables."""
