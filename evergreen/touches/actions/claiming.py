"""Take due messages for this worker. Consent, address, quiet hours, working day and caps are asked here, in the transaction
that claims: nothing that was withdrawn before it is sent after it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.customers.models import Contact
from evergreen.touches import ledger, rules
from evergreen.touches.addressing import Addresses
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import Rates
from evergreen.touches.chats.windows import rooms
from evergreen.touches.models import Channel, DeadAddress, Message
from evergreen.touches.queries import limits, setting_of, zone_of
from evergreen.touches.ways import rates_of

State = Message.State
BATCH = 50
LEASE = dt.timedelta(seconds=120)
_LOOKED_BACK = dt.timedelta(days=8)
_AGAIN = dt.timedelta(seconds=60)
_UNDER_WAY = (State.CLAIMED, State.HANDED_OVER)
_NO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """Messages to hand over, and how many were looked at for them."""

    messages: list[Message]
    looked_at: int


def claim(channel_id: int, *, now: dt.datetime, most: int = BATCH) -> Claimed:
    """Claim due messages of a channel, important and old ones first; those that may not go now are put off or held back."""
    with transaction.atomic():
        # One claims of a channel at a time: its rates are exact, and two copies never pass each other.
        channel = Channel.objects.select_for_update().filter(pk=channel_id, is_on=True).first()
        if channel is None or (channel.rests_until is not None and channel.rests_until > now):
            return Claimed([], 0)
        room = _Room.of(channel, now)
        due = Message.objects.filter(channel=channel, state=State.PLANNED, due_at__lte=now)
        if not room.ordinary:
            due = due.filter(priority=Message.Priority.HIGH)
        due = due.exclude(room.full(channel, now))
        found = list(due.order_by("priority", "due_at", "pk")[: min(most, room.high)])
        if not found:
            return Claimed([], 0)
        going = _Claim(channel, room, now).sort(found)
    return Claimed(going, len(found))


@dataclass(slots=True)
class _Room:
    """How many more the channel may take now, in all and of those that are not urgent; and to one recipient."""

    rates: Rates
    high: int
    ordinary: int
    recipients: dict[str, list[dt.datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, channel: Channel, now: dt.datetime) -> _Room:
        rates = rates_of(channel)
        reserved = int(setting_of(channel, "reserved_percent"))
        mine = Message.objects.filter(channel=channel)
        under_way = mine.filter(state__in=_UNDER_WAY)
        high = ordinary = _NO_LIMIT
        for span, most in rates.of_channel:
            if not most:
                continue
            # A provider counts when it gets a message, which is after it was claimed and before it answered: what has no answer
            # yet counts as of now, so no window of the provider's own holds more.
            gone = mine.filter(state__in=Message.COUNTED, ended_at__gt=now - span).count()
            used = gone + under_way.count()
            high = min(high, most - used)
            kept = most * (100 - reserved) // 100 if span.days else most
            ordinary = min(ordinary, kept - used)
        return cls(rates, max(0, high), max(0, ordinary))

    def full(self, channel: Channel, now: dt.datetime) -> Q:
        """Messages to people who got as many as they may: they are not looked at, however many wait."""
        found = Q(pk=None)
        for span, most in self.rates.of_recipient:
            if not most:
                continue
            lately = Message.objects.filter(
                channel=channel, state__in=Message.COUNTED, ended_at__gt=now - span
            )
            for person in ("contact", "staff"):
                counted = (
                    lately.exclude(**{person: None})
                    .values(person)
                    .annotate(n=Count("pk"))
                    .filter(n__gte=most)
                )
                found |= Q(**{f"{person}__in": list(counted.values_list(person, flat=True))})
        return found

    def look(self, channel: Channel, addresses: Sequence[str], now: dt.datetime) -> None:
        """Read what the recipients of a claim got lately, where the channel limits that."""
        longest = max((span for span, most in self.rates.of_recipient if most), default=None)
        if longest is None:
            return
        medium = registry.adapter_class(channel.kind).medium
        theirs = Message.objects.filter(medium=medium, address__in=addresses, channel=channel)
        lately = theirs.filter(Q(ended_at__gt=now - longest) | Q(ended_at=None), state__in=Message.COUNTED)
        for at, address in lately.order_by("ended_at").values_list("ended_at", "address"):
            self.recipients.setdefault(address, []).append(at or now)
        for moments in self.recipients.values():
            moments.sort()

    def takes(self, address: str, now: dt.datetime) -> bool:
        """Whether one more may go to a recipient."""
        return rules.allowance(self.recipients.get(address, ()), now, self.rates.of_recipient) > 0


class _Claim:
    """One claim: what it looks at, and what becomes of each message."""

    def __init__(self, channel: Channel, room: _Room, now: dt.datetime) -> None:
        self._channel, self._room, self._now = channel, room, now
        self._limits: rules.Limits = limits()
        self._days: WorkingDays = for_vendor()
        self._needs = bool(setting_of(channel, "marketing_needs_consent"))
        # By contact, or by group of customers.
        self._history: dict[tuple[int | None, int | None], list[rules.Sent]] = defaultdict(list)
        self._copies: set[tuple[str, str]] = set()
        # How many more each address may get, where the channel may only answer.
        self._answers: dict[str, int] | None = None

    def sort(self, found: Sequence[Message]) -> list[Message]:
        """Those that go, marked as claimed; the others are written as put off or held back."""
        contacts = {one.contact_id for one in found if one.contact_id is not None}
        # Two channels that write to the same person wait for each other here, so that neither passes a cap.
        people = {
            one.pk: one
            for one in Contact.everything.select_for_update().filter(pk__in=contacts).order_by("pk")
        }
        addresses = Addresses(found, people, self._channel)
        lines = ledger.lines_of(people, addresses.keys)
        dead = set(DeadAddress.objects.filter(medium=found[0].medium).filter(address__in=addresses.keys).values_list("address", flat=True))  # fmt: skip
        self._look_back(contacts, found, addresses)
        self._room.look(self._channel, addresses.all, self._now)
        window = registry.adapter_class(self._channel.kind).window
        if window is not None:
            self._answers = rooms(self._channel, window, addresses.all, self._now)
        going = []
        for message in found:
            address, person = addresses[message], people.get(message.contact_id or 0)
            blocked = self._blocked(message, person, address, lines, dead)
            verdict = self._verdict(message, person, blocked)
            if verdict.kind == "go" and not self._may_answer(address):
                verdict = rules.Verdict("hold", "no_window")
            if verdict.kind == "go" and not self._room.takes(address, self._now):
                verdict = rules.Verdict("wait", "rate", self._now + _AGAIN)
            if verdict.kind == "go" and self._take(message, address):
                going.append(message)
            elif verdict.kind != "go":
                self._leave(message, verdict)
        return going

    def _may_answer(self, address: str) -> bool:
        return self._answers is None or self._answers.get(address, 0) > 0

    def _look_back(self, contacts: set[int], found: Sequence[Message], addresses: Addresses) -> None:
        counted = Message.objects.filter(state__in=Message.COUNTED)
        groups = {one.group_id for one in found if one.group_id is not None}
        theirs = Q(contact__in=contacts) | (Q(group__in=groups) if groups else Q(pk=None))
        rows = counted.filter(theirs, claimed_at__gt=self._now - _LOOKED_BACK).exclude(topic="service")
        for contact, group, at, channel, origin in rows.values_list(
            "contact_id", "group_id", "claimed_at", "channel_id", "origin_name"
        ):
            if at is not None:
                self._history[contact, group].append(rules.Sent(at, channel, origin))
        marks = {one.copy_of for one in found if one.copy_of}
        if marks:
            since = self._now - dt.timedelta(days=int(setting_of(self._channel, "copy_days")))
            copies = counted.filter(copy_of__in=marks, address__in=addresses.all, claimed_at__gt=since)
            self._copies = set(copies.values_list("copy_of", "address"))

    def _blocked(
        self,
        message: Message,
        person: Contact | None,
        address: str,
        lines: ledger.Lines,
        dead: set[str],
    ) -> str:
        """Why a message can never go; '' where nothing speaks against it."""
        key = rules.address_key(message.medium, address)
        if not key:
            return "no_address"
        if key in dead:
            return "dead_address"
        if message.copy_of and (message.copy_of, address) in self._copies:
            return "copy"
        if person is None:
            return ""
        if person.left_on is not None:
            return "left"
        told = [*lines.get(person.pk, ()), *lines.get(key, ())]
        return rules.refusal(told, message.medium, message.topic, marketing_needs_consent=self._needs)

    def _verdict(self, message: Message, person: Contact | None, blocked: str) -> rules.Verdict:
        case = rules.Case(
            topic=message.topic,
            medium=message.medium,
            channel=message.channel_id,
            origin=message.origin_name,
            expires_at=message.expires_at,
            zone=zone_of(person),
            is_staff=person is None and message.group_id is None,
            channel_a_day=self._room.rates.contact_a_day,
            blocked=blocked,
        )
        history = self._history[message.contact_id, message.group_id]
        return rules.decide(case, history, self._now, self._limits, self._days)

    def _take(self, message: Message, address: str) -> bool:
        """Claim a message; False where the reserve for urgent ones begins, or where it was withdrawn since it was read."""
        is_ordinary = message.priority != Message.Priority.HIGH
        if is_ordinary and self._room.ordinary <= 0:
            return False
        if not self._still(message).update(
            state=State.CLAIMED,
            claimed_at=self._now,
            leased_until=self._now + LEASE,
            fence=F("fence") + 1,
            address=address,
            reason="",
            detail="",
        ):
            return False
        self._room.ordinary -= is_ordinary
        message.fence, message.address, message.state = message.fence + 1, address, State.CLAIMED
        message.claimed_at, message.leased_until = self._now, self._now + LEASE
        if message.topic != "service":
            sent = rules.Sent(self._now, message.channel_id, message.origin_name)
            self._history[message.contact_id, message.group_id].append(sent)
        self._room.recipients.setdefault(address, []).append(self._now)
        if message.copy_of:
            self._copies.add((message.copy_of, address))
        if self._answers is not None:
            self._answers[address] -= 1
        return True

    @staticmethod
    def _still(message: Message) -> QuerySet[Message]:
        """The message as it was read: nobody has taken it back meanwhile."""
        return Message.objects.filter(pk=message.pk, state=State.PLANNED, fence=message.fence)

    def _leave(self, message: Message, verdict: rules.Verdict) -> None:
        if verdict.kind == "hold":
            self._still(message).update(state=State.HELD_BACK, reason=verdict.reason, ended_at=self._now)
        else:
            self._still(message).update(due_at=verdict.until, reason=verdict.reason, waits=F("waits") + 1)
