"""Colleagues are told of what needs them where they are: at once, each morning, with buttons where the channel has them."""
