"""Days set by hand: a year's official notice before the library knows it, and the vendor's own days."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import working_days
from evergreen.base.actions import audit
from evergreen.base.models import CalendarDay, User
from evergreen.base.working_days import WorkingDays

Source = CalendarDay.Source
_WORDS = {
    **dict.fromkeys(("work", "working", "workday", "1", "true", "yes", "班", "上班", "是"), True),
    **dict.fromkeys(("off", "free", "holiday", "0", "false", "no", "休", "放假", "否"), False),
}


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a calendar: worked or free, and why."""

    day: dt.date
    is_working: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What loading days would change: (day, worked before, worked after), and the years that become known.

    Days of a year that was unknown are compared with the fallback that stood for them.
    """

    changed: tuple[tuple[dt.date, bool, bool], ...]
    new_years: tuple[int, ...]


def read_days(text: str) -> list[Day]:
    """Days from CSV lines ``2027-01-01,off,New Year``. Raises ValidationError naming each wrong line."""
    days, wrong = [], []
    for line in csv.reader(io.StringIO(text.lstrip("\ufeff"))):
        cells = [cell.strip() for cell in line]
        if not any(cells) or cells[0].startswith("#") or cells[0].lower() in {"day", "date"}:
            continue
        try:
            day = dt.date.fromisoformat(cells[0])
            is_working = _WORDS[cells[1].lower()]
        except (ValueError, KeyError, IndexError):
            wrong.append(",".join(line))
            continue
        days.append(Day(day, is_working, cells[2] if len(cells) > 2 else ""))
    if wrong:
        raise ValidationError(
            [
                _("“%(line)s” is no day: write a date, work or off, a name, as in 2027-01-01,off,New Year.")
                % {"line": line}
                for line in wrong[:20]
            ]
        )
    return days


def preview_calendar(days: Sequence[Day], source: str) -> Preview:
    """What ``load_calendar`` would change, without changing it."""
    _check(days, source)
    before = working_days.for_vendor()
    after = _with(before, days, source)
    touched = {day.day for day in days}
    for year in after.loaded - before.loaded:
        first = dt.date(year, 1, 1)
        touched |= {first + dt.timedelta(days=n) for n in range((dt.date(year + 1, 1, 1) - first).days)}
    changed = []
    for day in sorted(touched):
        old, new = before.working_or_weekday(day)[0], after.working_or_weekday(day)[0]
        if old != new:
            changed.append((day, old, new))
    new_years = sorted(year for year in after.loaded if not before.known(year))
    return Preview(tuple(changed), tuple(new_years))


@transaction.atomic
def load_calendar(days: Sequence[Day], source: str, *, by: User | None, now: dt.datetime) -> Preview:
    """Keep days of a source, ``notice`` or ``company``; one that it has is replaced. Returns what changed.

    A year's notice is the whole list of its holidays and make-up workdays and names its 1 January.
    """
    preview = preview_calendar(days, source)
    CalendarDay.objects.bulk_create(
        [
            CalendarDay(day=day.day, is_working=day.is_working, name=day.name[:100], source=source)
            for day in days
        ],
        update_conflicts=True,
        unique_fields=["day", "source"],
        update_fields=["is_working", "name"],
    )
    _audit("calendar.loaded", [day.day for day in days], preview, source, by=by, now=now)
    return preview


@transaction.atomic
def forget_days(days: Iterable[dt.date], source: str, *, by: User | None, now: dt.datetime) -> int:
    """Take days of a source out again; returns how many there were."""
    listed = sorted(set(days))
    gone, _kinds = CalendarDay.objects.filter(day__in=listed, source=source).delete()
    if gone:
        _audit("calendar.forgotten", listed, Preview((), ()), source, by=by, now=now)
    return gone


def _audit(
    verb: str, days: Sequence[dt.date], preview: Preview, source: str, *, by: User | None, now: dt.datetime
) -> None:
    after = {
        "source": source,
        "changed": [day.isoformat() for day, _old, _new in preview.changed],
        "years": list(preview.new_years),
    }
    audit(verb, "calendarday", [day.isoformat() for day in days], by=by, now=now, after=after)


def _check(days: Sequence[Day], source: str) -> None:
    if source not in Source.values:
        allowed = ", ".join(Source.values)
        raise ValidationError(
            _("The source is %(found)s: write one of %(allowed)s.") % {"found": source, "allowed": allowed}
        )
    twice = sorted({str(day.day) for day in days if sum(other.day == day.day for other in days) > 1})
    if twice:
        raise ValidationError(
            _("These days stand twice: %(days)s. Give each day once. Nothing was loaded.")
            % {"days": ", ".join(twice)}
        )
    if not days:
        raise ValidationError(_("There are no days to load: write lines such as 2027-01-01,off,New Year."))
    if source != Source.NOTICE:
        return
    calendar = working_days.for_vendor()
    covered = working_days.years_of({day.day: day.is_working for day in days})
    for year in sorted({day.day.year for day in days} - covered):
        # The days of next January or of last December may stand in a neighbour's notice.
        if not calendar.known(year) and year - 1 not in covered and year + 1 not in covered:
            raise ValidationError(
                _(
                    "The notice has days of %(year)s but not %(year)s-01-01, which every notice names. "
                    "Load the whole year, or these days as the company's own. Nothing was loaded."
                )
                % {"year": year}
            )


def _with(calendar: WorkingDays, days: Sequence[Day], source: str) -> WorkingDays:
    """The calendar as it would be with these days."""
    own = set(CalendarDay.objects.filter(source=Source.COMPANY).values_list("day", flat=True))
    given = {day.day: day.is_working for day in days}
    loaded = calendar.loaded
    if source == Source.NOTICE:
        loaded |= working_days.years_of(given)
        given = (
            {} if calendar.name == working_days.WEEKENDS else {d: w for d, w in given.items() if d not in own}
        )
    return replace(calendar, overrides={**calendar.overrides, **given}, loaded=loaded, _years={})
