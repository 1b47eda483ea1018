"""One alert rule: what it looks at, what came of its alerts, and what it would have raised in the last 90 nights."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.alerts.models import Rule
from evergreen.alerts.trying import Trial, trial
from evergreen.base.conditions import ConditionError, Field
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.events import store
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments import queries
from evergreen.web import formats
from evergreen.web.presenters.alert_rules.listing import (
    RuleLine,
    Threshold,
    note_of,
    rule_lines,
    thresholds,
)
from evergreen.web.presenters.charts import Series, over_time

SHOWN = 10


class RulePage:
    """``typed`` are thresholds as they were sent and refused."""

    def __init__(
        self, user: User, rule: Rule, now: dt.datetime, typed: Mapping[str, Any] | None = None
    ) -> None:
        self.user, self.rule, self.now, self.typed = user, rule, now, typed

    @cached_property
    def fields(self) -> dict[str, Field]:
        return catalogue.all_fields()

    @cached_property
    def line(self) -> RuleLine:
        return rule_lines(self.now, self.user, self.fields, self.rule.key)[0]

    @property
    def note(self) -> str:
        return note_of(self.rule)

    @property
    def thresholds(self) -> list[Threshold]:
        return thresholds(self.rule, self.typed)

    @cached_property
    def text(self) -> str:
        """Its condition as text; none where it names amounts that the reader may not see."""
        if not self.rule.is_condition:
            return ""
        try:
            return queries.text_of(self.rule, self.fields, hides_money=not self.user.sees_money)
        except ConditionError:
            return ""

    @property
    def closes(self) -> str:
        """When its alerts close by themselves."""
        n = self.rule.clear_nights
        if self.rule.is_event:
            return _("An alert closes by itself when it did not come again for so many nights: %(n)s.") % {
                "n": n
            }
        if n == 1:
            return _("An alert closes by itself in the night in which the condition is gone.")
        return _("An alert closes by itself when the condition has been gone for %(n)s nights.") % {"n": n}

    @property
    def held(self) -> str:
        """What the storm guard held, in a sentence."""
        told = self.rule.held
        if not told:
            return ""
        return _("In the night of %(day)s it would have opened %(n)s alerts at once, %(share)s of all accounts: more than %(most)s. Nothing was opened.") % {
            "day": formats.day(dt.date.fromisoformat(told["day"])), "n": formats.number(told["accounts"]),
            "share": formats.percent(told["accounts"] / max(1, told["of"])), "most": formats.percent(self.rule.most_share),
        }  # fmt: skip


class TrialPage:
    """A rule, saved or not, held against the last 90 nights."""

    def __init__(self, user: User, rule: Rule) -> None:
        self.user, self.rule = user, rule

    @cached_property
    def _found(self) -> tuple[Trial | None, list[str]]:
        try:
            return trial(store.reading(), self.rule), []
        except ConditionError as error:
            return None, error.problems

    @property
    def trial(self) -> Trial | None:
        return self._found[0]

    @property
    def problems(self) -> list[str]:
        return self._found[1]

    @property
    def sentence(self) -> str:
        found = self._found[0]
        if found is None:
            return ""
        if not found.opened:
            return _("It would have raised nothing.")
        said = ngettext("It would have opened %(n)s alert", "It would have opened %(n)s alerts", found.opened)
        return (said + _(" on %(accounts)s of %(of)s accounts.")) % {
            "n": formats.number(found.opened), "accounts": formats.number(found.accounts), "of": formats.number(found.of),
        }  # fmt: skip

    @property
    def worth(self) -> str:
        """How many of the accounts with an alert were lost after it, beside the others."""
        found = self._found[0]
        if found is None or not found.accounts or found.accounts == found.of:
            return ""
        others = found.of - found.accounts
        return _("Of those %(lost)s were lost after it (%(share)s); of the %(others)s others %(gone)s (%(rate)s).") % {
            "lost": formats.number(found.lost), "share": formats.percent(found.lost / found.accounts, 1),
            "others": formats.number(others), "gone": formats.number(found.lost_others),
            "rate": formats.percent(found.lost_others / others, 1),
        }  # fmt: skip

    @property
    def a_week(self) -> str:
        """How many new alerts a week it makes, which is what somebody has to work through."""
        found = self._found[0]
        if found is None or len(found.nights) < 2:
            return ""
        days = (found.nights[-1].day - found.nights[0].day).days + 1
        later = found.opened - found.nights[0].opened
        return formats.number(later / days * 7, 1)

    @property
    def chart(self) -> dict[str, Any] | None:
        found = self._found[0]
        if found is None or not found.opened or len(found.nights) < 3:
            return None
        opened = [(night.day, night.opened) for night in found.nights]
        standing = [(night.day, night.open) for night in found.nights]
        return over_time(
            [
                Series(_("opened in the night"), opened, "var(--c5)", kind="bar"),
                Series(_("open"), standing, "var(--c1)"),
            ],
            least=0,
        )

    @property
    def largest(self) -> list[Account]:
        """The accounts with most ARR whose alert would be open now, of those that the reader may see."""
        found = self._found[0]
        keys = list(found.open_now) if found else []
        seen = accounts_for(self.user).filter(pk__in=keys[: 20 * SHOWN]).select_related("owner")
        rows = {one.pk: one for one in seen}
        return [rows[key] for key in keys if key in rows][:SHOWN]

    @property
    def assumed(self) -> str:
        """The fields that are taken as they stand now, by name."""
        found = self._found[0]
        known = catalogue.all_fields() if found and found.assumed else {}
        names = [
            known[key].label(formats.language()) for key in (found.assumed if found else ()) if key in known
        ]
        return ("、" if formats.is_zh() else ", ").join(names)
