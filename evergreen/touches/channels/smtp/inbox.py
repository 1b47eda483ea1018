"""The mailbox to which bounces and answers come, read by IMAP (RFC 3501): only what is new, nothing is marked, moved or deleted."""

from __future__ import annotations

import datetime as dt
import imaplib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import outbound
from evergreen.touches.channels.contract import LaterError

SECONDS = 20.0
_MOST_BYTES = 262_144
_TOGETHER = 100
# After the server numbered its mails anew, what came within so many days is read once more; told twice it adds nothing.
_AGAIN_DAYS = 3


class _Gated(imaplib.IMAP4):
    """imaplib over a connection that the gate opened."""

    def __init__(self, host: str, port: int, *, secured: bool) -> None:
        self._secured = secured
        super().__init__(host, port, SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        made = outbound.connect(self.host, self.port, seconds=SECONDS)
        made.settimeout(SECONDS)
        if self._secured:
            return ssl.create_default_context().wrap_socket(made, server_hostname=self.host)
        return made


def news(config: Any, mark: str, *, now: dt.datetime) -> Iterator[tuple[str, bytes]]:
    """(mark behind it, mail) of what came since a mark, oldest first, at most a hundred; with mark '' only the newest mark, and no mail.

    Raises LaterError with what is wrong with address, credentials or folder.
    """
    try:
        box = _opened(config)
    except (OSError, imaplib.IMAP4.error, outbound.OutboundError, ValueError) as error:
        raise LaterError(
            _("The mailbox cannot be read: %(error)s") % {"error": _short(error)}, is_whole=True
        ) from error
    try:
        yield from _since(box, mark, now)
    except (OSError, imaplib.IMAP4.error) as error:
        raise LaterError(
            _("The mailbox cannot be read: %(error)s") % {"error": _short(error)}, is_whole=True
        ) from error
    finally:
        try:
            box.logout()
        except (OSError, imaplib.IMAP4.error):
            box.shutdown()


def _opened(config: Any) -> imaplib.IMAP4:
    box = _Gated(config.imap_host, config.imap_port, secured=config.imap_security == "tls")
    box.login(config.imap_user or config.user, config.imap_password or config.password)
    said, told = box.select(f'"{config.imap_folder}"', readonly=True)
    if said != "OK":
        raise imaplib.IMAP4.error(f"no folder {config.imap_folder}: {told}")
    return box


def _since(box: imaplib.IMAP4, mark: str, now: dt.datetime) -> Iterator[tuple[str, bytes]]:
    validity = _number(box.response("UIDVALIDITY"))
    newest = _number(box.response("UIDNEXT")) - 1
    before, _colon, last = mark.partition(":")
    if not mark:
        yield f"{validity}:{newest}", b""
        return
    if before == str(validity):
        numbers = [one for one in _found(box, f"UID {int(last) + 1}:*") if one > int(last)]
    else:
        since = (now - dt.timedelta(days=_AGAIN_DAYS)).strftime("%d-%b-%Y")
        numbers = _found(box, f"SINCE {since}")
    for number in numbers[:_TOGETHER]:
        _said, told = box.uid("FETCH", str(number), f"(BODY.PEEK[]<0.{_MOST_BYTES}>)")
        raw = next((part[1] for part in told if isinstance(part, tuple)), b"")
        yield f"{validity}:{number}", bytes(raw)


def _found(box: imaplib.IMAP4, asked: str) -> list[int]:
    _said, told = box.uid("SEARCH", *asked.split())
    return sorted(int(one) for one in (told[0] or b"").split())


def _number(response: tuple[str, list[Any]]) -> int:
    told = response[1][0] if response[1] else None
    return int(told) if told is not None else 1


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
