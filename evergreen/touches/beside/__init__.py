"""The page beside a chat in WeCom: whose chat it is, what is signed, what was sent from there."""
