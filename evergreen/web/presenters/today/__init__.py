"""Today: the sentence, the ordered list, the portfolio, data gaps, and what was done without anybody."""
