"""The demo vendor: a made-up SaaS company with two years of history, and a hidden truth for the product to find."""
