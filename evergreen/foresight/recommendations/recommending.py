"""What to recommend now: read with the newest behaviour, ordered by relevance and by what helped accounts like it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from evergreen.base import queries as base
from evergreen.customers.models import Account, Feature
from evergreen.events.models import EndUser
from evergreen.foresight.recommendations import fresh, holdout, learning, together, touches
from evergreen.foresight.recommendations.helped import Helped
from evergreen.foresight.recommendations.models import Candidate, Exposure, ItemKind, Proof
from evergreen.foresight.recommendations.together import INDUSTRY, ROLE, TIER
from evergreen.metrics.analytics import adoption

MOST = 20
QUIET_DAYS = 90
# A person at the customer is shown these; the rest is for those who look after it.
FOR_USERS = (ItemKind.FEATURE, ItemKind.LESSON, ItemKind.ARTICLE)
# What an effect may change of the order: a few accounts' luck shall not turn it over.
_MOST_EFFECT = 0.3


@dataclass(frozen=True, slots=True)
class Why:
    """What speaks for an item: what is known (a feature, role, industry, tier; '' nothing) with how many of those do the same, the
    share of all, days since the last such touch, what followed elsewhere, and what a playbook was shown to do.
    """

    known: str
    may: int
    do: int
    base: float
    days: int | None = None
    helped: Helped | None = None
    about: str = ""
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item; ``score`` orders within its kind."""

    kind: str
    key: str
    name: dict[str, str]
    score: float
    why: Why
    address: str = ""


@dataclass(frozen=True, slots=True)
class Recommended:
    """What is recommended as of an instant. ``is_held``: the account is of the share that sees nothing. ``day`` is None while nothing
    was learned.
    """

    items: tuple[Recommendation, ...]
    is_held: bool
    day: dt.date | None


def recommend(
    account: Account,
    *,
    now: dt.datetime,
    end_user: str = "",
    kinds: Collection[str] = (),
    playbooks: Collection[str] = (),
) -> Recommended:
    """Up to twenty items for an account, or (with ``end_user``) for one of its people, the best of each kind first.

    ``playbooks`` are the keys of those that the account may enter (that room knows): of them those are named that were shown to help. What was dismissed within 90 days is left out. Nothing is noted: whoever shows it calls ``actions.expose``.
    """
    today = base.vendor_day(now)
    is_held = holdout.is_held(account.pk, float(base.setting("recommendation_holdout_percent")))
    learned = learning.newest()
    if learned is None:
        return Recommended((), is_held, None)
    allowed = [kind for kind in (FOR_USERS if end_user else tuple(ItemKind)) if not kinds or kind in kinds]
    used = set(fresh.used(account.pk, today, end_user))
    known = used | _marks(account, end_user)
    report = learned.report
    model = learning.together_of(report, "users" if end_user else "accounts")
    effects = {key: Helped(**one) for key, one in report.get("helped", {}).items()}
    features = _features(account, today, model, used, known, effects)
    found = [one for one in features if ItemKind.FEATURE in allowed]
    found += [one for one in _offered(account, end_user, features) if one.kind in allowed]
    if ItemKind.TOUCH in allowed:
        found += _touches(account, today, effects)
    if ItemKind.PLAYBOOK in allowed and playbooks:
        found += _proven(playbooks)
    quiet = set(
        Exposure.objects.filter(
            account=account, end_user=end_user, outcome=Exposure.Outcome.DISMISSED,
            outcome_at__gt=now - dt.timedelta(days=QUIET_DAYS),
        ).values_list("kind", "key")
    )  # fmt: skip
    kept = [one for one in found if (one.kind, one.key) not in quiet]
    kept.sort(key=lambda one: (allowed.index(ItemKind(one.kind)), -one.score, one.key))
    return Recommended(tuple(kept[:MOST]), is_held, learned.day)


def _marks(account: Account, end_user: str) -> set[str]:
    if not end_user:
        told = {INDUSTRY + account.industry: account.industry, TIER + account.tier: account.tier}
        return {mark for mark, text in told.items() if text}
    rows = EndUser.objects.filter(account=account, key=end_user).select_related("contact")[:5]
    roles = {together.role_of(row.traits) or _title(row) for row in rows}
    return {ROLE + role for role in roles if role}


