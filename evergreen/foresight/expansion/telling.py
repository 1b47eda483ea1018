"""Reads of suggestions, for pages and the command."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.foresight.expansion import words
from evergreen.foresight.expansion.models import ExpansionLearning, Suggestion


def suggestions_for(user: User) -> QuerySet[Suggestion]:
    """The suggestions of the accounts that a member of staff may see."""
    return rows().filter(account__in=accounts_for(user).order_by())


def rows() -> QuerySet[Suggestion]:
    """Every suggestion with what its words need."""
    return Suggestion.objects.select_related("account__owner", "edition", "product", "ended_by")


def open_of(account: Account) -> list[Suggestion]:
    """What is suggested for an account now, worth most first."""
    return list(rows().filter(account=account, state=Suggestion.State.OPEN))


def newest() -> ExpansionLearning | None:
    """The newest learning; None before the first."""
    return ExpansionLearning.objects.first()


def why_none() -> str:
    """Why nothing is suggested, and what to do."""
    found = newest()
    if found is None:
        return "Nothing was learned yet. The worker learns every week after the night; `evergreen expansion refresh` learns now."
    return found.reason or "No account shows a sign that it would buy more."


def as_dict(row: Suggestion) -> dict[str, Any]:
    """A suggestion for JSON."""
    return {
        "account": row.account.external_id,
        "name": row.account.name,
        "owner": row.account.owner.email if row.account.owner else None,
        "kind": row.kind,
        "target": row.target,
        "suggestion": words.title(row),
        "seats": row.seats,
        "day": row.day.isoformat(),
        "since": row.since.isoformat(),
        "chance": row.chance,
        "value_cents": row.value_cents,
        "expected_cents": row.expected_cents,
        "state": row.state,
        "signs": row.evidence.get("signs", []),
        "evidence": words.evidence(row),
        "rests_on": words.rests_on(row),
    }
