"""An account twelve months ahead in words and charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evergreen.base.measures import Reals
from evergreen.customers.lines import day
from evergreen.customers.models import Account
from evergreen.foresight.twin import record, simulating
from evergreen.foresight.twin.asking import Answer, Twin
from evergreen.foresight.twin.dynamics import BLOCK
from evergreen.foresight.twin.levers import LEAST
from evergreen.foresight.twin.panel import STEP_DAYS, YEAR_STEPS
from evergreen.web import formats
from evergreen.web.presenters.charts import Series, over_time

NAMES = {
    "features": gettext_lazy("One more feature in use"),
    "users": gettext_lazy("A fifth more active users"),
    "training": gettext_lazy("One more training"),
    "touches": gettext_lazy("One more meeting"),
}
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A similar account that moved: when, and how its use changed beyond that of those that did not."""

    account: Account
    on: dt.date
    change: str


@dataclass(frozen=True, slots=True)
class Line:
    """A lever in words; ``hidden`` similar accounts are not the reader's to see, or more than are listed."""

    title: str
    text: str
    gain: str
    span: str
    is_answer: bool
    measured: bool
    cost_cents: int | None
    roi: str
    neighbours: list[Neighbour]
    hidden: int


@dataclass(frozen=True, slots=True)
class Page:
    twin: Twin
    sentence: str
    stays: str
    ends: list[tuple[dt.date, str, str, str]]
    lines: list[Line]
    usage: dict[str, Any]
    health: dict[str, Any]
    rests: str
    chosen: list[tuple[str, str, bool]]
    trust: list[str]

    @classmethod
    def of(cls, twin: Twin, visible: QuerySet[Account], levers: Collection[str] = ()) -> Page:
        """The page of an account; similar accounts are named as far as the reader sees them. ``levers`` chooses which are compared."""
        shown = {key for key in NAMES if key in levers} or set(NAMES)
        twin = replace(twin, answers=tuple(one for one in twin.answers if one.found.lever.key in shown))
        keys = twin.learned.panel.accounts
        wanted = {int(keys[place]) for one in twin.answers for place in one.found.places[:200].tolist()}
        named = {one.pk: one for one in visible.filter(pk__in=wanted).order_by()}
        renewal = twin.learned.renewal
        return cls(
            twin,
            sentence(twin),
            formats.percent(twin.stays),
            [
                (
                    day(on),
                    formats.percent(1 - float(lost.mean())),
                    _between(1 - lost),
                    _("by the churn model") if on <= twin.base.until[0] else _("by the twin's own rate"),
                )
                for _step, on, lost in twin.base.ends[0]
            ],
            [_line(twin, one, named) for one in twin.answers],
            _chart(twin, lambda future: future.events, np.expm1(twin.learned.panel.usage[twin.place])),
            _chart(twin, lambda future: future.health, twin.learned.panel.health[twin.place], most=100),
            _(
                "Ends within a horizon of the churn models have their calibrated probability on the mean, moved by health and use; others the twin's own rate, learned from %(n)s contract ends, %(lost)s of them lost."
            )
            % {"n": formats.number(renewal.ends), "lost": formats.number(renewal.lost)},
            [(key, str(name), key in shown) for key, name in NAMES.items()],
            trust(),
        )


def trust() -> list[str]:
    """How the twin fared against what happened, in sentences; what is missing where it was not held against anything yet."""
    kept = record.newest()
    if kept is None:
        return [
            _(
                "Not held against the past yet: the worker does it once a week, from about a year of snapshots on."
            )
        ]
    starts = ", ".join(formats.day(dt.date.fromisoformat(one)) for one in kept.report["starts"])
    said = [
        _("Run from %(starts)s with what was known then, and held against what came until %(day)s:")
        % {"starts": starts, "day": formats.day(kept.day)}
    ]
    months = [row["coverage"] for row in kept.report["months"] if row["what"] == "usage"]
    for row in kept.report["all"]:
        words = {
            "n": formats.number(row["n"]), "share": formats.percent(row["coverage"]),
            "error": formats.fixed(row["error"], 1), "naive": formats.fixed(row["naive"], 1),
            "use": formats.percent(float(np.expm1(row["error"]))), "usual": formats.percent(float(np.expm1(row["naive"]))),
            "least": formats.percent(min(months)), "most": formats.percent(max(months)),
        }  # fmt: skip
        if row["what"] == "usage":
            said.append(
                _(
                    "Use: %(share)s of %(n)s outcomes lay inside the 80%% band (by month %(least)s to %(most)s); the middle line was off by %(use)s on the mean, “stays as it is” by %(usual)s."
                )
                % words
            )
        else:
            said.append(
                _(
                    "Health: %(share)s of %(n)s outcomes inside; off by %(error)s points, “stays as it is” by %(naive)s."
                )
                % words
            )
    if ends := kept.report["renewals"]:
        said.append(
            _("Contract ends: of %(n)s, %(lost)s were lost and %(said)s said; Brier score %(brier)s, with one rate for everybody %(naive)s (smaller is better).")
            % {
                "n": formats.number(ends["n"]), "lost": formats.number(ends["lost"]), "said": formats.number(ends["said"]),
                "brier": formats.fixed(ends["brier"], 3), "naive": formats.fixed(ends["naive"], 3),
            }
        )  # fmt: skip
    return said


def _return(roi: Reals) -> str:
    low, middle, high = (formats.percent(float(one)) for one in roi)
    return _("ROI %(roi)s (%(low)s to %(high)s)") % {"roi": middle, "low": low, "high": high}


