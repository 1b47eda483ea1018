"""What a day's events come to, as expressions that every engine can run: see ``rollup``, which puts it in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis

from evergreen.events import facts, sessions, spans
from evergreen.events.warehouses import functions

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Kinds of events that mean somebody used the product; the rest say something about people, accounts or us.
USE_KINDS = ("track", "page", "screen", "usage")
# What tells events of one person and day apart; the last two may be null.
SORT = ("source", "tenant", "kind", "name", "feature", "probe")
# What a fact is about, by its property; the first that is there.
_SUBJECTS = ("milestone", "need", "course")
_READ = ("account_id", "end_user", "day", "known_on", "count", "seconds", "properties", *SORT[:-1])


def used(events: Any, asked: Sequence[str], *, has_spans: bool) -> ir.Table:
    """The events that mean use of an account: a row counts when its count is above 0. Of use that was counted before, a
    row a person and day (``spans``).

    ``probe`` holds what matchers of features ask of an event (the properties ``asked``), as a JSON list in their order;
    null while none asks for a property.
    """
    of_accounts = _of_accounts(events, USE_KINDS)
    found = of_accounts.filter(of_accounts["count"] > 0)
    if has_spans:
        found = found.filter(~spans.is_span(found))
        counted_before = spans.spread(of_accounts.filter(spans.is_span(of_accounts)))
        found = found.select(*_READ)
        found = ibis.union(found, counted_before.select(*_READ).cast(found.schema()))
    return found.mutate(probe=_probe(found, asked))


def _of_accounts(events: Any, kinds: tuple[str, ...]) -> Any:
    """Events of some kinds and of known accounts."""
    return _without_facts(events).filter(events.account_id.notnull(), events.kind.isin(kinds))


def _without_facts(events: Any) -> Any:
    """Facts are no use."""
    return events.filter(~events.name.isin(facts.NAMES))


def online(events: Any) -> ir.Table:
    """Sessions by account and day; of moments only, for a pre-counted row knows only its day."""
    return sessions.online(sessions.moments(_without_facts(events)))


def _probe(rows: Any, asked: Sequence[str]) -> Any:
    if not asked:
        return ibis.null("string")
    parts = [functions.said_json(rows.properties, name).coalesce("null") for name in asked]
    joined = ibis.literal("[") + parts[0]
    for part in parts[1:]:
        joined = joined + ibis.literal(",") + part
    return joined + ibis.literal("]")


def counted(rows: Any, sorts: Any) -> ir.Table:
    """Uses counted by account, end user, day and sort (``sorts``: the distinct SORT with a number)."""
    rows = rows.select("account_id", "end_user", "day", "known_on", "count", "seconds", *SORT)
    # A feature or probe may be null on both sides; the others never are.
    same = [rows[name] == sorts[name] for name in SORT[:4]] + [
        rows[n].identical_to(sorts[n]) for n in SORT[4:]
    ]
    joined = rows.join(sorts, same, rname="{name}_of_sort")
    return joined.group_by(["account_id", "end_user", "day", "known_on", "sort"]).aggregate(
        uses=joined["count"].sum().cast("int64"), seconds=joined.seconds.sum().coalesce(0.0)
    )


def answers(events: Any) -> ir.Table:
    """Survey answers with their kind, contact and score; answers without a number are left out."""
    answered = events.filter(events.account_id.notnull(), events.name == "survey.answered")
    answered = answered.mutate(
        survey=functions.said_text(answered.properties, "kind"),
        contact=functions.said_text(answered.properties, "contact"),
        score=functions.said_number(answered.properties, "score"),
    )
    return answered.filter(answered.score.notnull(), answered.survey.notnull()).select(
        "account_id", "tenant", kind="survey", contact="contact", score="score", occurred_at="occurred_at", day="day",
        known_on="known_on",
    )  # fmt: skip


def told(events: Any) -> ir.Table:
    """The rows of ``lake.facts`` that events make; those of no account are left out."""
    rows = events.filter(events.account_id.notnull(), events.name.isin(facts.NAMES))
    subject = functions.said_text(rows.properties, _SUBJECTS[0])
    for name in _SUBJECTS[1:]:
        subject = subject.coalesce(functions.said_text(rows.properties, name))
    return rows.select(
        "account_id",
        "tenant",
        "source",
        "name",
        "end_user",
        contact=functions.said_text(rows.properties, "contact"),
        subject=subject,
        state=functions.said_text(rows.properties, "state"),
        weight=functions.said_number(rows.properties, "weight"),
        due_on=functions.said_day(rows.properties, "due_on"),
        occurred_at="occurred_at",
        day="day",
        known_on="known_on",
    )
