"""Experiments in words: the verdict as a sentence, and each way of reading the difference beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.metrics import registry
from evergreen.outcomes.experiments import following, sizes, splits, statistics
from evergreen.outcomes.models import Experiment
from evergreen.web import formats

# Relative differences for which the needed number of units is told.
_EFFECTS = (0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class Row:
    """One way of reading a difference: its interval in the outcome's unit, and in words."""

    name: str
    how: str
    value: float
    low: float
    high: float
    says: str


@dataclass(frozen=True, slots=True)
class Needed:
    """Units in all that show a relative difference four times in five."""

    effect: str
    units: int
    has: bool


class Outcome:
    """One outcome of one arm against the control."""

    def __init__(self, told: Mapping[str, Any], control: str, ratio: float) -> None:
        self.told, self.control_name, self.ratio = told, control, ratio
        self.name, self.arm = str(told["outcome"]), str(told["arm"])
        self.is_share = told["kind"] in ("flag", "ratio")

    @property
    def control(self) -> str:
        return self._level(self.told["control"]["mean"])

    @property
    def treatment(self) -> str:
        return self._level(self.told["treatment"]["mean"])

    def _level(self, mean: float | None) -> str:
        if mean is None:
            return formats.DASH
        return formats.percent(mean, 2) if self.is_share else formats.number(mean, 2)

    def _shown(self, value: float) -> str:
        """A difference in its unit: points of a share, or the outcome's own."""
        if self.is_share:
            return _("%(n)s points") % {"n": _signed(value * 100)}
        return _signed(value)

    def _between(self, one: Mapping[str, float]) -> str:
        unit = 100 if self.is_share else 1
        return _("%(low)s to %(high)s") % {
            "low": _signed(one["low"] * unit),
            "high": _signed(one["high"] * unit),
        }

    @property
    def verdict(self) -> str:
        """What may be said, in a sentence."""
        fixed, always = self.told["absolute"], self.told["sequential"]
        if fixed is None:
            return _(
                "%(outcome)s: nothing can be said, an arm has fewer than two units, or nobody differs from anybody."
            ) % {"outcome": self.name}
        said = {
            "outcome": self.name,
            "arm": self.arm,
            "diff": self._shown(fixed["value"]),
            "between": self._between(fixed),
        }
        if self.ratio < sizes.RATIO_ALPHA:
            return (
                _(
                    "%(outcome)s: %(diff)s (95%% interval %(between)s), but the arms are not of the sizes that were planned: find out why before you believe it."
                )
                % said
            )
        if fixed["p"] >= statistics.ALPHA:
            return (
                _("%(outcome)s: no difference can be told apart from chance; it lies between %(between)s.")
                % said
            )
        if always and always["p"] >= statistics.ALPHA:
            return (
                _(
                    "%(outcome)s: %(diff)s for %(arm)s (%(between)s), if the end was fixed beforehand. Whoever looked while it ran cannot tell it from chance yet."
                )
                % said
            )
        return _("%(outcome)s: %(diff)s for %(arm)s (%(between)s), also for whoever looked every day.") % said

    @property
    def tone(self) -> str:
        fixed = self.told["absolute"]
        if fixed is None or self.ratio < sizes.RATIO_ALPHA:
            return "warn"
        return "none" if fixed["p"] >= statistics.ALPHA else "info"

    @cached_property
    def rows(self) -> list[Row]:
        found = []
        fixed, always, belief = self.told["absolute"], self.told["sequential"], self.told["belief"]
        if fixed:
            # Comparisons kept from before this was told apart were all Welch's.
            how = _("exact test, 95%") if self.told.get("exact") else _("Welch's test, 95%")
            found.append(self._row(_("End fixed beforehand"), how, fixed, _p(fixed["p"])))
        if always:
            # Of the relative difference where the control is above zero: here in the outcome's unit.
            scale = self.told["control"]["mean"] if self.told["relative"] else 1.0
            scaled = {key: always[key] * scale for key in ("value", "low", "high")}
            how = _("valid however often one looks, tuned for %(n)s units") % {
                "n": formats.number(statistics.TUNING)
            }
            found.append(self._row(_("Looked at every day"), how, scaled, _p(always["p"])))
        if belief and fixed:
            says = _("larger with a chance of %(chance)s") % {"chance": formats.percent(belief["chance"], 2)}
            told = {"value": fixed["value"], "low": belief["low"], "high": belief["high"]}
            found.append(self._row(_("Bayesian"), _("flat prior"), told, says))
        if self.told["adjusted"]:
            found.append(
                self._row(
                    _("Adjusted by what was before"),
                    "CUPED",
                    self.told["adjusted"],
                    _p(self.told["adjusted"]["p"]),
                )
            )
        if self.told["capped"]:
            how = _("values above %(cap)s capped (99.9th percentile)") % {
                "cap": formats.number(self.told["cap"], 1)
            }
            found.append(
                self._row(_("Without outliers"), how, self.told["capped"], _p(self.told["capped"]["p"]))
            )
        return found

    def _row(self, name: str, how: str, one: Mapping[str, float], says: str) -> Row:
        told = f"{self._shown(one['value'])} ({self._between(one)}) · {says}"
        return Row(name, how, one["value"], one["low"], one["high"], told)

    @property
    def most(self) -> float:
        """How far the picture's line reaches either way."""
        return max((max(abs(row.low), abs(row.high)) for row in self.rows), default=1.0)

    @property
    def relative(self) -> str:
        one = self.told["relative"]
        if one is None:
            if self.told.get("exact"):
                return _("Fewer than ten yes or ten no in an arm: too few to tell a relative difference.")
            return _(
                "No relative difference is told: it takes a control's mean clearly above zero and the other's above zero."
            )
        return _("Relative to %(control)s: %(value)s (%(low)s to %(high)s).") % {
            "control": self.control_name, "value": _signed(one["value"] * 100) + "%",
            "low": _signed(one["low"] * 100) + "%", "high": _signed(one["high"] * 100) + "%",
        }  # fmt: skip

    @property
    def has_outliers(self) -> bool:
        return bool(self.told["capped"])

    @property
    def needed(self) -> list[Needed]:
        """How many units in all some differences take."""
        arm = self.told["control"]
        if not arm["mean"]:
            return []
        have = arm["n"] + self.told["treatment"]["n"]
        units = [(one, sizes.needed(arm["mean"], arm["variance"], one)) for one in _EFFECTS]
        return [Needed(formats.percent(one), n, have >= n) for one, n in units if n]