def in_both(words: Callable[[Twin], str], twin: Twin) -> dict[str, str]:
    """Words in both languages, as rows keep them."""
    found = {}
    for key, language in (("zh", "zh-hans"), ("en", "en")):
        with translation.override(language):
            found[key] = words(twin)
    return found


def task_title(twin: Twin) -> str:
    """What is to be done."""
    return _("For the renewal: %(lever)s") % {"lever": str(NAMES[twin.best[0].found.lever.key])}


def sentence(twin: Twin) -> str:
    """The answer in one sentence, to be copied."""
    if not twin.best:
        return _(
            "No lever is told from chance among accounts like it. By doing nothing the chance that it is still there in a year is %(stays)s."
        ) % {"stays": formats.percent(twin.stays)}
    told = ", ".join(
        f"{NAMES[one.found.lever.key]} {_points(float(one.gain[1]))} ({_span(one.gain)})" for one in twin.best
    )
    return _(
        "By doing nothing the chance that it is still there in a year is %(stays)s. What went with more, among accounts like it: %(levers)s."
    ) % {"stays": formats.percent(twin.stays), "levers": told}


def _line(twin: Twin, one: Answer, named: dict[int, Account]) -> Line:
    found = one.found
    near: list[Neighbour] = []
    for place, step, change in zip(found.moves.place, found.moves.step, found.moves.usage, strict=True):
        account = named.get(int(twin.learned.panel.accounts[place]))
        if account is not None and len(near) < SHOWN:
            on = day(int(twin.learned.panel.days[step + BLOCK]))
            near.append(Neighbour(account, on, share_of(float(change))))
    told = one.is_told
    return Line(
        title=str(NAMES[found.lever.key]),
        text=_text(one),
        gain=_points(float(one.gain[1])) if told else "",
        span=_span(one.gain) if told else "",
        is_answer=one in twin.best,
        measured=one.measured is not None,
        cost_cents=one.cost if told else None,
        roi=_return(one.roi) if one.roi is not None else "",
        neighbours=near,
        hidden=found.count - len(near),
    )


def _text(one: Answer) -> str:
    found = one.found
    if one.measured is not None:
        return _("An experiment with %(n)s accounts changed use by %(change)s (%(low)s to %(high)s).") % {
            "n": formats.number(one.measured.accounts),
            "change": share_of(one.measured.estimate),
            "low": share_of(one.measured.low),
            "high": share_of(one.measured.high),
        }
    if not found.is_told:
        return ngettext(
            "Silent: %(n)s similar account did this, %(least)s are needed.",
            "Silent: %(n)s similar accounts did this, %(least)s are needed.",
            found.count,
        ) % {"n": found.count, "least": LEAST}
    low, high = found.interval(0)
    words = {"n": found.count, "change": share_of(found.usage), "low": share_of(low), "high": share_of(high)}
    if not found.is_clear:
        return (
            _(
                "Not told from chance: use of %(n)s similar accounts that did this changed by %(change)s (%(low)s to %(high)s)."
            )
            % words
        )
    return (
        _(
            "Use of %(n)s similar accounts that did this changed by %(change)s (%(low)s to %(high)s) against others that did not."
        )
        % words
    )


def _chart(twin: Twin, of: Callable[[Any], Reals], past: Reals, most: float | None = None) -> dict[str, Any]:
    low, middle, high = simulating.quantiles(of(twin.base))[0]
    first = max(0, len(past) - YEAR_STEPS)
    days = [day(int(one)) for one in twin.learned.panel.days[first:]]
    so_far = [
        (on, None if np.isnan(value) else round(float(value), 1))
        for on, value in zip(days, past[first:], strict=True)
    ]

    def ahead(values: Reals) -> list[tuple[dt.date, float | int | None]]:
        steps = [twin.on + dt.timedelta(days=STEP_DAYS * (place + 1)) for place in range(YEAR_STEPS)]
        return [so_far[-1], *zip(steps, np.round(values, 1).tolist(), strict=True)]

    lines = [
        Series(_("so far"), so_far),
        Series(formats.percent(0.1), ahead(low), "var(--edge)"),
        Series(_("doing nothing"), ahead(middle), "var(--c2)"),
        Series(formats.percent(0.9), ahead(high), "var(--edge)"),
    ]
    if twin.best and twin.best[0].future is not None:
        best = simulating.quantiles(of(twin.best[0].future))[0][1]
        lines.append(Series(str(NAMES[twin.best[0].found.lever.key]), ahead(best), "var(--c3)"))
    drawn = over_time(lines, least=0, most=most)
    # On a phone the names take two lines.
    drawn["grid"]["top"] = 54
    return drawn


def share_of(change: float) -> str:
    """A change of a logarithm as a share."""
    return f"{'+' if change > 0 else ''}{formats.percent(float(np.expm1(change)))}"


def _points(change: float) -> str:
    return _("%(n)s points") % {"n": formats.signed(100 * change, 1)}


def _span(gain: Reals) -> str:
    return _("%(low)s to %(high)s") % {
        "low": formats.signed(100 * float(gain[0]), 1),
        "high": formats.signed(100 * float(gain[2]), 1),
    }


def _between(values: Reals) -> str:
    low, high = np.quantile(values, (0.1, 0.9))
    return _("%(low)s to %(high)s") % {
        "low": formats.percent(float(low)),
        "high": formats.percent(float(high)),
    }