def _title(row: EndUser) -> str:
    return row.contact.title.strip().lower() if row.contact is not None else ""


def _features(
    account: Account,
    today: dt.date,
    model: together.Together,
    used: set[str],
    known: set[str],
    effects: dict[str, Helped],
) -> list[Recommendation]:
    """The features that it may use and has not used in 28 days."""
    may = adoption.entitled_of(account, today)
    names = dict(Feature.objects.filter(key__in=may - used).values_list("key", "name"))
    found = []
    for key, name in names.items():
        relevance, speaks, (those, do) = model.relevance(key, known)
        effect = effects.get(f"feature:{key}")
        why = Why(speaks, those, do, model.share(key), helped=effect)
        found.append(Recommendation(ItemKind.FEATURE, key, name, relevance * _factor(effect), why))
    return found


def _factor(effect: Helped | None) -> float:
    return 1.0 if effect is None else 1 + max(-_MOST_EFFECT, min(_MOST_EFFECT, effect.change))


def _offered(account: Account, end_user: str, features: list[Recommendation]) -> list[Recommendation]:
    """What other rooms offer about those features."""
    of = {one.key: one for one in features}
    edition = account.edition.key if account.edition else ""
    roles = {mark.removeprefix(ROLE) for mark in _marks(account, end_user)} if end_user else set()
    found = []
    for row in Candidate.objects.filter(is_on=True, feature__in=of).order_by("pk"):
        if not _fits(row.audience, roles, edition, account.industry):
            continue
        about = of[row.feature]
        why = Why(
            about.why.known,
            about.why.may,
            about.why.do,
            about.why.base,
            helped=about.why.helped,
            about=row.feature,
        )
        found.append(Recommendation(row.kind, row.key, row.name, about.score, why, row.address))
    return found


def _fits(audience: dict[str, Any], roles: set[str], edition: str, industry: str) -> bool:
    wanted = {
        name: {str(one).lower() for one in audience.get(name) or ()}
        for name in ("roles", "editions", "industries")
    }
    return (
        (not wanted["roles"] or not roles or bool(roles & wanted["roles"]))
        and (not wanted["editions"] or edition.lower() in wanted["editions"])
        and (not wanted["industries"] or industry.lower() in wanted["industries"])
    )


# By what a playbook is named, what matters most first; each counts where it is clear and rose.
PROVEN_BY = ("kept", "nrr", "health_score")


def proven() -> dict[str, Proof]:
    """The playbooks that were shown to help against accounts left out by lot, by key: each with what shows it best."""
    rows = Proof.objects.filter(outcome__in=PROVEN_BY).exclude(method=Proof.Method.SPLIT)
    best: dict[str, Proof] = {}
    for row in sorted(rows, key=lambda one: (PROVEN_BY.index(one.outcome), -_sureness(one))):
        if row.is_clear and row.estimate > 0:
            best.setdefault(row.playbook, row)
    return best


def _proven(playbooks: Collection[str]) -> list[Recommendation]:
    """Of some playbooks those that were shown to help."""
    return [
        Recommendation(
            ItemKind.PLAYBOOK,
            key,
            row.name,
            _sureness(row),
            Why("", 0, 0, 0.0, proof=row),
            f"/playbooks/{key}/",
        )
        for key, row in proven().items()
        if key in playbooks
    ]


def _sureness(row: Proof) -> float:
    return row.estimate / max(row.always_high - row.always_low, 1e-9)


def _touches(account: Account, today: dt.date, effects: dict[str, Helped]) -> list[Recommendation]:
    """Touches that were not made for long, the most overdue first, weighed by what followed them elsewhere."""
    found = []
    for key, last in touches.last_of(account.pk, today).items():
        days = (today - last).days if last else None
        limit = touches.QUIET_DAYS[key]
        if days is not None and days < limit:
            continue
        effect = effects.get(f"touch:{key}")
        late = min(3.0, days / limit) if days is not None else 3.0
        why = Why("", 0, 0, 0.0, days=days, helped=effect)
        found.append(Recommendation(ItemKind.TOUCH, key, touches.NAMES[key], late * _factor(effect), why))
    return found
