"""What a mail that came back says: a delivery report, a complaint, an answer of a person, or nothing that counts.

Reports as RFC 3464 (delivery status), RFC 5965 (complaints); of servers that write neither, the sender and the codes in the text.
Answers of machines (RFC 3834) are nothing that a person said.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import getaddresses, parseaddr, parsedate_to_datetime

from evergreen.touches.channels.told import Copied, Heard

_KEY = re.compile(r"\b[0-9a-f]{64}\b")
_MARKED = re.compile(r"\+([0-9a-f]{32})@")
_DAEMONS = ("mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon")
_FAILED = re.compile(r"\b5\d\d[ -]|\b5\.\d{1,3}\.\d{1,3}\b")
_MACHINES = re.compile(
    r"^(自动回复|自动答复|auto(matic)?[ -]?reply|out of (the )?office|automatische antwort)", re.IGNORECASE
)
# Where the quoted mail begins below an answer.
_QUOTED = re.compile(
    r"^(>|On .{0,200} wrote:|在.{0,120}写道[：:]|-{2,} ?(Original Message|原始邮件|原邮件|回复的原邮件|转发邮件)|_{10,}|From: |发件人[：:])",
    re.IGNORECASE,
)  # fmt: skip
_MOST_TEXT = 2_000
_MOST_QUOTED = 20_000
_MOST_PEOPLE = 50
_ID = re.compile(r"<[^<>\s]{1,400}>")


def read(raw: bytes, *, own: str, now: dt.datetime) -> Heard | None:
    """What a mail says of a message of ours; None for what says nothing. ``own``: our sender's address, whose mails are not heard."""
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    sender = parseaddr(str(mail.get("From", "")))[1].casefold()
    if not sender or sender == own.casefold():
        return None
    at = _time(mail, now)
    mark = str(mail.get("Message-ID", ""))[:120] or f"{sender} {at.isoformat()}"
    kind = str(mail.get_param("report-type", "") or "").casefold()
    if mail.get_content_type() == "multipart/report" and kind == "feedback-report":
        return Heard("complained", at, key=_key(mail, raw), mark=mark)
    if mail.get_content_type() == "multipart/report" and kind in {"delivery-status", ""}:
        return _report(mail, raw, at, mark)
    if sender.partition("@")[0] in _DAEMONS:
        return _daemons(mail, raw, at, mark)
    if _is_machine(mail):
        return None
    text = _answer(mail)
    return Heard("replied", at, key=_referred(mail), address=sender, text=text, mark=mark) if text else None


def copied(raw: bytes, *, own: str, now: dt.datetime) -> Copied | None:
    """A mail that a person wrote, as a copy for whoever knows who they are; None for machines' and for our sender's own."""
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    sender = parseaddr(str(mail.get("From", "")))[1].casefold()
    is_report = mail.get_content_type() == "multipart/report" or sender.partition("@")[0] in _DAEMONS
    key = _ids(str(mail.get("Message-ID", "")))
    if not sender or sender == own.casefold() or is_report or _is_machine(mail) or not key:
        return None
    named = getaddresses([str(one) for name in ("To", "Cc") for one in mail.get_all(name, [])])
    refers = _ids(f"{mail.get('References', '')} {mail.get('In-Reply-To', '')}")
    text = _text(mail)
    answer = _answer(mail)
    return Copied(
        key=key[0], thread=refers[0] if refers else key[0], at=_time(mail, now), sender=sender,
        to=tuple(dict.fromkeys(address.casefold() for _name, address in named if address))[:_MOST_PEOPLE],
        subject=" ".join(str(mail.get("Subject", "")).split())[:300], text=answer, quoted=text[len(answer) :][:_MOST_QUOTED],
    )  # fmt: skip


def _ids(told: str) -> list[str]:
    return [one[:200] for one in _ID.findall(told)]


