"""The digital twin: an account simulated for twelve months, under levers beside doing nothing."""
