"""Account keys and end users whose events wait for an account: what they are, whose they may be, what became of them."""
