"""Chat groups with customers: read from WeCom or registered by hand, looked after, written to."""
