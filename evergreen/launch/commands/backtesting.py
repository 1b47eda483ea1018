"""``evergreen backtest``: a scorecard held against past renewals and losses."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.launch.terminal import HomeOption, JsonOption, open_installation, put, say, stop, table

if TYPE_CHECKING:
    from evergreen.health.backtest.judging import Rate
    from evergreen.health.backtest.running import Report
    from evergreen.health.rules import Card

_FILES = {".yaml", ".yml"}


def backtest(
    scorecard: Annotated[
        str, typer.Argument(help="A scorecard's key, or a file of one that is not saved (YAML).")
    ] = "",
    against: Annotated[str, typer.Option(help="Another one, held beside it on the same endings.")] = "",
    since: Annotated[str, typer.Option(help="First day looked at.", show_default="two years before")] = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="Day of looking; nothing later counts.", show_default="yesterday")
    ] = "",
    lead: Annotated[
        list[int] | None,
        typer.Option(help="Days before; may be given again.", show_default="30, 60, 90"),
    ] = None,
    segment: Annotated[str, typer.Option(help="Only the members of a saved segment.")] = "",
    grace_days: Annotated[
        int | None, typer.Option(help="Days of late signing.", min=0, show_default="the setting's")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold a scorecard's scores of 30, 60 and 90 days before against who renewed and who left."""
    open_installation(home)
    from evergreen.base import clock, queries
    from evergreen.events import store
    from evergreen.flow.config import ConfigError
    from evergreen.health.backtest import running, telling
    from evergreen.metrics.segments.queries import segments

    try:
        names = [scorecard or queries.setting("scorecard"), *filter(None, [against])]
        cards = [_card(name) for name in names]
        day = _day(as_of) or queries.vendor_day(clock.utc_now()) - dt.timedelta(days=1)
        leads = tuple(sorted(set(lead))) if lead else running.LEADS
        if segment and not segments().filter(key=segment).exists():
            known = ", ".join(segments().values_list("key", flat=True)) or "none yet"
            raise ValueError(f"There is no segment {segment!r}; allowed are: {known}.")
        asked = running.Asked(day, _day(since), leads, grace_days, segment)
    except ConfigError as error:
        raise stop(str(error), 2) from None
    except ValueError as error:
        raise stop(f"{error} Nothing was computed.", 2) from None
    test = running.Backtest(store.reading(), cards, asked)
    reports = [test.report(card) for card in cards]
    compared = test.compared(cards[0], cards[1]) if against else []
    if as_json:
        for name, report in zip(names, reports, strict=True):
            put({"scorecard": name, **telling.told(report)})
        if compared:
            put({"compared": names, "leads": telling.comparison(compared)})
        return
    for name, report in zip(names, reports, strict=True):
        _tell(name, report)
    for row in compared:
        if row.gain:
            say(
                f"{row.lead_days} days before, {row.endings} endings ({row.lost} lost) that both scored: {names[1]} less {names[0]} "
                f"{row.gain.value:+.3f} AUC ({row.gain.low:+.3f} to {row.gain.high:+.3f})."
            )


def _card(name: str) -> Card:
    from evergreen.flow.config.scorecards import card_of
    from evergreen.health import queries
    from evergreen.health.models import Scorecard

    if Path(name).suffix in _FILES:
        return card_of(Path(name))
    found = Scorecard.objects.filter(key=name).first()
    if found is None:
        known = ", ".join(Scorecard.objects.values_list("key", flat=True))
        raise ValueError(
            f"There is no scorecard {name!r}; allowed are {known}, or a file that ends in .yaml."
        )
    return queries.definition(queries.current_version(found))


def _tell(name: str, report: Report) -> None:
    from evergreen.health.backtest.running import days_of

    first, last = days_of(report)
    say(
        f"{name}: {report.endings} endings from {first} to {last}: {report.stayed} stayed, {report.lost} lost, "
        f"{report.open} open still."
    )
    rows = [
        [
            str(one.lead_days),
            str(one.scored),
            str(one.lost),
            f"{one.area.value:.3f} ({one.area.low:.3f} to {one.area.high:.3f})" if one.area else "-",
            f"{one.lift:.2f} ({one.lowest})" if one.lift is not None else "-",
            *(_share(row.lost) for row in one.bands),
            str(one.false_greens.n),
            f"{one.without_snapshot + one.insufficient}",
        ]
        for one in report.leads
    ]
    table(
        rows,
        header=["days before", "n", "lost", "AUC (95%)", "lift, lowest 10% (n)", "lost of green", "of yellow", "of red",
                "false greens", "not scored"],
    )  # fmt: skip
    ahead = report.lead_time
    if ahead.red_days is not None:
        say(
            f"Of {ahead.losses} losses {ahead.in_red} stood in red before, half of them for {ahead.red_days:.0f} days or more."
        )
    for warning in report.warnings:
        say(f"Too thin for a verdict: {_WARNINGS[warning]}")
    found = report.suggested
    if found and found.gain:
        told = ", ".join(
            f"{key} {weight}" for key, weight in zip(report.measures, found.weights, strict=True)
        )
        say(
            f"Weights learned on {found.learned_endings} endings ({found.learned_losses} lost): {told}. On {found.judged_endings} "
            f"later ones ({found.judged_losses} lost) {found.gain.value:+.3f} AUC ({found.gain.low:+.3f} to {found.gain.high:+.3f})"
            f"{'.' if found.is_worth_it else ': no sure gain.'}"
        )


def _share(rate: Rate) -> str:
    return f"{rate.n} of {rate.of}" + (f" ({rate.value:.0%})" if rate.value is not None else "")


_WARNINGS: dict[str, str] = {
    "few_endings": "fewer than 30 endings were scored.",
    "few_losses": "fewer than 10 of the scored ones were lost.",
    "short_history": "they lie within less than a year.",
    "unranked": "all of them were lost, so nothing can be ranked.",
    "little_scored": "less than half of the endings have a score; `evergreen night --from DAY --to DAY` makes past ones.",
}


def _day(text: str) -> Any:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"{text!r} is no day; give it as YYYY-MM-DD.") from None
