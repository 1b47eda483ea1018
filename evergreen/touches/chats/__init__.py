"""Chats that customers began: read, kept as conversations, answered while that is allowed."""
