"""The pages of forecasts: who is likely to be lost, how far to believe it, an account's card."""
