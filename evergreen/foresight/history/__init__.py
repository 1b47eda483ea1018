"""What the installation's own past teaches: one row an account and week, its features as known on the day."""
