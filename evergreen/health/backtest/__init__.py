"""A scorecard held against what really happened: past renewals and losses, by scores as they were known then."""
