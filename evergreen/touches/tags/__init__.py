"""Tags of customers in WeCom, both ways: those that people give become tags of accounts, what is known here becomes tags there."""
