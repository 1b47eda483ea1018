"""Keep what was said in chats: each line once, whatever is read twice; a day on which both sides wrote is a conversation of the contact.

Lines of people whom nobody knows wait 30 days for somebody who says who they are, then they are deleted, as all lines are.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q

from evergreen.base.actions import audit
from evergreen.base.clock import local_day
from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_zone
from evergreen.base.wall import at_wall
from evergreen.customers.models import Contact
from evergreen.touches.actions.consenting import is_refusal
from evergreen.touches.actions.receiving import hear
from evergreen.touches.addressing import contacts_by_key, staff_by_key
from evergreen.touches.channels.contract import ChannelAdapter, ChannelError
from evergreen.touches.channels.told import Heard, Said
from evergreen.touches.models import Channel, Chat, ChatLine, Medium
from evergreen.touches.transcripts import MOST_LETTERS, transcript
from evergreen.touches.ways import adapter_of
from evergreen.work.actions.loading import load_conversations
from evergreen.work.models import Conversation

log = logging.getLogger(__name__)
ORIGIN = "wecom_kf"
# The name of one whom the provider does not name: it is not asked again every minute.
UNNAMED = "–"
_TOGETHER = 2_000
_DAY = dt.timedelta(days=1)
_KEPT = dt.timedelta(days=30)
# An answer of the next morning makes an exchange of yesterday's question.
_ANSWERED_WITHIN = dt.timedelta(hours=12)
# What a line that is no text is called in the conversation.
_FORMS = {
    key: {"zh": zh, "en": en}
    for key, zh, en in (
        ("image", "图片", "picture"), ("voice", "语音", "voice"), ("video", "视频", "video"), ("file", "文件", "file"), ("location", "位置", "place"),
        ("link", "链接", "link"), ("miniprogram", "小程序", "mini program"), ("business_card", "名片", "card"),
    )
}  # fmt: skip
_OTHER = {"zh": "其他消息", "en": "other message"}


@transaction.atomic
def keep_lines(channel: Channel, said: Sequence[Said], *, now: dt.datetime) -> int:
    """Write lines down, and what customers wrote as answers to the newest message they got: one a day, and each word of refusal. Returns
    how many are new."""
    said = [one for one in said if one.address and one.key]
    if not said:
        return 0
    chats = _chats(channel, {one.address for one in said})
    known = set(
        ChatLine.objects.filter(
            chat__in=[one.pk for one in chats.values()], key__in=[one.key for one in said]
        ).values_list("chat__key", "key")
    )
    fresh = {(one.address, one.key): one for one in said if (one.address, one.key) not in known}
    zone = vendor_zone()
    rows = [
        ChatLine(
            chat=chats[one.address], key=one.key[:100], at=one.at, is_theirs=one.is_theirs, member=one.member[:64], form=one.form[:30],
            text=one.text,
        )
        for one in fresh.values()
    ]  # fmt: skip
    ChatLine.objects.bulk_create(rows, ignore_conflicts=True)
    for one in fresh.values():
        if not one.is_theirs:
            continue
        Chat.objects.filter(Q(wrote_at=None) | Q(wrote_at__lt=one.at), pk=chats[one.address].pk).update(
            wrote_at=one.at
        )
        hear(channel, [_answer(one, zone)], now=now)
    return len(fresh)


def _chats(channel: Channel, keys: set[str]) -> dict[str, Chat]:
    contacts = contacts_by_key(Medium.WECOM, keys)
    made = [Chat(channel=channel, key=key, contact_id=contacts.get(key)) for key in sorted(keys)]
    Chat.objects.bulk_create(made, ignore_conflicts=True)
    return {one.key: one for one in Chat.objects.filter(channel=channel, key__in=keys)}


def _answer(one: Said, zone: ZoneInfo) -> Heard:
    mark = f"line:{one.key}" if is_refusal(one.text) else f"chat:{local_day(one.at, zone)}"
    return Heard("replied", one.at, address=one.address, text=one.text or f"[{one.form}]", mark=mark)


def tell_chats(*, now: dt.datetime) -> int:
    """Bind chats to contacts that became known, make conversations of what was said with them, ask what the others are called, delete
    lines after 30 days. Returns how many lines stand in conversations that did not before."""
    _bind()
    told = 0
    unkept = ChatLine.objects.filter(is_kept=False, chat__contact__isnull=False).select_related("chat")
    while lines := list(unkept.order_by("pk")[:_TOGETHER]):
        with transaction.atomic():
            _tell(lines, now)
            ChatLine.objects.filter(pk__in=[one.pk for one in lines]).update(is_kept=True)
        told += len(lines)
    _ask_names()
    ChatLine.objects.filter(at__lt=now - _KEPT).delete()
    silent = Chat.objects.filter(contact=None, is_aside=False, wrote_at__lt=now - _KEPT)
    silent.annotate(n=Count("lines")).filter(n=0).delete()
    return told


def _bind() -> None:
    unknown = dict(Chat.objects.filter(contact=None).values_list("pk", "key"))
    contacts = contacts_by_key(Medium.WECOM, unknown.values())
    for pk, key in unknown.items():
        if key in contacts:
            Chat.objects.filter(pk=pk, contact=None).update(contact=contacts[key], is_aside=False)


@transaction.atomic
def set_aside(chat: Chat, *, by: User, now: dt.datetime) -> None:
    """Somebody who is no contact of any account: asked about no more."""
    if Chat.objects.filter(key=chat.key, contact=None).update(is_aside=True):
        audit("chat.set_aside", "chat", [chat.pk], by=by, now=now)


def _ask_names() -> None:
    """What people are called whom nobody knows and the provider has not named yet."""
    asked: dict[int, list[str]] = defaultdict(list)
    nameless = Chat.objects.filter(contact=None, name="", is_aside=False, channel__is_on=True)
    for number, key in nameless.values_list("channel_id", "key")[:_TOGETHER]:
        asked[number].append(key)
    for channel in Channel.objects.filter(pk__in=asked):
        try:
            names = adapter_of(channel).people(asked[channel.pk])
        except (ChannelError, ValueError) as error:
            log.warning("Who wrote to %s: %s", channel.key, error)
            continue
        for key in asked[channel.pk]:
            name = names.get(key, "")[:100] or UNNAMED
            Chat.objects.filter(channel=channel, key=key, name="").update(name=name)


def _tell(lines: Iterable[ChatLine], now: dt.datetime) -> None:
    """Write the conversations of the days of some lines anew, those of the day before too: it may have been answered by now."""
    zone = vendor_zone()
    days: dict[int, set[dt.date]] = defaultdict(set)
    chats: dict[int, Chat] = {}
    for line in lines:
        chats[line.chat_id] = line.chat
        day = local_day(line.at, zone)
        days[line.chat_id] |= {day - _DAY, day}
    homes = Contact.everything.in_bulk({one.contact_id for one in chats.values()})
    adapters: dict[int, ChannelAdapter | None] = {}
    rows = []
    for pk, chat in chats.items():
        contact = homes[chat.contact_id or 0]
        if chat.channel_id not in adapters:
            adapters[chat.channel_id] = _adapter(chat.channel_id)
        for day in sorted(days[pk]):
            found = _day(chat, contact, day, zone, adapters[chat.channel_id])
            rows += [found] if found is not None else []
    load_conversations(rows, by=None, now=now, origin=ORIGIN)


def _adapter(channel: int) -> ChannelAdapter | None:
    """A channel's adapter; None where its secrets cannot be opened: then nobody knows which of us wrote."""
    try:
        return adapter_of(Channel.objects.get(pk=channel))
    except ValueError as error:
        log.warning("Who of us wrote in channel %s: %s", channel, error)
        return None


