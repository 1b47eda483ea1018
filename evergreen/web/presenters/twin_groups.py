"""A segment twelve months ahead in words, charts and a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.models import Job, User
from evergreen.customers.queries import sees_every_account
from evergreen.foresight import jobs
from evergreen.foresight.twin import outlooks
from evergreen.foresight.twin.levers import LEAST
from evergreen.metrics.models import Segment
from evergreen.metrics.queries import newest_day
from evergreen.web import formats
from evergreen.web.csv_text import amount
from evergreen.web.presenters.charts import Series, over_time
from evergreen.web.presenters.twin import NAMES, share_of, trust

_COLORS = ("var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)")


@dataclass(frozen=True, slots=True)
class Line:
    """A lever's row in words; amounts in minor units. ``roi`` is (10, 50, 90 of 100), None without a cost."""

    key: str
    title: str
    text: str
    silent: str
    told: bool
    is_clear: bool
    is_answer: bool
    gain_cents: list[int]
    gain: str
    span: str
    accounts: str
    cost_cents: int | None
    roi: list[float] | None


class GroupPage:
    """What the address asks for: a segment (blank: the book) and the levers that are shown."""

    def __init__(self, user: User, query: QueryDict, currency: str) -> None:
        self.user, self.currency, self.query = user, currency, query
        self.segments = list(Segment.objects.filter(is_archived=False).order_by("key"))
        known = {one.key: formats.named(one.name) for one in self.segments}
        asked = query.get("segment", "")
        self.segment = asked if asked in known else ""
        self.name = known.get(self.segment, _("All accounts"))
        self.asked = [key for key in NAMES if key in query.getlist("lever")]
        self.levers = self.asked or list(NAMES)

    @property
    def menu(self) -> list[tuple[str, str]]:
        return [("", _("All accounts")), *((one.key, formats.named(one.name)) for one in self.segments)]

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        return [(key, str(name), key in self.levers) for key, name in NAMES.items()]

    @cached_property
    def job(self) -> Job | None:
        return jobs.outlook_under_way(self.segment, self.user)

    @cached_property
    def failed(self) -> Job | None:
        """The newest try, where it failed after the kept answer was made."""
        tries = Job.objects.filter(kind=jobs.OUTLOOK, created_by=self.user).order_by("-created_at", "-pk")[
            :20
        ]
        newest = next((one for one in tries if one.params["segment"] == self.segment), None)
        return newest if newest is not None and newest.state == Job.State.FAILED else None

    @cached_property
    def kept(self) -> Any:
        return outlooks.kept(self.segment, self.user)

    @property
    def report(self) -> Mapping[str, Any]:
        return self.kept.report if self.kept else {}

    @cached_property
    def is_old(self) -> bool:
        """Whether a newer snapshot stands."""
        newest = newest_day()
        return bool(self.kept and newest and newest > self.kept.day)

    @property
    def is_partial(self) -> bool:
        return not sees_every_account(self.user)

    @cached_property
    def line(self) -> str:
        """Under the heading."""
        if not self.kept:
            return self.name
        words = {
            "name": self.name,
            "n": formats.number(self.report["accounts"]),
            "day": formats.day(self.kept.day),
        }
        if self.is_partial:
            return _("%(name)s · %(n)s of your accounts simulated · as of %(day)s") % words
        return _("%(name)s · %(n)s accounts simulated · as of %(day)s") % words

    @cached_property
    def sentence(self) -> str:
        """The answer in a sentence or two, to be copied."""
        report = self.report
        nothing = report["nothing"]
        low, _middle, high = nothing["accounts"][-1]
        said = _(
            "By doing nothing %(n)s of %(all)s accounts are expected to be there in a year (%(low)s to %(high)s)."
        ) % {
            "n": formats.number(nothing["accounts_mean"]),
            "all": formats.number(report["accounts"] * report["scale"]),
            "low": formats.number(low),
            "high": formats.number(high),
        }
        if self.user.sees_money:
            low, _middle, high = nothing["arr"][-1]
            said = f"{said} " + _("ARR: %(n)s of %(all)s (%(low)s to %(high)s).") % {
                "n": self._money(nothing["arr_mean"]),
                "all": self._money(report["arr_cents"]),
                "low": self._money(low),
                "high": self._money(high),
            }
        return f"{said} {self._best}"

    @property
    def _best(self) -> str:
        clear = [one for one in self.lines if one.is_answer]
        if not clear:
            return _("No lever of those chosen is told from chance and helps in 90 of 100 paths.")
        best = clear[0]
        if not self.user.sees_money:
            return _("Most would go with: %(lever)s.") % {"lever": best.title}
        return _("Most would go with: %(lever)s, %(gain)s of ARR kept (%(low)s to %(high)s).") % {
            "lever": best.title,
            "gain": self._money(best.gain_cents[1]),
            "low": self._money(best.gain_cents[0]),
            "high": self._money(best.gain_cents[2]),
        }

    def _money(self, cents: float) -> str:
        return formats.money_short(round(cents), self.currency)

    def _change(self, cents: int) -> str:
        sign = "" if not cents else "+" if cents > 0 else formats.MINUS
        return f"{sign}{self._money(abs(cents))}"

    @cached_property
    def costs(self) -> dict[str, int]:
        return {key: one.cost_cents for key, one in outlooks.costs().items()}

    @cached_property
    def lines(self) -> list[Line]:
        """The chosen levers, those that keep most first."""
        found = [self._line(key, self.report["levers"][key]) for key in self.levers]
        return sorted(found, key=lambda one: (not one.told, -one.gain_cents[1]))

    def _line(self, key: str, row: Mapping[str, Any]) -> Line:
        told = bool(row["told"])
        cost = (
            round(self.costs[key] * row["told"] * self.report["scale"])
            if told and key in self.costs
            else None
        )
        gain = [round(each) for each in row["gain"]] if told else [0, 0, 0]
        return Line(
            key=key,
            title=str(NAMES[key]),
            text=_text(row),
            silent=_silent(row),
            told=told,
            is_clear=bool(row["clear"]),
            is_answer=bool(row["clear"]) and gain[0] > 0,
            gain_cents=gain,
            gain=self._change(gain[1]),
            span=_("%(low)s to %(high)s") % {"low": self._change(gain[0]), "high": self._change(gain[2])},
            accounts=self._more(row) if told else "",
            cost_cents=cost,
            # The return rises with what is kept: its quantiles are those of the ARR kept.
            roi=[(each - cost) / cost for each in gain] if cost else None,
        )

    def _more(self, row: Mapping[str, Any]) -> str:
        more = row["accounts_mean"] - self.report["nothing"]["accounts_mean"]
        return _("%(n)s accounts kept") % {"n": formats.signed(more, 1)}

    @cached_property
    def charts(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(key, title, chart)."""
        wanted = [("usage", _("Events in 28 days"), 1.0, None), ("health", _("Mean health score"), 1.0, 100)]
        if self.user.sees_money:
            wanted.append(
                ("arr", _("ARR still there, in %(unit)s") % {"unit": self._unit[1]}, self._unit[0], None)
            )
        wanted.append(("accounts", _("Accounts that stay"), 1.0, None))
        return [
            (key, title, self._chart(key, divisor, most))
            for key, title, divisor, most in wanted
            if self.report["nothing"][key]
        ]

    @cached_property
    def _unit(self) -> tuple[float, str]:
        unit = formats.amount_unit([self.report["arr_cents"]], self.currency)
        return float(unit.minor), unit.words

    def _chart(self, key: str, divisor: float, most: float | None) -> dict[str, Any]:
        days = [dt.date.fromisoformat(text) for text in self.report["days"]]
        start = {
            "usage": self.report["events"], "health": self.report["health"], "arr": self.report["arr_cents"],
            "accounts": self.report["accounts"] * self.report["scale"],
        }[key]  # fmt: skip

        def over(spans: list[list[float]], place: int) -> list[tuple[dt.date, float | int | None]]:
            values = [start, *(span[place] for span in spans)]
            return [
                (on, None if value is None else round(value / divisor, 1))
                for on, value in zip([self.kept.day, *days], values, strict=True)
            ]

        nothing = self.report["nothing"][key]
        drawn = [
            Series(formats.percent(0.1), over(nothing, 0), "var(--edge)"),
            Series(_("doing nothing"), over(nothing, 1), "var(--c2)"),
            Series(formats.percent(0.9), over(nothing, 2), "var(--edge)"),
        ]
        for line, color in zip(self.lines, _COLORS, strict=False):
            # Without a choice only those told from chance are drawn: four more lines would hide each other.
            if line.told and (self.asked or line.is_clear):
                drawn.append(Series(line.title, over(self.report["levers"][line.key][key], 1), color))
        option = over_time(drawn, most=most, fits=True)
        # Names take two lines on a phone, with more levers three or four.
        option["grid"]["top"] = 54 if len(drawn) < 5 else 72
        return option

    @property
    def ends(self) -> str:
        """What is due within the year."""
        nothing = self.report["nothing"]
        if not nothing["due"]:
            return _("Nothing of them ends within the year.")
        low, _middle, high = nothing["renewed"]
        by_model = _(
            "The chance of %(n)s of them follows the churn model, that of the others the twin's own rate."
        ) % {"n": formats.number(nothing.get("by_model", 0))}
        said = _(
            "%(due)s of them have a contract end within the year; expected to renew are %(n)s (%(low)s to %(high)s)."
        ) % {
            "due": formats.number(nothing["due"]),
            "n": formats.number(nothing["renewed_mean"]),
            "low": formats.number(low),
            "high": formats.number(high),
        }
        return f"{said} {by_model}"

    @property
    def trust(self) -> list[str]:
        return trust()

    @property
    def left_out(self) -> list[str]:
        """Who is not in the sums, and why."""
        report, said = self.report, []
        if report["absent"]:
            said.append(
                ngettext(
                    "%(n)s account is left out: nothing of it was in force on that day, or its use is not known.",
                    "%(n)s accounts are left out: nothing of them was in force on that day, or their use is not known.",
                    report["absent"],
                )
                % {"n": formats.number(report["absent"])}
            )
        if report["drawn"] < report["asked"]:
            said.append(
                _(
                    "%(n)s of %(all)s accounts were drawn by chance, and sums stand for all: the interval is wider than it need be."
                )
                % {"n": formats.number(report["drawn"]), "all": formats.number(report["asked"])}
            )
        return said

    def file_rows(self) -> Iterator[list[object]]:
        """Months × scenarios, headings first."""
        figures = {
            "usage": _("Events in 28 days"),
            "health": _("Mean health score"),
            "accounts": _("Accounts that stay"),
        }
        if self.user.sees_money:
            figures["arr"] = "ARR"
        head: list[object] = [
            _("Segment"),
            _("As of"),
            _("Lever"),
            _("Speaks for accounts"),
            _("Silent for accounts"),
            _("Month from"),
        ]
        for name in figures.values():
            head += [f"{name} 10%", f"{name} 50%", f"{name} 90%"]
        yield [*head, *([_("Currency")] if self.user.sees_money else [])]
        if not self.kept:
            return
        rows = [("", self.report["nothing"]), *((key, self.report["levers"][key]) for key in self.levers)]
        for key, row in rows:
            if key and not row["told"]:
                continue
            title = str(NAMES[key]) if key else _("doing nothing")
            for step, on in enumerate(self.report["days"]):
                cells: list[object] = [
                    self.name,
                    self.kept.day,
                    title,
                    row.get("told"),
                    row.get("silent"),
                    dt.date.fromisoformat(on),
                ]
                for figure in figures:
                    span = row[figure][step] if row[figure] else [None] * 3
                    cells += [self._cell(figure, value) for value in span]
                yield [*cells, *([self.currency] if self.user.sees_money else [])]

    def _cell(self, figure: str, value: float | None) -> object:
        if value is None:
            return None
        return amount(round(value), self.currency) if figure == "arr" else round(value, 2)


def _text(row: Mapping[str, Any]) -> str:
    """What the lever rests on."""
    if not row["told"]:
        return ""
    use, low, high = (share_of(each) for each in row["use"])
    words = {
        "n": formats.number(row["told"]), "change": use, "low": low, "high": high,
        "alike": formats.number(row["alike"][0]), "tried": formats.number(row["experiment_accounts"]),
    }  # fmt: skip
    if row["rests_on"] == "experiment":
        return (
            _("An experiment with %(tried)s accounts changed use by %(change)s (%(low)s to %(high)s).")
            % words
        )
    if not row["clear"]:
        return (
            _(
                "Not told from chance: for %(n)s accounts, use of those like them changed by %(change)s (%(low)s to %(high)s); half have %(alike)s similar ones or more."
            )
            % words
        )
    return (
        _(
            "For %(n)s accounts: use of those like them that did this changed by %(change)s (%(low)s to %(high)s); half have %(alike)s similar ones or more."
        )
        % words
    )


def _silent(row: Mapping[str, Any]) -> str:
    if not row["silent"]:
        return ""
    return ngettext(
        "Silent for %(n)s account, which has fewer than %(least)s similar ones that did this.",
        "Silent for %(n)s accounts, each with fewer than %(least)s similar ones that did this.",
        row["silent"],
    ) % {"n": formats.number(row["silent"]), "least": LEAST}
