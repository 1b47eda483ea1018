"""What the engine goes by for a while: versions as they run, the calendar, the fields of conditions. Made anew for each tick."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.alerts.shipped import CONDITIONED, WATCHED
from evergreen.base import clock
from evergreen.base import queries as base
from evergreen.base.conditions import Fields, fields_of
from evergreen.base.wall import Calendar
from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.customers.models import Account
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.newest import newest_values
from evergreen.playbooks import definitions, rules
from evergreen.playbooks.kinds import ABSENT, kinds
from evergreen.playbooks.models import Enrolment, Heard, Playbook, PlaybookVersion
from evergreen.playbooks.steps.tasks import answers


class _Anything(Collection[str]):
    """Names that are not looked up again: what a version refers to was there when it was published."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _AsKept:
    """A kind whose settings were read when the version was published."""

    def __init__(self, keys: tuple[str, ...], late: int | None) -> None:
        self.keys, self.max_lateness_hours = keys, late

    def read(self, given: Mapping[str, Any], wrong: Callable[[str, Any, str], None]) -> dict[str, Any]:
        return dict(given)


def known_now() -> definitions.Known:
    """What a definition may refer to today, for somebody who publishes one."""
    return definitions.Known(
        fields=catalogue.all_fields(),
        kinds=kinds(),
        absent=ABSENT,
        rules=sorted({*SHIPPED, *CONDITIONED, *WATCHED, *Rule.objects.values_list("key", flat=True)}),
        segments=list(Segment.objects.filter(is_archived=False).values_list("key", flat=True)),
        stages=Account.Stage.values,
    )


class Book:
    """The versions that run and what they look at, as of one tick. Nothing of it is read before it is asked for."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self._definitions: dict[int, rules.Definition] = {}
        self._settings: dict[int, rules.Setting] = {}

    @cached_property
    def zone_name(self) -> str:
        return str(base.setting("timezone"))

    @cached_property
    def days(self) -> WorkingDays:
        return for_vendor()

    @cached_property
    def fields(self) -> Fields:
        return catalogue.all_fields()

    @cached_property
    def today(self) -> dt.date:
        return clock.local_day(self.now, clock.zone(self.zone_name))

    @cached_property
    def _known(self) -> definitions.Known:
        anything = _Anything()
        kept = {key: _AsKept(one.keys, one.max_lateness_hours) for key, one in kinds().items()}
        return definitions.Known(self.fields, kept, ABSENT, anything, anything, anything)

    def definition(self, version: PlaybookVersion) -> rules.Definition:
        """The version as it runs. Raises PlaybookError where it refers to a field or kind that is not there any more."""
        if version.pk not in self._definitions:
            self._definitions[version.pk] = definitions.definition(version.definition, self._known)
        return self._definitions[version.pk]

    def setting(self, version: PlaybookVersion, playbook: str) -> rules.Setting:
        """What a walk through the version goes by now."""
        if version.pk not in self._settings:
            zone = clock.zone(self.definition(version).zone or self.zone_name)
            acts = kinds()
            self._settings[version.pk] = rules.Setting(
                playbook=playbook,
                now=self.now,
                today=clock.local_day(self.now, zone),
                calendar=Calendar(zone, self.days),
                is_message=lambda kind: kind in acts and acts[kind].is_message,
                sets=lambda act: acts[act.kind].sets(act.settings),
            )
        return self._settings[version.pk]

    @property
    def calendar_stamp(self) -> str:
        """Changes with every setting by which a wait's end is reckoned, and when a year is published."""
        days = self.days
        told = [
            self.zone_name,
            days.name,
            [days.hours.opens.isoformat(), days.hours.closes.isoformat()],
            sorted((day.isoformat(), worked) for day, worked in days.overrides.items()),
            [year for year in range(self.now.year - 1, self.now.year + 6) if days.known(year)],
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def asked(self, definitions: Collection[rules.Definition]) -> frozenset[str]:
        """The fields that the conditions of some definitions read."""
        found = [fields_of(one) for of in definitions for one in rules.conditions(of)]
        return frozenset().union(*found)

    def look(self, runs: Sequence[Enrolment]) -> dict[int, rules.Seen]:
        """What each run sees now, by its key: at most six queries for all of them."""
        definitions = {run.version_id: self.definition(run.version) for run in runs}
        fields = self.asked(definitions.values())
        values: dict[int, dict[str, Any]] = {}
        if fields:
            values = newest_values({run.account_id for run in runs}, fields, self.fields)
        names = frozenset().union(*(rules.events(of) for of in definitions.values()))
        heard = self._heard({run.account_id for run in runs}, names) if names else {}
        closed = self._closed(runs, definitions)
        asked = {one for of in definitions.values() for one in rules.asked(of)}
        told = answers([run.pk for run in runs], asked) if asked else {}
        return {
            run.pk: rules.Seen(
                values=values.get(run.account_id, {}),
                heard=heard.get(run.account_id, {}),
                is_alert_closed=run.origin_kind == "alert" and run.origin_id in closed,
                account=str(run.account_id),
                answers=told.get(run.pk, {}),
            )
            for run in runs
        }

    def _heard(self, accounts: set[int], names: frozenset[str]) -> dict[int, dict[str, list[dt.datetime]]]:
        found: dict[int, dict[str, list[dt.datetime]]] = defaultdict(lambda: defaultdict(list))
        rows = Heard.objects.filter(account__in=accounts, name__in=names).order_by("occurred_at")
        for account, name, at in rows.values_list("account_id", "name", "occurred_at"):
            found[account][name].append(at)
        return found

    def _closed(self, runs: Sequence[Enrolment], definitions: Mapping[int, rules.Definition]) -> set[str]:
        keys = {
            run.origin_id
            for run in runs
            if run.origin_kind == "alert"
            and any(one.alert_closed for one in definitions[run.version_id].exits)
        }
        if not keys:
            return set()
        still_open = Alert.objects.filter(pk__in=keys, state=Alert.State.OPEN).values_list("pk", flat=True)
        return keys - {str(pk) for pk in still_open}


def published() -> list[tuple[Playbook, PlaybookVersion]]:
    """The playbooks that are on, with the version that takes accounts in."""
    found = PlaybookVersion.objects.filter(state=PlaybookVersion.State.PUBLISHED, playbook__is_on=True)
    return [(one.playbook, one) for one in found.select_related("playbook").order_by("playbook__key")]
