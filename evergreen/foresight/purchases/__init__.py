"""Customers who buy again without a contract: how many purchases are still to come from each, and what they are worth."""
