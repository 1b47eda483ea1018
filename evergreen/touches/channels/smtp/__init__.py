"""E-mail by SMTP."""

from evergreen.touches.channels.smtp.adapter import SmtpAdapter

__all__ = ["SmtpAdapter"]
