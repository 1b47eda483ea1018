"""What customers write: how it feels, and what it is about. Pure functions; nothing here knows the database or the network."""
