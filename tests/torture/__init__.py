"""Long fault runs: what the tests do in short form, with size. The oracle stands outside the product."""
