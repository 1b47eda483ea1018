"""The table of causes: no circles, only rules that ship, one deterministic cause whatever the order of reading."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from pathlib import Path

from evergreen.alerts.causes import CAUSES, Explained, Sign, explain
from evergreen.alerts.rules import SHIPPED
from evergreen.alerts.shipped import CONDITIONED

AT = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC)
DOC = Path(__file__).parents[2] / "docs" / "alerts.md"


def sign(alert: int, rule: str, severity: int = 2, days: int = 0) -> Sign:
    return Sign(alert, rule, severity, AT + dt.timedelta(days=days))


def test_the_table_names_shipped_rules_only_and_runs_from_causes_to_symptoms() -> None:
    shipped = {*SHIPPED, *CONDITIONED}
    assert set(CAUSES) <= shipped and {rule for row in CAUSES.values() for rule in row} <= shipped
    places = {rule: place for place, rule in enumerate(CAUSES)}
    for rule, brings in CAUSES.items():
        assert len(set(brings)) == len(brings)
        for symptom in brings:
            assert places.get(symptom, len(places)) > places[rule], f"{symptom} stands above its cause {rule}"


def test_the_document_shows_the_table_as_it_is() -> None:
    text = DOC.read_text()
    for rule, brings in CAUSES.items():
        row = f"| `{rule}` | {', '.join(f'`{one}`' for one in brings)} |"
        assert row in text, f"docs/alerts.md lacks: {row}"
    assert text.count("\n| `") == len(CAUSES)


def test_silence_and_gaps_come_before_falling_health() -> None:
    found = explain([sign(1, "health_red", 3), sign(2, "silence", 1), sign(3, "renewal_due", 1)])
    assert found == Explained(cause=2, symptoms=(1,), beside=(3,))
    chain = explain([sign(1, "health_red", 3), sign(2, "silence", 1), sign(3, "chain_gap")])
    assert chain is not None and chain.cause == 3 and set(chain.symptoms) == {1, 2}


def test_what_explains_nothing_goes_by_severity_then_age() -> None:
    found = explain([sign(1, "renewal_due", 1), sign(2, "my_rule", 3, days=1), sign(3, "my_other", 3)])
    assert found == Explained(cause=3, symptoms=(), beside=(2, 1))
    assert explain([]) is None


def test_a_person_may_call_any_of_the_alerts_the_cause() -> None:
    found = explain([sign(1, "health_red", 3), sign(2, "silence", 1)], said=1)
    assert found == Explained(cause=1, symptoms=(), beside=(2,))
    gone = explain([sign(1, "health_red", 3), sign(2, "silence", 1)], said=99)
    assert gone is not None and gone.cause == 2, "an alert that is closed explains nothing any more"


def test_the_cause_is_the_one_that_a_plain_count_finds_in_any_order_of_reading() -> None:
    rng = random.Random(7)
    rules = [*CAUSES, "renewal_due", "seats_full", "my_rule"]

    def reached(start: Sign, signs: list[Sign]) -> set[int]:
        """By pairs, until nothing is added."""
        found = {start.alert}
        while True:
            more = {
                other.alert
                for one, other in itertools.product(signs, signs)
                if one.alert in found and other.rule in CAUSES.get(one.rule, ())
            }
            if more <= found:
                return found - {start.alert}
            found |= more

    for _ in range(200):
        chosen = rng.sample(rules, rng.randrange(1, 7))
        signs = [sign(n, rule, rng.randrange(1, 4), rng.randrange(3)) for n, rule in enumerate(chosen, 1)]
        found = explain(signs)
        assert found is not None
        reach = {one.alert: reached(one, signs) for one in signs}
        assert all(found.cause not in theirs for theirs in reach.values()), "something explains the cause"
        roots = [key for key in reach if not any(key in theirs for theirs in reach.values())]
        assert len(reach[found.cause]) == max(len(reach[key]) for key in roots)
        assert set(found.symptoms) == reach[found.cause]
        assert {found.cause, *found.symptoms, *found.beside} == set(reach)
        shuffled = rng.sample(signs, len(signs))
        assert explain(shuffled) == found
