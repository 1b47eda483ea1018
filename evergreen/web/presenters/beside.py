"""The page beside a chat in WeCom: whose chat it is, why the account stands as it does, what to do, what to send."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property
from urllib.parse import urlencode

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.customers.models import Account, Contact, ContactId, Note
from evergreen.customers.queries import accounts_for, notes_of
from evergreen.health.queries import standing_of
from evergreen.metrics.queries import newest
from evergreen.touches.addressing import SYSTEMS
from evergreen.touches.beside.sending import material
from evergreen.touches.models import CustomerGroup, Medium, Tie
from evergreen.web import formats
from evergreen.web.presenters.account import attention, people
from evergreen.web.presenters.account.heading import Heading, heading, may_edit
from evergreen.web.presenters.account.health import HealthCard, Line, health_card
from evergreen.work.queries import last_conversations

_FOUND, _REASONS, _NOTES, _THINGS = 20, 3, 2, 4


class Beside:
    """What stands beside a chat: with ``contact`` and ``account``, or who it might be."""

    def __init__(
        self,
        user: User,
        *,
        external: str = "",
        chat: str = "",
        contact: str = "",
        account: str = "",
        text: str = "",
        today: dt.date,
        now: dt.datetime,
        currency: str,
    ) -> None:
        self.user, self.today, self.now, self.vendor_currency = user, today, now, currency
        self.external, self.chat, self.text = external[:64], chat[:64], text.strip()[:100]
        self._contact, self._account = contact, account

    @cached_property
    def contact(self) -> Contact | None:
        """Whose chat it is: by WeCom's id, or as it was chosen; None for somebody unknown or not to be seen."""
        rows = Contact.objects.filter(account__in=accounts_for(self.user)).select_related(
            "account__owner", "reports_to"
        )
        if self._contact.isdecimal() and len(self._contact) < 19:
            return rows.filter(pk=int(self._contact)).first()
        held = self._held
        return rows.filter(pk=held.contact_id).first() if held is not None else None

    @cached_property
    def _held(self) -> ContactId | None:
        if not self.external:
            return None
        return ContactId.objects.filter(system=SYSTEMS[Medium.WECOM], value=self.external).first()

    @property
    def is_hidden(self) -> bool:
        """Whether the person is known, at an account that the reader may not see."""
        return self._held is not None and self.contact is None and not self._contact

    @cached_property
    def group(self) -> CustomerGroup | None:
        if not self.chat:
            return None
        return CustomerGroup.objects.filter(external_id=self.chat, ended_at=None).first()

    @cached_property
    def accounts(self) -> list[Account]:
        """The accounts of the group whose chat it is."""
        if self.group is None:
            return []
        return list(accounts_for(self.user).filter(customer_groups=self.group).order_by("name"))

    @cached_property
    def account(self) -> Account | None:
        if self.contact is not None:
            return self.contact.account
        if self._account.isdecimal() and len(self._account) < 19:
            return accounts_for(self.user).filter(pk=int(self._account)).select_related("owner").first()
        return self.accounts[0] if len(self.accounts) == 1 else None

    @property
    def is_stranger(self) -> bool:
        """Whether WeCom named somebody whom nobody knows."""
        return bool(self.external) and self._held is None

    @cached_property
    def tie(self) -> Tie | None:
        """What WeCom told of somebody: name and company as a colleague wrote them."""
        return (
            Tie.objects.filter(key=self.external).exclude(name="").order_by("-added_at").first()
            if self.external
            else None
        )

    @cached_property
    def found(self) -> Sequence[Contact]:
        """People whom the search may mean."""
        if not self.text:
            return []
        rows = Contact.objects.filter(account__in=accounts_for(self.user), left_on=None).select_related(
            "account"
        )
        hit = (
            Q(name__icontains=self.text)
            | Q(email__icontains=self.text)
            | Q(account__name__icontains=self.text)
        )
        return list(rows.filter(hit).order_by("account__name", "name")[:_FOUND])

    @cached_property
    def found_accounts(self) -> Sequence[Account]:
        """Accounts at which a new contact may be made."""
        if not self.text:
            return []
        rows = accounts_for(self.user)
        return list(rows.filter(Q(name__icontains=self.text) | Q(external_id=self.text)).order_by("name")[:5])

    # What stands there of an account

    @property
    def may_write(self) -> bool:
        return may_edit(self.user)

    @cached_property
    def head(self) -> Heading | None:
        return heading(self.account, "overview", self.today) if self.account is not None else None

    @cached_property
    def health(self) -> HealthCard | None:
        if self.account is None:
            return None
        figures = newest(self.account)
        currency = figures.currency if figures else self.account.currency or self.vendor_currency
        return health_card(standing_of(self.account), currency, self.today)

    @property
    def reasons(self) -> list[Line]:
        """What costs most."""
        lines = self.health.lines if self.health is not None else None
        return [one for one in lines or () if not one.missing][:_REASONS]

    @cached_property
    def _things(self) -> tuple[list[attention.Thing], int]:
        if self.account is None:
            return [], 0
        return attention.things(self.account, self.user, self.today)

    @property
    def things(self) -> list[attention.Thing]:
        return self._things[0][:_THINGS]

    @property
    def tomorrow(self) -> dt.date:
        return self.today + dt.timedelta(days=1)

    @property
    def more_things(self) -> int:
        return max(self._things[1] - _THINGS, 0)

    @cached_property
    def points(self) -> list[str]:
        """What to speak of: gaps of the decision chain, how long nobody spoke, the renewal."""
        account = self.account
        if account is None:
            return []
        found = []
        last = last_conversations(account).with_anyone
        if last is None:
            found.append(_("Nobody has spoken with them yet."))
        else:
            days = (self.today - timezone.localtime(last).date()).days
            if days > 30:
                found.append(_("Nobody has spoken with them for %(days)s.") % {"days": formats.days(days)})
        if account.renewal_on is not None and 0 <= (account.renewal_on - self.today).days <= 180:
            left = formats.days((account.renewal_on - self.today).days)
            found.append(_("The subscription ends in %(days)s: ask how they decide.") % {"days": left})
        return found + people.chain(account, self.today).gaps[:2]

    @cached_property
    def material(self) -> list[tuple[str, str, str]]:
        """(template's key, name, text for this contact) of what may be sent with a tap."""
        if self.contact is None or not self.may_write:
            return []
        return [
            (one.key, formats.named(one.name) or one.key, text)
            for one, text in material(self.contact, now=self.now)
        ]

    @cached_property
    def notes(self) -> list[Note]:
        return list(notes_of(self.account)[:_NOTES]) if self.account is not None else []

    @property
    def query(self) -> str:
        """What asks for the same again."""
        told = {
            "external": self.external, "chat": self.chat, "contact": self._contact, "account": self._account,
        }  # fmt: skip
        return urlencode({key: value for key, value in told.items() if value})
