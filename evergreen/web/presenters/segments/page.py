"""A segment: what it says, who is in it, how it grew, who came and went."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.base.conditions import ConditionError, fields_of, from_data
from evergreen.base.models import User
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.metrics import registry
from evergreen.metrics.models import Segment, SegmentMove
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments import queries
from evergreen.web import formats
from evergreen.web.presenters.charts import Series, over_time
from evergreen.web.presenters.segments.listing import line_of

PAGE = 50
HISTORY_DAYS = 180
_MOVES = 30


@dataclass(frozen=True, slots=True)
class Member:
    account: Account
    since: dt.date


class SegmentPage:
    """What a segment's page shows to a person: the accounts that the person may see."""

    def __init__(self, user: User, segment: Segment, query: QueryDict, today: dt.date) -> None:
        self.user, self.segment, self._query, self._today = user, segment, query, today
        self._fields = catalogue.all_fields()
        self.line = line_of(segment, self._fields, user)
        self.name = self.line.name

    @property
    def is_in_files(self) -> bool:
        return self.segment.is_in_files

    @cached_property
    def text(self) -> str:
        """The condition as text; none where it names amounts that the reader may not see."""
        try:
            return queries.text_of(self.segment, self._fields, hides_money=not self.user.sees_money)
        except ConditionError:
            return ""

    @cached_property
    def metrics(self) -> list[tuple[str, str]]:
        """The metrics that it reads: (key, name)."""
        try:
            used = fields_of(from_data(self.segment.condition))
        except ConditionError:
            return []
        keys = [key for field, key in catalogue.metric_of().items() if field in used]
        return [(key, formats.named(dict(registry.metric(key).name))) for key in keys]

    @cached_property
    def page(self) -> Page[Account]:
        number = self._query.get("page")
        rows = queries.members(self.segment, self.user).select_related("owner").order_by("name_key", "pk")
        return Paginator(rows, PAGE).get_page(number)

    @cached_property
    def members(self) -> list[Member]:
        accounts = list(self.page.object_list)
        since = dict(
            SegmentMember.objects.filter(segment=self.segment.key, account__in=accounts).values_list(
                "account_id", "since"
            )
        )
        return [Member(account, since[account.pk]) for account in accounts]

    @cached_property
    def is_partial(self) -> bool:
        """Whether the reader may see only some of the book: then nothing here counts the rest."""
        return not sees_every_account(self.user)

    @cached_property
    def history(self) -> dict[str, Any] | None:
        if self.is_partial:
            return None
        days = queries.history(self.segment, self._today - dt.timedelta(days=HISTORY_DAYS))
        if len(days) < 2:
            return None
        return over_time([Series(_("accounts"), [(one.day, one.accounts) for one in days])], least=0)

    @cached_property
    def moves(self) -> list[SegmentMove]:
        """Who came and went last, of those the reader may see; not who was in it from its beginning."""
        mine = accounts_for(self.user)
        rows = self.segment.moves.filter(account__in=mine, cause=SegmentMove.Cause.DATA)
        return list(rows.select_related("account").order_by("-day", "account__name_key")[:_MOVES])
