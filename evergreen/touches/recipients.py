"""Whom a message or a question is for at an account, and by which channel each is reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.customers.models import Account, Contact
from evergreen.touches.addressing import medium_ids, reach
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import CONTACTS, STAFF, ChannelAdapter
from evergreen.touches.chats.windows import rooms
from evergreen.touches.models import Channel, Medium
from evergreen.touches.values import Person

OWNER, GROUP = "owner", "group"
# Who of an account's contacts is meant.
ROLES = ("champion", "sponsor", *Contact.ChainRole.values)
CONTACT_RECIPIENTS = ("first", *ROLES, "everybody")
RECIPIENTS = (*CONTACT_RECIPIENTS, OWNER, GROUP)


def read_ways(given: object) -> tuple[list[str], list[str]]:
    """What was written as the ways out, a list or words, as a list; and the media and channels that it may name. The first is empty
    where something else is named.
    """
    listed = given.replace(",", " ").split() if isinstance(given, str) else given
    listed = [str(one) for one in listed] if isinstance(listed, list) else []
    known = {*Channel.objects.values_list("key", flat=True), *Medium.values} - {Medium.WEBHOOK.value}
    return (listed if set(listed) <= known else []), sorted(known)


class Recipients:
    """Who is meant at some accounts, and by which channel each is reached."""

    def __init__(self, accounts: Collection[int]) -> None:
        self._channels = list(Channel.objects.order_by("pk"))
        self._adapters = {one.pk: registry.adapter_class(one.kind) for one in self._channels}
        self._personal = registry.personal_kinds()
        self._contacts: dict[int, list[Contact]] = defaultdict(list)
        for contact in Contact.objects.filter(account__in=accounts, left_on=None).order_by("pk"):
            self._contacts[contact.account_id].append(contact)
        self._owners = dict(
            Account.objects.filter(pk__in=accounts, owner__is_active=True).values_list("pk", "owner_id")
        )
        people = [one.pk for listed in self._contacts.values() for one in listed]
        self._ids = {medium: medium_ids(medium, people) for medium in Medium.values}
        # Those who may be answered now, by channels that may only answer.
        self._open: dict[int, Collection[str]] = {}
        for one in self._channels:
            adapter = self._adapters[one.pk]
            if adapter.window is not None:
                ids = self._ids[adapter.medium].values()
                self._open[one.pk] = rooms(one, adapter.window, ids, clock.utc_now())

    def of(self, account: int, to: str, by: Sequence[str]) -> list[tuple[Person, Channel, str]]:
        """(whom, by which channel, why not) at one account; at least one, so that what was not sent stands there too.

        ``to`` is one of ``RECIPIENTS``, ``by`` names media and channels in the order in which they are tried. Raises LookupError
        where no channel fits.
        """
        if to == GROUP:
            return [(Person(account), self._first(by, to), "")]
        if to == OWNER:
            owner = self._owners.get(account)
            channel = self._first(by, to)
            return [(Person(account, staff=owner), channel, "" if owner else "no_owner")]
        meant = self.meant(account, to)
        if not meant:
            return [(Person(account), self._first(by, to), "no_contact")]
        return [self._reached(by, to, contact) for contact in meant]

    def meant(self, account: int, to: str) -> list[Contact]:
        """The contacts of an account that are meant."""
        contacts = self._contacts[account]
        match to:
            case "everybody":
                return list(contacts)
            case "champion":
                return [one for one in contacts if one.is_champion]
            case "sponsor":
                return [one for one in contacts if one.is_sponsor]
            case "first":
                order = (
                    *(role for role in ROLES if role != Contact.ChainRole.PURCHASER),
                    Contact.ChainRole.PURCHASER.value,
                )
                ranked = sorted(
                    contacts,
                    key=lambda one: (
                        min((n for n, role in enumerate(order) if self._is(one, role)), default=99),
                        one.pk,
                    ),
                )
                return ranked[:1]
        return [one for one in contacts if one.role == to]

    @staticmethod
    def _is(contact: Contact, role: str) -> bool:
        if role in {"champion", "sponsor"}:
            return bool(getattr(contact, f"is_{role}"))
        return contact.role == role

    def _reached(self, by: Sequence[str], to: str, contact: Contact) -> tuple[Person, Channel, str]:
        person = Person(contact.account_id, contact=contact.pk)
        shut: Channel | None = None
        for channel in self._listed(by, to):
            medium = self._adapters[channel.pk].medium
            address = reach(contact, medium, self._ids[medium])
            if address and address in self._open.get(channel.pk, (address,)):
                return person, channel, ""
            shut = channel if address and shut is None else shut
        if shut is not None:
            return person, shut, "no_window"
        return person, self._first(by, to), "no_address"

    def _listed(self, by: Sequence[str], to: str) -> list[Channel]:
        """The channels of a step in its order, those that are on before those that are off; of one medium those that may only answer
        come first: what they may send goes at once."""
        found = []
        for wanted in by:
            for channel in sorted(self._channels, key=lambda one: one.pk not in self._open):
                adapter = self._adapters[channel.pk]
                if (
                    self._fits(adapter, to)
                    and wanted in {channel.key, adapter.medium}
                    and channel not in found
                ):
                    found.append(channel)
        return sorted(found, key=lambda one: not one.is_on)

    def _fits(self, adapter: type[ChannelAdapter], to: str) -> bool:
        """Whether a kind of channel reaches who is meant: an owner in person, a group of ours by its robot, a contact."""
        if to == OWNER:
            return adapter.kind in self._personal
        if to == GROUP:
            return adapter.audience == STAFF and adapter.kind not in self._personal
        return adapter.audience == CONTACTS

    def _first(self, by: Sequence[str], to: str) -> Channel:
        listed = self._listed(by, to)
        if not listed:
            raise LookupError(
                _("No channel fits %(by)s for %(to)s: set one up, or choose another.")
                % {"by": ", ".join(by), "to": to}
            )
        return listed[0]