def _report(mail: EmailMessage, raw: bytes, at: dt.datetime, mark: str) -> Heard | None:
    for fields in _statuses(mail):
        action, status = (
            str(fields.get("Action", "")).strip().casefold(),
            str(fields.get("Status", "")).strip(),
        )
        if action == "failed" or (not action and status.startswith("5")):
            said = str(fields.get("Diagnostic-Code", "")).partition(";")[2].strip() or status
            return Heard(
                "bounced",
                at,
                key=_key(mail, raw),
                detail=f"{status} {said}".strip()[:250],
                mark=mark,
                is_permanent=_no_mailbox(status, said),
            )
        if action in {"delivered", "relayed"}:
            return Heard("delivered", at, key=_key(mail, raw), mark=mark)
    return None  # delayed: the server still tries


def _daemons(mail: EmailMessage, raw: bytes, at: dt.datetime, mark: str) -> Heard | None:
    """A failure told in words alone."""
    text = _text(mail)
    found = _FAILED.search(text)
    key = _key(mail, raw)
    if not found or not key:
        return None
    line = next((one.strip() for one in text.splitlines() if _FAILED.search(one)), "")
    return Heard("bounced", at, key=key, detail=line[:250], mark=mark, is_permanent=_no_mailbox("", line))


def _no_mailbox(status: str, said: str) -> bool:
    """Whether the mailbox does not exist (RFC 3463 5.1.x), and not that it is full or the text unwanted."""
    codes = [status, *re.findall(r"\b5\.\d{1,3}\.\d{1,3}\b", said)]
    return any(code.startswith("5.1.") for code in codes) or bool(re.search(r"(user|mailbox|recipient).{0,20}(unknown|not found|not exist)|no such user|收件人不存在", said, re.IGNORECASE))  # fmt: skip


def _statuses(mail: EmailMessage) -> Iterator[Message]:
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            payload = part.get_payload()
            yield from (
                (one for one in payload if isinstance(one, Message)) if isinstance(payload, list) else ()
            )


def _key(mail: EmailMessage, raw: bytes) -> str:
    """Our key of the mail that came back: in its headers, which the report holds, else in the address it came back to."""
    for part in mail.walk():
        if (
            part is not mail
            and (told := str(part.get("X-Evergreen", "") or "").strip())
            and _KEY.fullmatch(told)
        ):
            return told
    if found := _KEY.search(raw.decode("utf-8", "replace")) or _KEY.search(_text(mail)):
        return found[0]
    for name in ("To", "Delivered-To", "X-Original-To", "Envelope-To"):
        for value in mail.get_all(name, []):
            if marked := _MARKED.search(str(value)):
                return marked[1]
    return ""


def _referred(mail: EmailMessage) -> str:
    told = f"{mail.get('In-Reply-To', '')} {mail.get('References', '')}"
    found = _KEY.search(told)
    return found[0] if found else ""


def _is_machine(mail: EmailMessage) -> bool:
    if str(mail.get("Auto-Submitted", "no")).strip().casefold() not in {"no", ""}:
        return True
    if any(name in mail for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "List-Id")):
        return True
    if str(mail.get("Precedence", "")).strip().casefold() in {"bulk", "list", "junk", "auto_reply"}:
        return True
    return bool(
        _MACHINES.match(
            re.sub(r"^(re|回复)[：:]\s*", "", str(mail.get("Subject", "")).strip(), flags=re.IGNORECASE)
        )
    )


def _answer(mail: EmailMessage) -> str:
    """What the person wrote, without the mail below it."""
    kept = []
    for line in _text(mail).splitlines():
        if _QUOTED.match(line.strip()):
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip()[:_MOST_TEXT]


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    try:
        told = str(body.get_content())
    except (LookupError, UnicodeError, KeyError):
        return ""
    if body.get_content_type() == "text/html":
        told = re.sub(r"(?is)<(style|script|blockquote).*?</\1>", "", told)
        told = re.sub(r"(?i)<br\s*/?>|</(p|div)>", "\n", told)
        told = re.sub(r"<[^>]+>", "", told)
    return told


def _time(mail: EmailMessage, now: dt.datetime) -> dt.datetime:
    """When it was written, as it says, never later than now."""
    try:
        told = parsedate_to_datetime(str(mail.get("Date", "")))
    except (TypeError, ValueError):
        return now
    told = told if told.tzinfo else told.replace(tzinfo=dt.UTC)
    return min(told.astimezone(dt.UTC), now)
