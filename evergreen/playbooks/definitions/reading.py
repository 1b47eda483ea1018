"""A playbook's definition: plain data (as a row, a form and a file have it) to what runs.

Every mistake is said at once: where, what was found, what is allowed. Numbers may come as texts, as files have them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from evergreen.base.conditions import Condition, ConditionError, Fields, checked, from_data
from evergreen.playbooks.definitions.values import Values
from evergreen.playbooks.rules.definition import (
    EVERY,
    FLOW_KINDS,
    FORM,
    LIFECYCLE_DATES,
    PER,
    REENTRY,
    SPANS,
    TRIGGERS,
    Act,
    Answer,
    Branch,
    Definition,
    End,
    Exit,
    Span,
    Split,
    Step,
    Trigger,
    Until,
    Wait,
    WorkingHours,
)
from evergreen.playbooks.rules.entering import MOST_HELD_OUT
from evergreen.playbooks.rules.problems import PlaybookError

KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_STEPS = 200
MOST_ARMS = 20
_KEYS = (
    "triggers", "entry", "reentry", "reentry_days", "per", "holdout", "steps", "exits", "goal", "quiet_from", "quiet_to", "zone",
)  # fmt: skip
_MOST = {"minutes": 525_600, "hours": 87_600, "days": 3_650, "working_days": 2_500}
_FLOW_KEYS = {
    "wait": (*SPANS, "at", "next"),
    "wait_until": ("condition", "event", "timeout", "next", "on_timeout"),
    "working_hours": ("next",),
    "branch": ("ways", "otherwise"),
    "split": ("arms", "spared"),
    "answer": ("of", "ways", "timeout", "otherwise", "on_timeout"),
    "end": (),
}  # fmt: skip


class Readable(Protocol):
    """What a kind of act says of its settings."""

    @property
    def keys(self) -> tuple[str, ...]: ...

    @property
    def max_lateness_hours(self) -> int | None: ...

    def read(self, given: Mapping[str, Any], wrong: Callable[[str, Any, str], None]) -> dict[str, Any]:
        """The settings as they are kept; ``wrong`` is told (name, found, allowed) of each that cannot be."""


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to refer to: ``absent`` names the kinds of steps whose room this installation lacks, with the room."""

    fields: Fields
    kinds: Mapping[str, Readable]
    absent: Mapping[str, str]
    rules: Collection[str]
    segments: Collection[str]
    stages: Collection[str]


def definition(data: Any, known: Known) -> Definition:
    """The definition that plain data gives. Raises PlaybookError with every mistake."""
    reader = Reader(known)
    found = reader.definition(data)
    if reader.problems or found is None:
        raise PlaybookError(reader.problems)
    return found


def sketch(data: Any, known: Known) -> tuple[Definition | None, list[str]]:
    """As much of a definition as can be read, and what is wrong with it: what somebody who is writing it looks at."""
    reader = Reader(known)
    return reader.definition(data), reader.problems


