"""The portfolio's pages: revenue, renewals, lifetime and cost, voice and desk, and the accounts behind a figure."""
