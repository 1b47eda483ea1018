"""Learning what is likely from a table of mixed columns: pure, without Django, network or clock."""
