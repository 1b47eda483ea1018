"""The card of a model in service: what it learned from, what it was worth on later weeks, whether that still holds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.languages import in_words
from evergreen.base.models import Job, User
from evergreen.foresight.models import ChurnModel
from evergreen.foresight.risks import telling, words
from evergreen.web import formats
from evergreen.web.presenters.charts import TOOLTIP, Series, over_time
from evergreen.web.presenters.forecast.listing import horizon_chips, horizon_of, tabs

KIND = "churn_refit"
_ATTEMPTS = 30
_STATES = {
    ChurnModel.State.CHAMPION: "good",
    ChurnModel.State.RETIRED: "",
    ChurnModel.State.REFUSED: "warn",
    ChurnModel.State.WAITING: "none",
}
_DRIFT = {"same": "good", "moved": "warn", "another": "bad"}


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure of the model, of the logistic regression alone, among contracts that end within the horizon; what a blind guess has."""

    name: str
    about: str
    values: tuple[str, str, str]
    blind: str


@dataclass(frozen=True, slots=True)
class Attempt:
    made_at: dt.datetime
    state: str
    tone: str
    why: str
    auc: str
    lift: str


@dataclass(frozen=True, slots=True)
class Moved:
    name: str
    value: str
    tone: str
    state: str


class ModelPage:
    """What the page shows for a horizon."""

    def __init__(self, user: User, query: QueryDict) -> None:
        self.user, self.query = user, query
        self.horizon = horizon_of(query)

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        return tabs("forecast-model", self.horizon)

    @property
    def horizons(self) -> list[tuple[str, str, bool]]:
        return horizon_chips("forecast-model", self.query, self.horizon)

    @cached_property
    def model(self) -> ChurnModel | None:
        return telling.champion(self.horizon)

    @property
    def report(self) -> dict[str, Any]:
        return self.model.report if self.model else {}

    @property
    def why_none(self) -> str:
        return in_words(telling.why_none(self.horizon))

    @cached_property
    def job(self) -> Job | None:
        """Learning under way, whoever started it."""
        states = (Job.State.WAITING, Job.State.RUNNING)
        return Job.objects.filter(kind=KIND, state__in=states).order_by("-pk").first()

    @property
    def evidence(self) -> str:
        if self.model is None:
            return ""
        said = _("in service since %(made)s · learned from renewals known until %(known)s · grace %(grace)s")
        return said % {
            "made": formats.day(self.model.made_at),
            "known": formats.day(self.model.known_until),
            "grace": formats.days(self.model.grace_days),
        }

    @property
    def sentence(self) -> str:
        figures = self.report.get("figures") or {}
        if figures.get("auc") is None:
            return ""
        said = [
            _("Of two accounts, one that was lost within %(days)s and one that was not, the lost one had the higher risk in %(auc)s of 100 pairs%(interval)s.")
            % {"days": formats.days(self.horizon), "auc": formats.number(figures["auc"] * 100), "interval": self._interval()}
        ]  # fmt: skip
        if figures.get("lift10") is not None:
            said.append(
                _("Of the riskiest tenth %(lift)s times as many were lost as of all.")
                % {"lift": formats.fixed(figures["lift10"], 1)}
            )
        at_stake = self.report.get("at_stake") or {}
        if at_stake.get("auc") is not None and at_stake.get("n") != figures.get("n"):
            said.append(
                _("Among those whose contract could end by then it was %(auc)s of 100: look at this one, for the others could not leave yet.")
                % {"auc": formats.number(at_stake["auc"] * 100)}
            )  # fmt: skip
        return ("" if formats.is_zh() else " ").join(said)

    def _interval(self) -> str:
        found = self.report.get("auc_interval")
        if not found:
            return ""
        return _(" (%(low)s to %(high)s)") % {
            "low": formats.number(found[0] * 100),
            "high": formats.number(found[1] * 100),
        }

    @property
    def figures(self) -> list[FigureRow]:
        parts = [self.report.get(name) or {} for name in ("figures", "baseline", "at_stake")]
        share = parts[0].get("positives", 0) / parts[0]["n"] if parts[0].get("n") else None

        def row(key: str, name: str, about: str, digits: int, blind: str) -> FigureRow:
            values = tuple(formats.fixed(part.get(key), digits) for part in parts)
            return FigureRow(name, about, (values[0], values[1], values[2]), blind)

        return [
            row("auc", "AUC", _("pairs put in the right order"), 3, "0.5"),
            row("lift10", _("Lift of the riskiest tenth"), _("how many times the average share of losses"), 2, "1"),
            row("pr_auc", "PR-AUC", _("share of losses from the top down, averaged"), 3, formats.fixed(share, 3)),
            row("brier", "Brier", _("mean square error, 0 is perfect"), 4, formats.fixed(None if share is None else share * (1 - share), 4)),
            row("ece", _("Calibration error"), _("mean distance between said and came, 0 is perfect"), 4, formats.DASH),
            row("n", _("Rows"), _("an account on a Monday"), 0, ""),
            row("positives", _("Lost rows"), _("one account may be lost in several rows"), 0, ""),
        ]  # fmt: skip

    @property
    def data(self) -> list[tuple[str, str]]:
        """What it was made of: (what, words)."""
        if not self.report:
            return []
        one = self.report

        def weeks(told: list[Any]) -> str:
            return _("%(first)s to %(last)s, %(n)s Mondays") % {
                "first": told[0], "last": told[1], "n": formats.number(told[2])
            }  # fmt: skip

        return [
            (_("Learned from"), weeks(one["teach"])),
            ("", _("%(n)s rows, %(lost)s of them lost") % {"n": formats.number(one["taught"]), "lost": formats.number(one["taught_lost"])}),
            (_("Judged on"), weeks(one["judge"])),
            ("", _("%(n)s accounts, %(lost)s of them lost") % {"n": formats.number(one["accounts"]), "lost": formats.number(one["accounts_lost"])}),
            (_("Then learned anew from"), _("all weeks, by the settings chosen on the earlier ones")),
        ]  # fmt: skip

    @property
    def columns(self) -> list[str]:
        return [words.named(name, formats.language()) for name in self.report.get("columns", [])]

    @property
    def suspects(self) -> list[str]:
        """Columns that alone tell the answer almost perfectly, in words."""
        return [
            _("%(name)s alone tells losses almost perfectly (AUC %(auc)s): find out when it is filled in before believing the figures.")
            % {"name": words.named(name, formats.language()), "auc": formats.fixed(area, 3)}
            for name, area in (self.report.get("suspects") or {}).items()
        ]  # fmt: skip

    @property
    def calibration(self) -> list[tuple[str, str, str, str]]:
        """(from–to, rows, said, came) of each tenth that holds rows."""
        return [
            (
                f"{formats.percent(low)}–{formats.percent(high)}", formats.number(n),
                formats.percent(said, 1), formats.percent(came, 1),
            )
            for low, high, n, said, came in self.report.get("calibration", [])
        ]  # fmt: skip

    @cached_property
    def calibration_chart(self) -> dict[str, Any]:
        """What was said against what came, each point with its rows; on the dashed line they are equal."""
        points = [
            [round(said * 100, 2), round(came * 100, 2), n]
            for _low, _high, n, said, came in self.report["calibration"]
        ]
        most = max([10.0, *(max(said, came) for said, came, _n in points)])
        most = float(min(100, -(-most // 10) * 10))
        axis = {"color": "var(--ink-3)", "formatter": "{value}%"}

        def side(name: str, gap: int) -> dict[str, Any]:
            return {
                "type": "value", "min": 0, "max": most, "name": name, "nameLocation": "middle", "nameGap": gap,
                "nameTextStyle": {"color": "var(--ink-3)"}, "axisLabel": axis,
                "splitLine": {"lineStyle": {"color": "var(--line)"}},
            }  # fmt: skip

        return {
            "grid": {"left": 34, "right": 16, "top": 12, "bottom": 30, "containLabel": True},
            "tooltip": {**TOOLTIP, "trigger": "item"},
            "xAxis": side(_("said"), 28),
            "yAxis": side(_("came"), 42),
            "series": [
                {
                    "type": "line", "name": _("said = came"), "data": [[0, 0], [most, most]], "showSymbol": False,
                    "silent": True, "lineStyle": {"type": "dashed", "color": "var(--edge)", "width": 1},
                },
                {
                    "type": "line", "name": _("came"), "data": points, "symbolSize": 8, "showSymbol": True,
                    "color": "var(--c1)", "lineStyle": {"width": 2}, "encode": {"x": 0, "y": 1},
                },
            ],
        }  # fmt: skip

    # ---- does it still hold ----

    @property
    def drift(self) -> str:
        """How far what it reads has moved, in one sentence."""
        found = self.model.drift if self.model else {}
        if not found:
            return _("It was judged before this was watched; the next model is.") if self.model else ""
        moved = found["moved"]
        if not moved:
            said = _("None of its %(of)s columns has moved since it was judged.")
        else:
            said = ngettext(
                "%(moved)s of its %(of)s columns has moved since it was judged.",
                "%(moved)s of its %(of)s columns have moved since it was judged.",
                moved,
            )
        probabilities = {
            "same": _("What it says is spread as it was (PSI %(psi)s)."),
            "moved": _("What it says is spread otherwise than it was (PSI %(psi)s)."),
            "another": _("What it says is spread quite otherwise than it was (PSI %(psi)s): look at why, and learn anew."),
        }[found["state"]]  # fmt: skip
        parts = (
            said % {"moved": formats.number(moved), "of": formats.number(found["of"])},
            probabilities % {"psi": formats.fixed(found["said"], 2)},
        )
        return ("" if formats.is_zh() else " ").join(parts)

    @property
    def moved(self) -> list[Moved]:
        """The columns that moved, the most first."""
        said = {"moved": _("moved"), "another": _("quite another")}
        told = self.model.drift.get("columns", []) if self.model else []
        return [
            Moved(words.named(name, formats.language()), formats.fixed(value, 2), _DRIFT[state], said[state])
            for name, value, state in told
            if state in said
        ]

    @property
    def record(self) -> dict[str, Any]:
        return self.model.record if self.model else {}

    @property
    def record_sentence(self) -> str:
        """What was foretold in service against what came, summed."""
        weeks = self.record.get("weeks")
        if not weeks:
            return ""
        figures = self.record["figures"]
        said = [
            _(
                "Over %(weeks)s weeks %(said)s lost rows were foretold and %(lost)s came (%(accounts)s accounts)."
            )
            % {
                "weeks": formats.number(len(weeks)),
                "said": formats.number(sum(week[2] for week in weeks), 0),
                "lost": formats.number(sum(week[3] for week in weeks)),
                "accounts": formats.number(self.record["accounts_lost"]),
            }
        ]
        if figures.get("auc") is not None:
            said.append(_("AUC in service %(auc)s.") % {"auc": formats.fixed(figures["auc"], 3)})
        return ("" if formats.is_zh() else " ").join(said)

    @cached_property
    def record_chart(self) -> dict[str, Any] | None:
        weeks = self.record.get("weeks") or []
        if len(weeks) < 3:
            return None
        days = [dt.date.fromisoformat(week[0]) for week in weeks]
        return over_time(
            [
                Series(_("foretold"), [(day, week[2]) for day, week in zip(days, weeks, strict=True)], "var(--c5)"),
                Series(_("came"), [(day, week[3]) for day, week in zip(days, weeks, strict=True)], "var(--c6)"),
            ],
            least=0,
        )  # fmt: skip

    @property
    def first_record_on(self) -> dt.date | None:
        """When the first night's horizon is over."""
        if self.model is None:
            return None
        return self.model.made_at.date() + dt.timedelta(days=self.horizon)

    @property
    def attempts(self) -> list[Attempt]:
        found = []
        for one in telling.attempts(self.horizon)[:_ATTEMPTS]:
            figures = one.report.get("figures") or {}
            found.append(
                Attempt(
                    one.made_at, str(one.get_state_display()), _STATES[ChurnModel.State(one.state)],
                    in_words(one.why),
                    formats.fixed(figures.get("auc"), 3), formats.fixed(figures.get("lift10"), 2),
                )
            )  # fmt: skip
        return found
