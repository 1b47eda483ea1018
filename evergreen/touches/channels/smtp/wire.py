"""SMTP one message at a time, so that it is always known on which side of the final dot something broke.

RFC 5321 4.1.1.4 and RFC 1047: once the server has the final dot, a client that hears nothing does not know whether the mail
was taken. Before it, it was certainly not.
"""

from __future__ import annotations

import re
import select
import smtplib
import socket
import ssl
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import outbound
from evergreen.touches.channels.contract import LaterError, RefusedError, UncertainError

SECONDS = 15.0
# Answers that say that a mailbox does not exist (RFC 3463 5.1.x): the address is dead.
_NO_MAILBOX = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4")


class Gated(smtplib.SMTP):
    """smtplib over a connection that the gate opened."""

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        made = outbound.connect(host, port, seconds=SECONDS)
        made.settimeout(SECONDS)
        return made

    def bare(self, line: bytes) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("no connection")
        self.sock.sendall(line)

    def has_spoken(self) -> bool:
        """Whether the server said something, or hung up, while we were still speaking."""
        if self.sock is None:
            return True
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        return bool(select.select([self.sock], [], [], 0)[0])


class GatedSecured(Gated):
    """TLS from the first byte (port 465)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(timeout=SECONDS)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        return self._context.wrap_socket(super()._get_socket(host, port, timeout), server_hostname=host)


def opened(host: str, port: int, security: str, user: str, password: str) -> Gated:
    """A server that is ready to take mail. Raises LaterError: nothing was sent yet."""
    try:
        context = ssl.create_default_context()
        server = GatedSecured(context) if security == "tls" else Gated(timeout=SECONDS)
        code, said = server.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        server.ehlo_or_helo_if_needed()
        if security == "starttls":
            server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
        if user:
            server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        raise LaterError(
            _("The mail server does not accept the user name and password: %(said)s")
            % {"said": _said(error)},
            is_whole=True,
        ) from error
    except (OSError, smtplib.SMTPException, outbound.OutboundError, ValueError) as error:
        raise LaterError(
            _("No connection to the mail server: %(error)s")
            % {"error": f"{type(error).__name__}: {error}"[:200]},
            is_whole=True,
        ) from error
    return server


def hand_over(server: Gated, sender: str, recipient: str, content: bytes) -> str:
    """Give one mail to the server; what it said. Raises as the contract says."""
    try:
        _expected(server.mail(sender), is_recipient=False)
        _expected(server.rcpt(recipient), is_recipient=True)
        server.putcmd("data")
        code, said = server.getreply()
        if code != 354:
            _expected((code, said), is_recipient=False)
        # RFC 5321 4.5.2: lines end with CR LF, and one that begins with a dot gets another.
        text = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", content))
        if not text.endswith(b"\r\n"):
            text += b"\r\n"
        server.bare(text)
        if server.has_spoken():
            # It answers, or is gone, before the end: without the final dot no mail was taken.
            raise smtplib.SMTPServerDisconnected("hung up in the middle of the mail")
    except (RefusedError, LaterError):
        raise
    except (OSError, smtplib.SMTPException) as error:
        server.close()
        raise LaterError(
            _("The mail server hung up before it had the mail: %(error)s") % {"error": str(error)[:200]}
        ) from error
    try:
        server.bare(b".\r\n")
        code, said = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        server.close()
        raise UncertainError(
            _("The mail server had all of the mail and gave no answer: %(error)s")
            % {"error": str(error)[:200]}
        ) from error
    if code == -1:
        server.close()
        raise UncertainError(_("The mail server had all of the mail and hung up."))
    return _expected((code, said), is_recipient=False)


def _expected(answer: tuple[int, bytes], *, is_recipient: bool) -> str:
    """What a server said with 2xx. 4xx: later; 5xx: refused."""
    code, said = answer[0], answer[1].decode("utf-8", "replace")
    if 200 <= code < 300:
        return said
    words = f"{code} {said}"[:250]
    if code == -1:
        raise smtplib.SMTPServerDisconnected(words)
    if code == 421:
        raise LaterError(words, is_whole=True)
    if 400 <= code < 500:
        raise LaterError(words)
    raise RefusedError(words, is_dead=is_recipient and said.startswith(_NO_MAILBOX))


def _said(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    return said.decode("utf-8", "replace")[:150] if isinstance(said, bytes) else str(said)[:150]
