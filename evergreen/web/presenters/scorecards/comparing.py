"""Two scorecards side by side on the same past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.rankings import Area, Gain
from evergreen.events import store
from evergreen.health import queries
from evergreen.health.backtest.judging import Compared
from evergreen.health.backtest.running import Asked, Backtest
from evergreen.health.models import Scorecard
from evergreen.health.rules import Card
from evergreen.web import formats


@dataclass(frozen=True, slots=True)
class Row:
    """Both AUCs and their difference, each with its interval in words."""

    days: int
    sample: str
    first: tuple[str, str]
    second: tuple[str, str]
    gain: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Names, a row a lead, and what follows in one sentence."""

    first: str
    second: str
    rows: list[Row]
    sentence: str


def side_by_side(first: Scorecard, second: Scorecard) -> Comparison:
    """Two saved scorecards in force, on the day of the newest scores."""
    cards = [queries.definition(queries.current_version(card)) for card in (first, second)]
    names = [formats.named(card.name) or card.key for card in (first, second)]
    return compared(cards[0], cards[1], names[0], names[1])


def compared(first: Card, second: Card, first_name: str, second_name: str) -> Comparison:
    """Two cards, saved or not."""
    day = queries.newest_day() or formats.today()
    asked = Asked(day)
    found = Backtest(store.reading(), [first, second], asked).compared(first, second)
    rows = [_row(row) for row in found]
    main = next(row for row in found if row.lead_days == asked.main_lead)
    return Comparison(first_name, second_name, rows, _sentence(main, first_name, second_name))


def _row(row: Compared) -> Row:
    said = _("%(lost)s left of %(n)s")
    return Row(
        days=row.lead_days,
        sample=said % {"lost": formats.number(row.lost), "n": formats.number(row.endings)},
        first=_parts(row.first, formats.fixed),
        second=_parts(row.second, formats.fixed),
        gain=_parts(row.gain, formats.signed),
    )


def _parts(found: Area | Gain | None, say: Callable[[float, int], str]) -> tuple[str, str]:
    """The value and its interval in words."""
    if found is None:
        return "—", ""
    span = _("%(low)s to %(high)s") % {"low": say(found.low, 2), "high": say(found.high, 2)}
    return say(found.value, 2), span


def _sentence(row: Compared, first: str, second: str) -> str:
    if row.gain is None:
        return _("Too few accounts left to tell them apart.")
    if not row.gain.is_sure:
        said = _("%(days)s before neither of %(first)s and %(second)s is shown to rank better.")
    elif row.gain.value > 0:
        said = _("%(days)s before %(second)s ranks better than %(first)s.")
    else:
        said = _("%(days)s before %(first)s ranks better than %(second)s.")
    return said % {"days": formats.days(row.lead_days), "first": first, "second": second}
