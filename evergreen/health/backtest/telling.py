"""A report as commands print it: days as dates, accounts by their own ids, figures by their plain names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evergreen.base.rankings import Area
from evergreen.customers.lines import day
from evergreen.customers.models import Account
from evergreen.health.backtest.judging import Compared, GroupRow, LeadFigures, Rate
from evergreen.health.backtest.running import Report
from evergreen.health.backtest.weights import Suggested


def told(report: Report) -> dict[str, Any]:
    """One object: what was looked at, the record by lead, lead time, false greens, groups, suggested weights."""
    lost = [one.account for one in report.false_greens]
    names = dict(Account.everything.filter(pk__in=lost).values_list("pk", "external_id"))
    ahead = report.lead_time
    return {
        "from": day(report.first).isoformat(),
        "to": day(report.today).isoformat(),
        "segment": report.segment or None,
        "endings": report.endings,
        "lost": report.lost,
        "stayed": report.stayed,
        "open": report.open,
        "main_lead_days": report.main_lead,
        "warnings": list(report.warnings),
        "leads": [_lead(one) for one in report.leads],
        "lead_time": {
            "losses": ahead.losses,
            "below_green": ahead.below_green,
            "in_red": ahead.in_red,
            "median_days_below_green": ahead.below_green_days,
            "median_days_in_red": ahead.red_days,
            "quarter_days_in_red": ahead.quarter_days,
        },
        "false_greens": [
            {
                "account": names.get(one.account, str(one.account)),
                "lost_on": day(one.on).isoformat(),
                "score": round(one.score, 2),
                "coverage": round(one.coverage, 4),
                "arr_cents": one.cents,
                "weakest": {key: round(points, 2) for key, points in one.weakest},
            }
            for one in report.false_greens
        ],
        "groups": {name: [_group(row) for row in rows] for name, rows in report.groups.items()},
        "suggested": _suggested(report.suggested, report.measures),
    }


def comparison(rows: Sequence[Compared]) -> list[dict[str, Any]]:
    """Two cards lead by lead."""
    return [
        {
            "lead_days": row.lead_days,
            "n": row.endings,
            "lost": row.lost,
            "first": _area(row.first),
            "second": _area(row.second),
            "gain": row.gain.value if row.gain else None,
            "gain_low": row.gain.low if row.gain else None,
            "gain_high": row.gain.high if row.gain else None,
        }
        for row in rows
    ]


def _lead(one: LeadFigures) -> dict[str, Any]:
    return {
        "lead_days": one.lead_days,
        "n": one.scored,
        "lost": one.lost,
        "accounts": one.accounts,
        **_area(one.area),
        "lift10": one.lift,
        "lowest_n": one.lowest,
        "endings": one.endings,
        "insufficient": one.insufficient,
        "without_snapshot": one.without_snapshot,
        "scored_share": one.scored / one.endings if one.endings else None,
        "coverage": one.coverage,
        "decided_before": one.decided,
        "auc_undecided": one.area_undecided.value if one.area_undecided else None,
        "base_rate": _rate(one.base_rate),
        "bands": [
            {"band": row.band, **_rate(row.lost), "arr_cents": row.cents, "lost_arr_cents": row.lost_cents}
            for row in one.bands
        ],
        "false_greens": _rate(one.false_greens),
        "caught_in_red": _rate(one.caught),
    }


def _area(area: Area | None) -> dict[str, Any]:
    if area is None:
        return {"auc": None, "auc_low": None, "auc_high": None}
    return {"auc": area.value, "auc_low": area.low, "auc_high": area.high}


def _rate(rate: Rate) -> dict[str, Any]:
    return {"lost": rate.n, "n": rate.of, "rate": rate.value, "low": rate.low, "high": rate.high}


def _group(row: GroupRow) -> dict[str, Any]:
    return {"group": row.group, **_rate(row.lost), **_area(row.area), "false_greens": row.false_greens}


def _suggested(found: Suggested | None, measures: Sequence[str]) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return {
        "weights": dict(zip(measures, found.weights, strict=True)),
        "former": {key: round(weight, 2) for key, weight in zip(measures, found.former, strict=True)},
        "learned_until": day(found.learned_until).isoformat(),
        "learned_n": found.learned_endings,
        "learned_lost": found.learned_losses,
        "judged_from": day(found.judged_from).isoformat(),
        "judged_n": found.judged_endings,
        "judged_lost": found.judged_losses,
        "auc_former": found.first.value if found.first else None,
        "auc_suggested": found.second.value if found.second else None,
        "gain": found.gain.value if found.gain else None,
        "gain_low": found.gain.low if found.gain else None,
        "gain_high": found.gain.high if found.gain else None,
        "is_worth_it": found.is_worth_it,
    }
