"""A mail as people write it: text and HTML, who it is from and answers go to, the headers of one-click refusal (RFC 8058)."""

from __future__ import annotations

from email.utils import formataddr

from django.core.mail import EmailMultiAlternatives

from evergreen.touches.channels.contract import Outgoing


def letter(message: Outgoing, sender: str, sender_name: str) -> EmailMultiAlternatives:
    """The mail of a message, without headers that only a way of sending needs."""
    headers = {}
    if message.refuse_at:
        headers["List-Unsubscribe"] = f"<{message.refuse_at}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=message.text,
        from_email=formataddr((sender_name, sender)) if sender_name else sender,
        to=[formataddr((message.name, message.address)) if message.name else message.address],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers=headers,
    )
    made.attach_alternative(message.html, "text/html")
    return made
