"""Trends, stickiness and penetration as sentence, drawing and rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.working_days import for_vendor
from evergreen.web import formats
from evergreen.web.presenters.analytics import drawings
from evergreen.web.presenters.analytics.figures.answered import Figure, Row, colored
from evergreen.web.presenters.analytics.naming import unit_word
from evergreen.web.presenters.charts import Series, bars, over_time


class TrendFigure(Figure):
    @cached_property
    def lines(self) -> list[tuple[str, list[int]]]:
        several = len(self.question.what) > 1
        found = []
        for one in self.answer["series"]:
            what = next((what for what in self.question.what if str(what) == one["what"]), None)
            words = [self.names.what(what)] if several and what else []
            words += [name] if (name := self.group(one["group"])) else []
            found.append((" · ".join(words) or self.measure, one["values"]))
        return found

    @property
    def measure(self) -> str:
        window = self.question.window
        unit = unit_word(self.question.measure, 2)
        if window == 1:
            return _("%(unit)s a day") % {"unit": unit}
        return _("%(unit)s in %(n)s days") % {"unit": unit, "n": window}

    @property
    def is_empty(self) -> bool:
        return not any(any(values) for _name, values in self.lines)

    @property
    def option(self) -> dict[str, Any]:
        series = [
            Series(name, list(zip(self.days, values, strict=True)), colored(place))
            for place, (name, values) in enumerate(self.lines)
        ]
        return over_time(series, since=self.since, until=self.until)

    @cached_property
    def _compared(self) -> tuple[int, list[int], list[int]] | None:
        """Weeks at either end whose working days are held against each other, and the places of those days in the first of
        them and the last; None where the range is too short, or a window of days makes every day comparable anyway.
        """
        weeks = 4 if len(self.days) >= 56 else 1
        if self.question.window > 1 or len(self.days) < 14:
            return None
        calendar = for_vendor()
        worked = [at for at, day in enumerate(self.days) if calendar.working_or_weekday(day)[0]]
        first = [at for at in worked if at < weeks * 7]
        last = [at for at in worked if at >= len(self.days) - weeks * 7]
        return (weeks, first, last) if first and last else None

    @property
    def sentence(self) -> str:
        if self._compared is not None:
            return self._working_days(*self._compared)
        _name, values = self.lines[0]
        said = {"day": formats.day(self.until), "n": formats.number(values[-1]), "unit": self.measure}
        if len(self.lines) > 1:
            each = [f"{name} {formats.number(values[-1])}" for name, values in self.lines]
            return _("%(unit)s, %(day)s: %(each)s.") % {**said, "each": ", ".join(each)}
        return _("%(day)s: %(n)s %(unit)s; %(before)s at the beginning.") % {
            **said,
            "before": formats.number(values[0]),
        }

    def _working_days(self, weeks: int, first: list[int], last: list[int]) -> str:
        """A weekend beside a working day would look like a collapse."""

        def usual(values: list[int], places: list[int]) -> str:
            mean = sum(values[at] for at in places) / len(places)
            return formats.number(mean, 0 if mean >= 100 else 1)

        said = {"unit": self.measure, "weeks": formats.number(weeks)}
        if len(self.lines) > 1:
            each = [f"{name} {usual(values, last)}" for name, values in self.lines]
            return ngettext(
                "%(unit)s, mean of the last week's working days: %(each)s.",
                "%(unit)s, mean of the working days of the last %(weeks)s weeks: %(each)s.",
                weeks,
            ) % {**said, "each": ", ".join(each)}
        _name, values = self.lines[0]
        return ngettext(
            "%(n)s %(unit)s, mean of the last week's working days; %(before)s in the first week.",
            "%(n)s %(unit)s, mean of the working days of the last %(weeks)s weeks; %(before)s in the first %(weeks)s weeks.",
            weeks,
        ) % {**said, "n": usual(values, last), "before": usual(values, first)}

    @property
    def formula(self) -> str:
        days = self.question.window
        if self.question.measure == "uses":
            said = ngettext(
                "Sum of uses of each day.", "Sum of uses over the %(n)s days that end with each day.", days
            )
        elif self.question.measure == "accounts":
            said = ngettext(
                "Distinct accounts with a use on each day.",
                "Distinct accounts with a use in the %(n)s days that end with each day.",
                days,
            )
        else:
            said = ngettext(
                "Distinct end users with a use on each day.",
                "Distinct end users with a use in the %(n)s days that end with each day.",
                days,
            )
        return said % {"n": days}

    def table(self) -> tuple[list[str], list[Row]]:
        head = [_("Day"), *(name for name, _values in self.lines)]
        rows: list[Row] = [
            [day.isoformat(), *(values[at] for _name, values in self.lines)]
            for at, day in enumerate(self.days)
        ]
        return head, rows


class StickinessFigure(Figure):
    @cached_property
    def lines(self) -> list[tuple[str, list[float | None]]]:
        return [(self.group(one["group"]) or _("Stickiness"), one["values"]) for one in self.answer["series"]]

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for _name, values in self.lines for value in values)

    @property
    def option(self) -> dict[str, Any]:
        series = [
            Series(
                name,
                [
                    (day, None if value is None else round(value * 100, 2))
                    for day, value in zip(self.days, values, strict=True)
                ],
                colored(place),
            )
            for place, (name, values) in enumerate(self.lines)
        ]
        return over_time(series, least=0, unit="%", since=self.since, until=self.until)

    @property
    def spread(self) -> dict[str, Any]:
        """End users by how many of the last 28 days they were active on."""
        counts = self.answer["spread"]
        labels = [str(n) for n in range(1, len(counts) + 1)]
        return bars(labels, [(unit_word("users", 2), "var(--c2)", counts)])

    @property
    def sentence(self) -> str:
        value = self.lines[0][1][-1] if self.lines else None
        return _("On a working day %(share)s of the end users of 28 days come, as of %(day)s.") % {
            "share": formats.percent(value, 1),
            "day": formats.day(self.until),
        }

    @property
    def formula(self) -> str:
        return _("Mean daily end users of the working days of 28 days ÷ end users of these 28 days.")

    def table(self) -> tuple[list[str], list[Row]]:
        head = [_("Day"), *(name for name, _values in self.lines)]
        rows: list[Row] = [
            [day.isoformat(), *(values[at] for _name, values in self.lines)]
            for at, day in enumerate(self.days)
        ]
        return head, rows


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """One feature: shares of active end users and of entitled accounts."""

    key: str
    name: str
    is_core: bool
    users: int
    share: float | None
    accounts: int
    entitled: int
    entitled_share: float | None
    uses: int
    group: str = ""


class PenetrationFigure(Figure):
    @cached_property
    def features(self) -> list[FeatureLine]:
        found = []
        for row in self.answer["features"]:
            active = self.answer["active"].get(str(row["grp"]), {}).get("users", 0)
            entitled = 0 if self.question.by else self.answer["entitled"].get(row["feature"], 0)
            found.append(
                FeatureLine(
                    key=row["feature"],
                    name=self.names.features.get(row["feature"], row["feature"]),
                    is_core=row["feature"] in self.names.core,
                    users=row["users"],
                    share=row["users"] / active if active else None,
                    accounts=row["accounts"],
                    entitled=entitled,
                    entitled_share=row["entitled_accounts"] / entitled if entitled else None,
                    uses=row["uses"],
                    group=self.group(row["grp"]),
                )
            )
        return found

    @property
    def unused(self) -> list[FeatureLine]:
        """Features that entitled accounts have and nobody used."""
        seen = {one.key for one in self.features}
        return [
            FeatureLine(key, self.names.features.get(key, key), key in self.names.core, 0, 0.0, 0, n, 0.0, 0)
            for key, n in sorted(self.answer["entitled"].items())
            if key not in seen
        ]

    @property
    def lines(self) -> list[FeatureLine]:
        return self.features if self.question.by else self.features + self.unused

    @property
    def is_empty(self) -> bool:
        return not self.features

    @property
    def option(self) -> dict[str, Any] | None:
        if not self.question.by:
            return None
        top = list(dict.fromkeys(one.name for one in self.features))[:15]
        groups = list(dict.fromkeys(one.group for one in self.features))
        values = {(one.group, one.name): one.share for one in self.features}
        return drawings.grouped_shares(
            top,
            [
                (group, colored(at), [values.get((group, name)) for name in top])
                for at, group in enumerate(groups)
            ],
        )

    @property
    def sentence(self) -> str:
        first = self.features[0]
        active = sum(one["users"] for one in self.answer["active"].values())
        if self.question.by:
            used = len({one.key for one in self.features})
            return ngettext("%(n)s feature in use.", "%(n)s features in use.", used) % {"n": used}
        return _("%(name)s reaches the most: %(share)s of %(active)s active end users.") % {
            "name": first.name,
            "share": formats.percent(first.share),
            "active": formats.number(active),
        }

    @property
    def formula(self) -> str:
        return _(
            "End users of the feature ÷ end users with any use; accounts that use it ÷ living accounts whose editions hold it."
        )

    def table(self) -> tuple[list[str], list[Row]]:
        head = [
            _("Feature"), _("Group"), _("End users"), _("of active"), _("Accounts"), _("Entitled accounts"),
            _("of entitled"), _("Uses"),
        ]  # fmt: skip
        rows: list[Row] = [
            [
                one.name,
                one.group,
                one.users,
                one.share,
                one.accounts,
                one.entitled,
                one.entitled_share,
                one.uses,
            ]
            for one in self.lines
        ]
        return head, rows