def _day(
    chat: Chat, contact: Contact, day: dt.date, zone: ZoneInfo, adapter: ChannelAdapter | None
) -> dict[str, object] | None:
    """The conversation of a day; None where only one side wrote: nothing that nobody answered is an exchange."""
    begins, ends = (at_wall(one, dt.time(), zone) for one in (day, day + _DAY))
    near = list(chat.lines.filter(at__gte=begins - _ANSWERED_WITHIN, at__lt=ends + _ANSWERED_WITHIN))
    mine = [one for one in near if begins <= one.at < ends]
    # A line without a member was written by a machine.
    sides = {one.is_theirs for one in near if one.is_theirs or one.member}
    if not mine or len(sides) < 2:
        return None
    members = [one.member for one in near if one.member]
    staff = staff_by_key(adapter, members) if adapter is not None else {}
    by = next((staff[one] for one in reversed(members) if one in staff), None)
    return {
        "external_id": f"{ORIGIN}:{chat.pk}:{day:%Y%m%d}", "account_id": contact.account_id, "kind": Conversation.Kind.CHAT,
        "at": mine[-1].at, "summary": _text(mine, zone), "by_id": by.pk if by is not None else None, "contact_ids": [contact.pk],
    }  # fmt: skip


def _text(lines: Sequence[ChatLine], zone: ZoneInfo) -> str:
    """What was said, line by line, in the vendor's language where it is ours to say; the end of a very long day."""
    language = str(setting("language"))
    text = transcript(((one.at, one.is_theirs, _said(one, language)) for one in lines), zone, language)
    return text if len(text) <= MOST_LETTERS else "…" + text[-MOST_LETTERS:]


def _said(line: ChatLine, language: str) -> str:
    return line.text if line.form == "text" else f"[{in_words(_FORMS.get(line.form, _OTHER), language)}]"
