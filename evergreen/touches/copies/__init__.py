"""Mails between colleagues and contacts that a channel's mailbox got a copy of: they become conversations by themselves."""
