"""Where the history may be kept and reckoned besides the home's own lake."""
