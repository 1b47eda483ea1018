"""E-mail by any SMTP server."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import smtplib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.charset import BASE64, Charset

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.configurations import option
from evergreen.touches.channels.contract import (
    CONTACTS,
    Accepted,
    ChannelAdapter,
    LaterError,
    Outgoing,
    RefusedError,
)
from evergreen.touches.channels.smtp import inbox, letters, wire
from evergreen.touches.channels.smtp.writing import letter
from evergreen.touches.channels.told import Copied, Heard, Said
from evergreen.touches.rules import address_key

# A connection serves so many mails, as servers like it; then a new one is opened.
_A_CONNECTION = 100
# Texts as base64: no server has to know 8BITMIME, and Chinese is shorter by it than by quoted-printable.
# The address of refusal is longer than lines are folded at. Folded, its first line would be empty, which some programs misread.
_FOLDED = re.compile(rb"(?m)^(List-Unsubscribe:)[ \t]*\r?\n[ \t]+")
_CHARSET = Charset("utf-8")
_CHARSET.body_encoding = BASE64


@dataclass(frozen=True)
class SmtpConfig:
    host: str = option("服务器", "Server", example="smtp.example.com")
    sender: str = option("发件地址", "From address", example="success@example.com")
    port: int = option("端口", "Port", default=587)
    security: str = option(
        "加密", "Encryption", default="starttls",
        choices={"starttls": ("STARTTLS（587）", "STARTTLS (587)"), "tls": ("TLS（465）", "TLS (465)"), "none": ("不加密", "none")},
        about=("不加密只用于本机或内网的转发", "Without it only for a relay on this machine or network"),
    )  # fmt: skip
    sender_name: str = option("发件人名称", "Sender's name", default="", example="常青客户成功")
    user: str = option("用户名", "User name", default="")
    password: str = option("密码", "Password", secret=True, default="")
    returns_to: str = option(
        "退信地址", "Bounces go to", default="",
        about=("留空则退到发件地址；填写后每封信带自己的编号，如 bounce+编号@…", "Empty: to the From address; else each mail carries its number, as in bounce+number@…"),
    )  # fmt: skip

    imap_host: str = option(
        "收信服务器（IMAP）", "Mailbox server (IMAP)", default="", example="imap.example.com",
        about=("读取退信和回信；留空则不读。不标记、不移动、不删除任何邮件", "Reads bounces and answers; empty: not read. Nothing is marked, moved or deleted"),
    )  # fmt: skip
    imap_port: int = option("收信端口", "Its port", default=993)
    imap_security: str = option(
        "收信加密", "Its encryption", default="tls", choices={"tls": ("TLS（993）", "TLS (993)"), "none": ("不加密", "none")},
        about=("不加密只用于本机或内网", "Without it only on this machine or network"),
    )  # fmt: skip
    imap_user: str = option(
        "收信用户名", "Its user name", default="", about=("留空则同发信", "Empty: as for sending")
    )
    imap_password: str = option("收信密码", "Its password", secret=True, default="")
    imap_folder: str = option("文件夹", "Folder", default="INBOX")
    keeps_copies: str = option(
        "记录往来邮件", "Keep mails with customers", default="yes", choices={"yes": ("是", "yes"), "no": ("否", "no")},
        about=("同事与联系人的邮件抄送或密送到这个邮箱，即成为客户的沟通记录", "Mails between colleagues and contacts that are copied (Cc, Bcc) to this mailbox become conversations"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name in ("sender", "returns_to"):
            found = getattr(self, name)
            if found and not address_key("mail", found):
                raise ValueError(_("“%(found)s” is no e-mail address.") % {"found": found})
        if self.security == "none" and self.password:
            raise ValueError(_("A password goes only over an encrypted connection: choose STARTTLS or TLS."))


class SmtpAdapter(ChannelAdapter):
    kind = "smtp"
    medium = "mail"
    zh = "电子邮件（SMTP）"
    en = "E-mail (SMTP)"
    about = (
        "通过你自己的邮件服务器发信，退信和回信进入时间线",
        "By your own mail server; bounces and answers come into the timeline",
    )
    audience = CONTACTS
    Config = SmtpConfig
    receipts = ("delivered", "bounced", "replied", "complained", "unsubscribed")
    thanks = ("text/plain", "")
    has_mailbox = True

    def __init__(self, config: SmtpConfig) -> None:
        super().__init__(config)
        self._server: wire.Gated | None = None
        self._sent = 0

    def send(self, message: Outgoing) -> Accepted:
        content = self.mail(message)
        server = self._ready()
        try:
            said = wire.hand_over(server, self._returns_to(message.key), message.address, content)
        except (RefusedError, LaterError):
            self._recover()
            raise
        except Exception:
            self.close()
            raise
        self._sent += 1
        if self._sent >= _A_CONNECTION:
            self.close()
        return Accepted(said[:200])

    def test(self) -> str:
        server = self._ready()
        name = (
            server.ehlo_resp.decode("utf-8", "replace").splitlines()[0]
            if server.ehlo_resp
            else self.config.host
        )
        self.close()
        said = _("The mail server answers: %(name)s") % {"name": name[:100]}
        if self.config.imap_host:
            list(inbox.news(self.config, "", now=clock.utc_now()))
            said += " · " + _("The mailbox can be read.")
        return said

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Heard | Copied]:
        """A mail that a mail server passes on, as it came (message/rfc822)."""
        if b":" not in body.partition(b"\n")[0]:
            raise ValueError("no mail")
        return self._read(body, clock.utc_now())

    def fetched(
        self, mark: str, *, now: dt.datetime, handle: str = ""
    ) -> Iterator[tuple[str, list[Heard | Said | Copied]]]:
        if not self.config.imap_host:
            return
        for behind, raw in inbox.news(self.config, mark, now=now):
            yield behind, [*self._read(raw, now)] if raw else []

    def _read(self, raw: bytes, now: dt.datetime) -> list[Heard | Copied]:
        found = letters.read(raw, own=self.config.sender, now=now)
        copy = (
            letters.copied(raw, own=self.config.sender, now=now)
            if self.config.keeps_copies == "yes"
            else None
        )
        return [one for one in (found, copy) if one is not None]

    def address_of(self, staff_email: str) -> str:
        return staff_email

    def close(self) -> None:
        if self._server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._server.quit()
            self._server.close()
        self._server, self._sent = None, 0

    def mail(self, message: Outgoing) -> bytes:
        """The mail as it goes over the wire: text and HTML, with the headers of one-click refusal (RFC 8058)."""
        headers = {
            "Message-ID": f"<{message.key}@{self.config.sender.partition('@')[2]}>",
            "X-Evergreen": message.key,
        }
        made = letter(message, self.config.sender, self.config.sender_name)
        made.extra_headers |= headers
        made.encoding = _CHARSET
        return _FOLDED.sub(rb"\1 ", made.message().as_bytes(), count=1)

    def _ready(self) -> wire.Gated:
        if self._server is None:
            config = self.config
            self._server = wire.opened(
                config.host, config.port, config.security, config.user, config.password
            )
        return self._server

    def _recover(self) -> None:
        """Make the connection ready for the next mail after one was not taken."""
        if self._server is not None:
            try:
                self._server.rset()
            except (OSError, smtplib.SMTPException):
                self.close()

    def _returns_to(self, key: str) -> str:
        if not self.config.returns_to:
            return str(self.config.sender)
        name, _at, domain = self.config.returns_to.partition("@")
        return f"{name}+{key[:32]}@{domain}"
