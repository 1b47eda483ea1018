"""What ``evergreen accounts`` prints: one account a line, joined from the newest night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evergreen.alerts.queries import open_rule_keys
from evergreen.base.queries import setting
from evergreen.customers.models import Account
from evergreen.health import words
from evergreen.health.definitions import card_from
from evergreen.health.models import Scorecard, ScorecardVersion, Standing
from evergreen.metrics.models import Newest

FIGURES = ("tickets_opened_28d", "active_days_7d", "features_used_28d", "days_to_renewal")
_Names = Mapping[tuple[int, int], dict[str, Mapping[str, str]]]


class UnknownScorecardError(ValueError):
    """No scorecard has that key; the message lists those that exist."""


def account_lines(scorecard: str | None = None) -> Iterator[dict[str, Any]]:
    """One dict an account, by external id, with the figures, health and open alerts of the newest night.

    Without ``scorecard`` each account's own one is shown. An account that no night has seen yet has null figures.
    """
    standings = Standing.objects.select_related("scorecard")
    if scorecard is None:
        standings = standings.filter(is_own=True)
    elif Scorecard.objects.filter(key=scorecard).exists():
        standings = standings.filter(scorecard__key=scorecard)
    else:
        known = ", ".join(Scorecard.objects.values_list("key", flat=True))
        raise UnknownScorecardError(f"There is no scorecard {scorecard!r}; allowed are {known}.")
    by_account = {standing.account_id: standing for standing in standings}
    newest = {row.account_id: row for row in Newest.objects.all()}
    alerts, names, vendor = open_rule_keys(), _measure_names(), setting("currency")
    for pk, external_id, name, owner, own_currency in Account.objects.order_by("external_id").values_list(
        "pk", "external_id", "name", "owner__email", "currency"
    ):
        row, standing = newest.get(pk), by_account.get(pk)
        values = row.values if row else {}
        currency = row.currency if row else own_currency or vendor
        yield {
            "external_id": external_id,
            "name": name,
            "owner": owner,
            "day": row.day.isoformat() if row else None,
            "currency": currency,
            "mrr_cents": row.mrr_cents if row else None,
            **{key: values.get(key) for key in FIGURES},
            "health": _health(standing, names, currency),
            "open_alerts": alerts.get(pk, []),
        }


def _health(standing: Standing | None, names: _Names, currency: str) -> dict[str, Any] | None:
    if standing is None:
        return None
    named = names[standing.scorecard_id, standing.version]
    spoken = {
        language: words.reasons(standing, language, names=named, currency=currency)
        for language in ("zh-hans", "en")
    }
    return {
        "scorecard": standing.scorecard.key,
        "version": standing.version,
        "score": standing.score,
        "band": standing.band,
        "coverage": standing.coverage,
        "change_7d": standing.change_7d,
        "change_30d": standing.change_30d,
        "change_90d": standing.change_90d,
        "reasons": [
            {
                "measure": en.measure,
                "points": en.points,
                "lost": en.lost,
                "missing": en.missing,
                "zh": f"{zh.label}：{zh.detail}",
                "en": f"{en.label}: {en.detail}",
            }
            for zh, en in zip(spoken["zh-hans"], spoken["en"], strict=True)
        ],
    }


def _measure_names() -> _Names:
    return {
        (version.scorecard_id, version.number): {
            m.key: m.name for m in card_from(version.definition).measures
        }
        for version in ScorecardVersion.objects.all()
    }
