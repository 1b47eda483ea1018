"""The settings: who works here, what comes in, what is sold, what was done."""
