"""The dry run: accounts that would have entered over the past nights, and what would have been done with them.

Each account's occasions are gone through in the order in which they came, by the engine's own rules of entry and its own walk, with a
clock of their own. Nothing is written. Between two nights nothing is known to have changed, so runs that wait for a condition are
looked at once a night.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evergreen.alerts.trying.past import known_fields
from evergreen.base import clock
from evergreen.base.conditions import Fields, fields_of, holds
from evergreen.base.queries import vendor_zone
from evergreen.base.wall import Calendar
from evergreen.base.working_days import for_vendor
from evergreen.metrics.queries import snapshot_span
from evergreen.metrics.segments import fields as catalogue
from evergreen.playbooks import rules
from evergreen.playbooks.kinds import kinds
from evergreen.playbooks.trying.occasions import Occasion, Span, occasions
from evergreen.playbooks.trying.seen import Seen

if TYPE_CHECKING:
    import duckdb

DAYS = 90


@dataclass(frozen=True, slots=True)
class Done:
    """A step that a run would have gone through: what came of it, when. ``acts`` where it does something."""

    step: str
    result: str
    at: dt.datetime
    acts: bool


@dataclass(frozen=True, slots=True)
class Run:
    """An account that would have entered; ``state`` and ``reason`` as of the last night."""

    account: int
    entered_at: dt.datetime
    occasion: str
    way: tuple[Done, ...]
    state: str
    reason: str
    step: str
    ended_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Trial:
    """``nights`` with a snapshot from ``first`` to ``last``; ``refused`` occasions by why; ``assumed`` are fields of conditions that were
    taken as they stand now."""

    first: dt.date
    last: dt.date
    nights: int
    runs: tuple[Run, ...]
    refused: Mapping[str, int]
    assumed: tuple[str, ...]

    @property
    def accounts(self) -> int:
        return len({run.account for run in self.runs})

    @property
    def done(self) -> Counter[str]:
        """How often each step would have been gone through."""
        return Counter(one.step for run in self.runs for one in run.way)

    @property
    def acts(self) -> Counter[str]:
        """How often each step would have done something."""
        return Counter(one.step for run in self.runs for one in run.way if one.acts)


def trial(con: duckdb.DuckDBPyConnection, key: str, of: rules.Definition) -> Trial | None:
    """What a playbook of this key, which decides how accounts are split, would have done over the newest 90 nights; None where
    there is no night yet."""
    known = snapshot_span(con)
    if known is None:
        return None
    first = max(known.first, known.newest - dt.timedelta(days=DAYS - 1))
    span, fields = Span(first, known.newest, vendor_zone()), catalogue.all_fields()
    found = occasions(con, of, span, fields)
    asked = frozenset().union(*(fields_of(one) for one in rules.conditions(of)))
    asked |= frozenset(rules.NEVER_COMPARED) if of.holdout else frozenset()
    alerts = {one.alert for listed in found.values() for one in listed if one.alert}
    seen = Seen(con, of, asked, found, alerts, span, fields)
    player = _Player(key, of, seen, span)
    runs = tuple(run for account in sorted(found) for run in player.play(account, found[account]))
    nights = con.execute(
        "SELECT count(DISTINCT day) FROM lake.snapshots WHERE tenant = '' AND day BETWEEN ? AND ?",
        [first, known.newest],
    ).fetchone()
    return Trial(
        first,
        known.newest,
        nights[0] if nights else 0,
        runs,
        dict(player.refused),
        _assumed(of, asked, fields),
    )


def _assumed(of: rules.Definition, asked: frozenset[str], fields: Fields) -> tuple[str, ...]:
    metrics = catalogue.metric_of()
    dates = {
        one.counts_from for one in of.triggers if one.kind == "lifecycle" and one.counts_from != "renewal_on"
    }
    return tuple(sorted({*known_fields(asked, metrics), *(dates & fields.keys())}))


class _Player:
    """Plays the occasions of accounts through a definition."""

    def __init__(self, key: str, of: rules.Definition, seen: Seen, span: Span) -> None:
        self.refused: Counter[str] = Counter()
        self._key, self._of, self._seen, self._span = key, of, seen, span
        self._ends = span.ends
        self._zone = clock.zone(of.zone) if of.zone else span.zone
        self._calendar = Calendar(self._zone, for_vendor())
        self._kinds = kinds()
        is_watched = of.goal is not None or any(one.condition is not None for one in of.exits)
        self._watches = is_watched or any(
            isinstance(step, rules.Until) and step.condition for step in of.steps
        )
        self._is_message: Callable[[str], bool] = lambda kind: (
            kind in self._kinds and self._kinds[kind].is_message
        )

    def play(self, account: int, listed: list[Occasion]) -> Iterator[Run]:
        """The runs that an account's occasions would have begun."""
        past: list[rules.Past] = []
        changed: dict[str, Any] = {}
        for one in listed:
            # What had not ended by then was inside still.
            so_far = [
                run if run.ended_at is not None and run.ended_at <= one.at else replace(run, ended_at=None)
                for run in past
            ]
            values = {**self._seen.values(account, one.at), **changed}
            today = clock.local_day(one.at, self._span.zone)
            if self._of.entry is not None and not (values and holds(self._of.entry, values, today)):
                self.refused["condition"] += 1
            elif reason := rules.refused(self._of, so_far, one.at):
                self.refused[reason] += 1
            elif rules.may_be_held_out(values) and rules.is_held_out(
                self._key, str(account), self._of.holdout
            ):
                self.refused["holdout"] += 1
            else:
                run = self._run(one, changed)
                past.append(rules.Past(one.at, run.ended_at))
                yield run

    def _run(self, one: Occasion, changed: dict[str, Any]) -> Run:
        now, place, way = one.at, rules.Place(self._of.steps[0].key, 1, one.at), list[Done]()
        while True:
            found = rules.walk(self._of, place, self._look(one, now, changed), self._setting(now))
            acting = {visit for _act, visit in found.acts}
            way += [Done(step.step, step.result, now, step.visit in acting) for step in found.passed]
            for act, _visit in found.acts:
                changed.update(self._sets(act))
            if found.state != "waiting":
                return self._told(one, way, found, now)
            wakes = self._wakes(one, now, found)
            if wakes >= self._ends:
                return self._told(one, way, found, None)
            now, place = wakes, replace(found.place, due_at=wakes)

    def _told(self, one: Occasion, way: list[Done], found: rules.Walk, ended: dt.datetime | None) -> Run:
        return Run(
            one.account, one.at, one.key, tuple(way), found.state, found.reason, found.place.step, ended
        )

    def _look(self, one: Occasion, now: dt.datetime, changed: Mapping[str, Any]) -> rules.Seen:
        closed = self._seen.closed_at(one.alert)
        return rules.Seen(
            values={**self._seen.values(one.account, now), **changed},
            heard=self._seen.heard(one.account, now),
            is_alert_closed=closed is not None and closed <= now,
            account=str(one.account),
            # Nobody does a task in a dry run: the step waits until its time is up.
            answers=dict.fromkeys(rules.asked(self._of)),
        )

    def _wakes(self, one: Occasion, now: dt.datetime, found: rules.Walk) -> dt.datetime:
        """The next moment at which a waiting run could decide something."""
        closed = self._seen.closed_at(one.alert)
        moments = [
            found.wake_at,
            self._seen.next_morning(one.account, now) if self._watches else None,
            self._seen.next_event(one.account, now),
            closed if any(rule.alert_closed for rule in self._of.exits) else None,
        ]
        return min((at for at in moments if at is not None and at > now), default=self._ends)

    def _setting(self, now: dt.datetime) -> rules.Setting:
        today = clock.local_day(now, self._zone)
        return rules.Setting(self._key, now, today, self._calendar, self._is_message, self._sets)

    def _sets(self, act: rules.Act) -> Mapping[str, Any]:
        return self._kinds[act.kind].sets(act.settings)
