"""What a contact may be written to about and by what, and the lines of the ledger that say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.base.queries import setting
from evergreen.customers.models import Contact
from evergreen.touches import rules
from evergreen.touches.addressing import medium_ids, reach
from evergreen.touches.ledger import line_of
from evergreen.touches.models import Consent, DeadAddress, Medium, Topic
from evergreen.web.presenters.messages.words import REASONS

# The media by which contacts are written to.
MEDIA = (Medium.MAIL, Medium.SMS, Medium.WECOM, Medium.IN_APP)


@dataclass(frozen=True, slots=True)
class Standing:
    """A medium: whether the contact is reached by it, and about what."""

    medium: str
    address: str
    topics: list[tuple[str, str, str]]


def lines_of(contact: Contact, addresses: Iterable[str]) -> list[Consent]:
    """The lines that hold for a contact, by itself or by an address of it, newest first."""
    own = Consent.objects.filter(contact=contact)
    same = Consent.objects.filter(address__in=[one for one in addresses if one])
    return list((own | same).select_related("by", "contact").order_by("-at", "-pk").distinct())


class ConsentSheet:
    """The sheet of one contact."""

    def __init__(self, contact: Contact, *, may_write: bool, error: str = "") -> None:
        self.contact, self.may_write, self.error = contact, may_write, error

    @cached_property
    def _addresses(self) -> dict[str, str]:
        return {
            medium: reach(self.contact, medium, medium_ids(medium, [self.contact.pk])) for medium in MEDIA
        }

    @cached_property
    def lines(self) -> list[Consent]:
        return lines_of(
            self.contact, [rules.address_key(medium, one) for medium, one in self._addresses.items()]
        )

    @cached_property
    def standings(self) -> list[Standing]:
        """What would be said today of a message by each medium about each topic."""
        told = [line_of(row) for row in self.lines]
        needs = bool(setting("marketing_needs_consent"))
        dead = set(DeadAddress.objects.values_list("medium", "address"))
        found = []
        for medium in MEDIA:
            address = self._addresses[medium]
            key = rules.address_key(medium, address)
            blocked = "no_address" if not key else "dead_address" if (medium, key) in dead else ""
            topics = []
            for topic, label in Topic.choices:
                why = blocked or rules.refusal(told, medium, topic, marketing_needs_consent=needs)
                topics.append(
                    (str(label), "none" if why else "good", str(REASONS.get(why, "")) or _("may be sent"))
                )
            found.append(Standing(str(medium.label), address, topics))
        return found

    @property
    def media(self) -> list[tuple[str, str]]:
        return [("", _("every way")), *((one.value, str(one.label)) for one in MEDIA)]

    @property
    def topics(self) -> list[tuple[str, str]]:
        return [("", _("every topic")), *((value, str(label)) for value, label in Topic.choices)]

    @property
    def sources(self) -> list[tuple[str, str]]:
        by_people = (Consent.Source.SPOKEN, Consent.Source.FORM, Consent.Source.CONTRACT)
        return [(one.value, str(one.label)) for one in by_people]