class Reader(Values):
    """Reads a definition and keeps what is wrong with it."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self._known = known

    def definition(self, data: Any) -> Definition | None:
        if not isinstance(data, Mapping):
            self.wrong("playbook", data, ", ".join(_KEYS))
            return None
        self._only(data, _KEYS, "")
        reentry = self._one_of(data.get("reentry", "never"), "reentry", REENTRY)
        quiet = (self._time(data.get(key), key) for key in ("quiet_from", "quiet_to"))
        quiet_from, quiet_to = quiet
        if (quiet_from is None) != (quiet_to is None):
            self.wrong("quiet_from", data.get("quiet_from"), "quiet_from, quiet_to")
        zone = str(data.get("zone", ""))
        if zone and zone not in available_timezones():
            self.wrong("zone", zone, "Asia/Shanghai, Europe/Berlin, UTC …")
        days = self._whole(data.get("reentry_days", 0), "reentry_days", 0, 3_650)
        if reentry == "after_days" and not days:
            self.wrong("reentry_days", data.get("reentry_days"), "1–3650")
        return Definition(
            triggers=tuple(self._triggers(data.get("triggers"))),
            steps=tuple(self._steps(data.get("steps"))),
            entry=self._condition(data.get("entry"), "entry"),
            reentry=reentry,
            reentry_days=days if reentry == "after_days" else 0,
            per=self._one_of(data.get("per", "account"), "per", PER),
            holdout=self._whole(data.get("holdout", 0), "holdout", 0, MOST_HELD_OUT),
            exits=tuple(self._exits(data.get("exits"))),
            goal=self._condition(data.get("goal"), "goal"),
            quiet_from=quiet_from,
            quiet_to=quiet_to,
            zone=zone,
        )

    def _triggers(self, given: Any) -> list[Trigger]:
        rows = self._rows(given, "triggers", 20)
        if not rows:
            self.wrong("triggers", "-", ", ".join(TRIGGERS))
        return [self._trigger(row, f"triggers {n}") for n, row in enumerate(rows, start=1)]

    def _trigger(self, row: Mapping[str, Any], where: str) -> Trigger:
        kind = self._one_of(row.get("kind"), f"{where}: kind", TRIGGERS)
        allowed = {
            "alert": ("rules",), "lifecycle": ("day", "counts_from"), "stage": ("stages",), "segment": ("segment",),
            "event": ("event",), "form": ("form",), "schedule": ("every", "on"),
        }.get(kind, ())  # fmt: skip
        self._only(row, ("kind", *allowed), where)
        match kind:
            case "alert":
                names = row.get("rules", "*")
                return Trigger(
                    kind, () if names == "*" else self._names(names, f"{where}: rules", self._known.rules)
                )
            case "lifecycle":
                day = self._whole(row.get("day"), f"{where}: day", -3_650, 3_650)
                counted = self._one_of(row.get("counts_from"), f"{where}: counts_from", LIFECYCLE_DATES)
                return Trigger(kind, day=day, counts_from=counted)
            case "stage":
                return Trigger(kind, self._names(row.get("stages"), f"{where}: stages", self._known.stages))
            case "segment":
                one = self._one_of(row.get("segment"), f"{where}: segment", self._known.segments)
                return Trigger(kind, (one,))
            case "event":
                return Trigger(kind, (self._text(row.get("event"), f"{where}: event", 200),))
            case "form":
                return Trigger(kind, (f"{FORM}:{self._text(row.get('form'), f'{where}: form', 120)}",))
            case "schedule":
                every = self._one_of(row.get("every"), f"{where}: every", EVERY)
                most = 7 if every == "week" else 31
                return Trigger(kind, every=every, on=self._whole(row.get("on", 1), f"{where}: on", 1, most))
        return Trigger("by_hand")

    def _steps(self, given: Any) -> list[Step]:
        rows = self._rows(given, "steps", MOST_STEPS)
        if not rows:
            self.wrong("steps", "-", _("one step at least, the last one of kind end"))
        keys: list[str] = []
        for n, row in enumerate(rows, start=1):
            key = str(row.get("key") or f"{row.get('kind', 'step')}_{n}")
            if not KEY.fullmatch(key) or key in keys:
                self.wrong(f"steps {n}: key", key, _("a key of its own of small letters, digits and _"))
            keys.append(key)
        found = []
        for n, (key, row) in enumerate(zip(keys, rows, strict=True)):
            following = keys[n + 1] if n + 1 < len(keys) else ""
            step = self._step(key, row, following, keys)
            if step is not None:
                found.append(step)
        return found

    def _step(self, key: str, row: Mapping[str, Any], following: str, keys: list[str]) -> Step | None:
        where, kind = f"steps: {key}", str(row.get("kind", ""))
        if kind in FLOW_KINDS:
            self._only(row, ("key", "kind", *_FLOW_KEYS[kind]), where)
        to = (
            self._to(row.get("next"), following, f"{where}: next", keys)
            if kind not in {"branch", "split", "answer", "end"}
            else ""
        )
        match kind:
            case "wait":
                return Wait(key, self._span(row, where), to)
            case "wait_until":
                return self._until(key, row, where, to, keys)
            case "working_hours":
                return WorkingHours(key, to)
            case "branch":
                ways = []
                for n, way in enumerate(self._rows(row.get("ways"), f"{where}: ways", MOST_ARMS), start=1):
                    here = f"{where}: ways {n}"
                    self._only(way, ("when", "to"), here)
                    asked = self._condition(way.get("when"), here)
                    target = self._to(way.get("to"), "", f"{here}: to", keys)
                    if asked is not None:
                        ways.append((asked, target))
                    elif not way.get("when"):
                        self.wrong(here, "-", _("a condition"))
                if not row.get("ways"):
                    self.wrong(f"{where}: ways", "-", "when, to")
                return Branch(
                    key, tuple(ways), self._to(row.get("otherwise"), following, f"{where}: otherwise", keys)
                )
            case "answer":
                return self._answer(key, row, where, following, keys)
            case "split":
                spared = row.get("spared")
                spares = self._to(spared, "", f"{where}: spared", keys) if spared else ""
                return Split(key, tuple(self._arms(row, where, keys)), spares)
            case "end":
                return End(key)
        return self._act(key, kind, row, where, to)

    def _act(self, key: str, kind: str, row: Mapping[str, Any], where: str, to: str) -> Act | None:
        known = self._known.kinds.get(kind)
        if known is None:
            allowed = ", ".join((*self._known.kinds, *FLOW_KINDS))
            if room := self._known.absent.get(kind):
                text = _(
                    "%(where)s: a step of kind %(kind)s needs %(room)s, which is not there yet; allowed: %(allowed)s."
                )
                self.problems.append(text % {"where": where, "kind": kind, "room": room, "allowed": allowed})
            else:
                self.wrong(f"{where}: kind", kind, allowed)
            return None
        self._only(row, ("key", "kind", "next", "max_lateness_hours", *known.keys), where)
        given = {name: value for name, value in row.items() if name in known.keys}
        settings = known.read(
            given, lambda name, found, allowed: self.wrong(f"{where}: {name}", found, allowed)
        )
        late = row.get("max_lateness_hours", known.max_lateness_hours)
        if late is not None:
            late = self._whole(late, f"{where}: max_lateness_hours", 0, 8_760)
        return Act(key, kind, settings, to, late)

    def _until(self, key: str, row: Mapping[str, Any], where: str, to: str, keys: list[str]) -> Until:
        condition = self._condition(row.get("condition"), f"{where}: condition")
        event = self._text(row["event"], f"{where}: event", 200) if row.get("event") else ""
        if not row.get("condition") and not event:
            self.wrong(where, "-", "condition, event")
        late = self._to(row.get("on_timeout"), to, f"{where}: on_timeout", keys)
        return Until(key, condition, event, self._timeout(row.get("timeout"), where), to, late)

    def _answer(
        self, key: str, row: Mapping[str, Any], where: str, following: str, keys: list[str]
    ) -> Answer:
        ways = []
        for n, way in enumerate(self._rows(row.get("ways"), f"{where}: ways", MOST_ARMS), start=1):
            here = f"{where}: ways {n}"
            self._only(way, ("answer", "to"), here)
            answer = self._text(way.get("answer"), f"{here}: answer", 40)
            ways.append((answer, self._to(way.get("to"), "", f"{here}: to", keys)))
        if not ways:
            self.wrong(f"{where}: ways", "-", "answer, to")
        otherwise = self._to(row.get("otherwise"), following, f"{where}: otherwise", keys)
        late = self._to(row.get("on_timeout"), otherwise, f"{where}: on_timeout", keys)
        asked = self._to(row.get("of"), "", f"{where}: of", keys)
        return Answer(key, asked, tuple(ways), self._timeout(row.get("timeout"), where), otherwise, late)

    def _timeout(self, given: Any, where: str) -> Span:
        if not isinstance(given, Mapping):
            self.wrong(f"{where}: timeout", given, ", ".join(SPANS))
            return Span("days", 1)
        self._only(given, (*SPANS, "at"), f"{where}: timeout")
        return self._span(given, f"{where}: timeout")

    def _arms(self, row: Mapping[str, Any], where: str, keys: list[str]) -> list[tuple[int, str]]:
        arms = []
        for n, arm in enumerate(self._rows(row.get("arms"), f"{where}: arms", MOST_ARMS), start=1):
            here = f"{where}: arms {n}"
            self._only(arm, ("share", "to"), here)
            share = self._whole(arm.get("share"), f"{here}: share", 1, 100)
            arms.append((share, self._to(arm.get("to"), "", f"{here}: to", keys)))
        if sum(share for share, _to in arms) != 100:
            self.wrong(f"{where}: arms", sum(share for share, _to in arms), _("shares that make 100"))
        return arms

    def _exits(self, given: Any) -> list[Exit]:
        found = []
        for n, row in enumerate(self._rows(given, "exits", 20), start=1):
            where = f"exits {n}"
            self._only(row, ("when", "alert_closed"), where)
            closed = str(row.get("alert_closed", "false")).lower() == "true"
            condition = self._condition(row.get("when"), where)
            if condition is None and not closed and not row.get("when"):
                self.wrong(where, "-", "when, alert_closed")
            found.append(Exit(condition, closed))
        return found

    def _span(self, row: Mapping[str, Any], where: str) -> Span:
        units = [unit for unit in SPANS if unit in row]
        if len(units) != 1:
            self.wrong(where, ", ".join(units), _("one of %(units)s") % {"units": ", ".join(SPANS)})
            return Span("days", 1)
        unit = units[0]
        at = self._time(row.get("at"), f"{where}: at")
        if at is not None and unit in {"minutes", "hours"}:
            self.wrong(f"{where}: at", row.get("at"), "days, working_days")
        least = 0 if at is not None else 1
        return Span(unit, self._whole(row[unit], f"{where}: {unit}", least, _MOST[unit]), at)

    def _to(self, given: Any, following: str, where: str, keys: list[str]) -> str:
        to = str(given or following)
        if to not in keys:
            self.wrong(where, to, ", ".join(keys))
        return to

    def _condition(self, given: Any, where: str) -> Condition | None:
        if given in (None, ""):
            return None
        try:
            return checked(from_data(given), self._known.fields)
        except ConditionError as error:
            self.problems += [f"{where}: {line}" for line in error.problems]
            return None
