"""What to show or do next for an account or an end user: features, touches, and whatever other rooms offer as candidates."""