def outcome_names() -> dict[str, str]:
    """What playbooks are compared on, in words."""
    names = {
        splits.GOAL: _("Goal reached"), following.KEPT: _("Still a customer"), following.HEALTH: _("Health score"),
        following.NRR: _("Net revenue retention (NRR)"), following.GRR: _("Gross revenue retention (GRR)"),
    }  # fmt: skip
    return names | {key: formats.named(registry.metric(key).name) for key in following.METRICS}


def _signed(value: float) -> str:
    """A difference with its sign and two decimals, three below one tenth, so that a column of them stands in line."""
    digits = 2 if abs(value) >= 0.1 or value == 0 else 3
    return ("+" if value > 0 else "") + formats.fixed(value, digits)


def _p(p: float) -> str:
    if p > 0.9995:
        return "p = 1"
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


class ExperimentPage:
    """An experiment: its form while it is to be set up, else what came out."""

    def __init__(self, experiment: Experiment, typed: QueryDict | None = None) -> None:
        self.experiment, self._typed = experiment, typed
        self.problems: list[str] = []

    @property
    def is_brought(self) -> bool:
        """Whether it came as a table; else it is how a playbook's comparison stood one day."""
        return bool(self.experiment.file)

    @property
    def line(self) -> str:
        """Where it comes from and how large it is."""
        units = _("%(n)s units") % {"n": formats.number(self.experiment.rows)}
        if self.is_brought:
            return f"{self.experiment.file_name} · {units}"
        return _("%(units)s, as it stood on %(day)s") % {
            "units": units, "day": formats.day(self.experiment.created_at),
        }  # fmt: skip

    @property
    def source(self) -> tuple[str, str]:
        """(playbook, step or '') that it was read from; empty for a table."""
        playbook, _slash, rest = self.experiment.origin_id.partition("/")
        return playbook, rest.partition("/")[0]

    @property
    def arm_columns(self) -> list[Mapping[str, Any]]:
        return [one for one in self.experiment.columns if one["arms"]]

    @property
    def number_columns(self) -> list[Mapping[str, Any]]:
        return [one for one in self.experiment.columns if one["kind"] != "text"]

    @property
    def arm(self) -> str:
        known = [str(one["name"]) for one in self.arm_columns]
        told = self._typed.get("arm", "") if self._typed is not None else self.experiment.setup.get("arm", "")
        texts = [str(one["name"]) for one in self.arm_columns if one["kind"] == "text"]
        return told if told in known else next(iter(texts or known), "")

    @property
    def arms(self) -> list[str]:
        """The values that may be the control: of every column that may say the arm."""
        return list(dict.fromkeys(arm for one in self.arm_columns for arm in one["arms"]))

    @property
    def control(self) -> str:
        told = (
            self._typed.get("control", "")
            if self._typed is not None
            else self.experiment.setup.get("control", "")
        )
        return told or next(
            (arm for one in self.arm_columns if one["name"] == self.arm for arm in one["arms"]), ""
        )

    @property
    def chosen(self) -> list[str]:
        if self._typed is not None:
            return self._typed.getlist("outcomes")
        return list(self.experiment.setup.get("outcomes", []))

    @property
    def decides(self) -> str:
        """The outcome by which the experiment is decided: the first."""
        shares = [str(one["name"]) for one in self.number_columns if one["kind"] == "flag"]
        return next(iter([*self.chosen, *shares, *(str(one["name"]) for one in self.number_columns)]), "")

    @property
    def covariate(self) -> str:
        return (
            self._typed.get("covariate", "")
            if self._typed is not None
            else self.experiment.setup.get("covariate", "")
        )

    @property
    def counts(self) -> list[tuple[str, int]]:
        return [(str(one["name"]), int(one["n"])) for one in self.experiment.result.get("arms", [])]

    @property
    def ratios(self) -> list[tuple[str, str, bool]]:
        """Of each arm: how likely its size is by chance, and whether that is too little to believe in the rest."""
        told = self.experiment.result.get("ratios", {})
        return [(arm, f"{p:.4f}", p < sizes.RATIO_ALPHA) for arm, p in told.items()]

    @property
    def is_uneven(self) -> bool:
        return any(bad for _arm, _p, bad in self.ratios)

    @cached_property
    def outcomes(self) -> list[Outcome]:
        found = self.experiment.result
        control = str(self.experiment.setup.get("control", ""))
        names = outcome_names() if not self.is_brought else {}
        return [
            Outcome(
                {**one, "outcome": names.get(one["outcome"], one["outcome"])},
                control,
                found["ratios"][one["arm"]],
            )
            for one in found.get("readings", [])
        ]

    @property
    def primary(self) -> Outcome | None:
        return next(iter(self.outcomes), None)

    def rows(self) -> Iterator[list[object]]:
        """Every reading as the rows of a file, headings first."""
        yield [_("Outcome"), _("Arm"), _("Reading"), _("Difference"), _("From"), _("To"), _("In words")]
        for outcome in self.outcomes:
            for row in outcome.rows:
                yield [outcome.name, outcome.arm, row.name, row.value, row.low, row.high, row.says]
