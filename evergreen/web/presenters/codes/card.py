"""What an account's page shows of its contact codes: the codes, and who came by them that nobody knows."""

from __future__ import annotations

from functools import cached_property

from evergreen.customers.models import Account, Contact
from evergreen.touches.addressing import contacts_without_key
from evergreen.touches.codes import looking
from evergreen.touches.codes.keeping import channels
from evergreen.touches.models import ContactCode, Medium, Tie
from evergreen.web.presenters.codes.listing import state_of


class CodesCard:
    """The codes of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @cached_property
    def lines(self) -> list[tuple[looking.Line, str, str]]:
        rows = ContactCode.objects.filter(account=self._account, ended_at=None)
        rows = rows.select_related("account__owner", "contact", "channel", "welcome")
        return [(one, *state_of(one.code)) for one in looking.lines_of(list(rows[:50]))]

    @cached_property
    def strangers(self) -> list[tuple[Tie, ContactCode]]:
        return looking.strangers_of(self._account)

    @cached_property
    def contacts(self) -> list[Contact]:
        """Contacts without an id in WeCom."""
        return contacts_without_key(Medium.WECOM, self._account)

    @property
    def can_make(self) -> bool:
        """Whether a channel makes codes."""
        return bool(channels())
