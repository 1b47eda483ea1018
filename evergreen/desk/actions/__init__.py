"""Writes of tickets."""

from evergreen.desk.actions.tickets import close_ticket, open_ticket, reopen_ticket, respond_to_ticket

__all__ = ["close_ticket", "open_ticket", "reopen_ticket", "respond_to_ticket"]
