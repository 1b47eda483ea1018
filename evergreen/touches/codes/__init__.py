"""Contact codes (渠道活码): made at WeCom, kept as they should be, who came by them, the words that welcome."""
