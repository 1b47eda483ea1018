"""Where the people of some messages are reached by a channel, as it stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evergreen.base.models import User
from evergreen.base.upserts import in_batches
from evergreen.customers.models import Account, Contact, ContactId
from evergreen.touches import rules
from evergreen.touches.channels.contract import ChannelAdapter
from evergreen.touches.models import Channel, CustomerGroup, Medium, Message
from evergreen.touches.ways import adapter_of

# The system under which a contact's id of a medium is kept.
SYSTEMS = {Medium.WECOM: "wecom"}


def reach(contact: Contact, medium: str, ids: Mapping[int, str]) -> str:
    """A contact's address by a medium; '' for none. ``ids`` are those of a medium that has its own, by contact."""
    if medium == Medium.MAIL:
        return contact.email
    if medium == Medium.IN_APP:
        # Ids of users may repeat between accounts.
        return f"{contact.end_user}@{contact.account_id}" if contact.end_user else ""
    if medium == Medium.SMS:
        return rules.phone_number(contact.phone)
    return ids.get(contact.pk, "")


def medium_ids(medium: str, contacts: Sequence[int]) -> dict[int, str]:
    """The contacts' ids of a medium that has its own."""
    if medium not in SYSTEMS:
        return {}
    rows = ContactId.objects.filter(system=SYSTEMS[Medium(medium)], contact__in=contacts).order_by("pk")
    return dict(rows.values_list("contact_id", "value"))


def contacts_by_key(medium: str, keys: Iterable[str]) -> dict[str, int]:
    """Contacts by their ids of a medium that has its own."""
    found: dict[str, int] = {}
    for some in in_batches(sorted(set(keys))):
        rows = ContactId.objects.filter(system=SYSTEMS[Medium(medium)], value__in=some)
        found |= dict(rows.values_list("value", "contact_id"))
    return found


def contacts_without_key(medium: str, account: Account) -> list[Contact]:
    """Contacts of an account whom no id of this medium names yet, by name: whom somebody unknown may turn out to be."""
    rows = Contact.objects.filter(account=account, left_on=None)
    return list(rows.exclude(external_ids__system=SYSTEMS[Medium(medium)]).order_by("name")[:300])


def staff_by_key(adapter: ChannelAdapter, keys: Iterable[str]) -> dict[str, User]:
    """Our people by their ids at a provider: by the address that the channel names, else by what stands before its @."""
    people = {one.email.casefold(): one for one in User.objects.filter(is_active=True)}
    names = {email.partition("@")[0]: one for email, one in people.items()}
    found = {}
    for key in keys:
        person = people.get(adapter.email_of(key).casefold()) or names.get(key.casefold())
        if person is not None:
            found[key] = person
    return found


class Addresses:
    """The addresses of messages of one channel, by message."""

    def __init__(
        self, messages: Sequence[Message], contacts: Mapping[int, Contact], channel: Channel
    ) -> None:
        ids = medium_ids(messages[0].medium, list(contacts))
        asked = {one.group_id for one in messages if one.group_id is not None}
        live = CustomerGroup.objects.filter(pk__in=asked, ended_at=None)
        groups = dict(live.values_list("pk", "external_id")) if asked else {}
        staff = User.objects.in_bulk({one.staff_id for one in messages if one.staff_id is not None})
        adapter = adapter_of(channel) if staff else None
        self._found: dict[int, str] = {}
        for one in messages:
            if one.contact_id is not None:
                contact = contacts.get(one.contact_id)
                # Who was merged is reached as who stays.
                self._found[one.pk] = reach(contact, one.medium, ids) if contact is not None else ""
            elif one.group_id is not None:
                self._found[one.pk] = groups.get(one.group_id) or ""
            elif one.staff_id is not None and adapter is not None:
                person = staff.get(one.staff_id)
                is_there = person is not None and person.is_active
                self._found[one.pk] = (
                    adapter.address_of(person.email) if is_there and person is not None else ""
                )
            else:
                # A group's robot or a webhook: the channel is the address.
                self._found[one.pk] = channel.key

    def __getitem__(self, message: Message) -> str:
        return self._found[message.pk]

    @property
    def all(self) -> list[str]:
        return sorted({one for one in self._found.values() if one})

    @property
    def keys(self) -> list[str]:
        """Each address as the ledger and the list of dead ones have it, by every medium it may be of."""
        return sorted(
            {
                key
                for one in self.all
                for medium in ("mail", "sms", "wecom", "in_app")
                if (key := rules.address_key(medium, one))
            }
        )
