"""Scorecards made, changed, taken back and put away; verdicts of people; who is shown by which."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.base import queries as base
from evergreen.base.env import Home
from evergreen.base.models import AuditEntry
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health import actions, definitions, queries
from evergreen.health.actions.overriding import MOST_DAYS
from evergreen.health.models import Assignment, Override, Scorecard, Standing
from evergreen.health.shipped import STANDARD
from evergreen.metrics.models import Segment, Use
from tests.health.backtest.past import put

LINE = {"kind": "line", "points": [[0, 0], [1, 100]]}
CARD: dict[str, Any] = {
    "dimensions": {"use": {"zh": "使用", "en": "Use"}},
    "measures": [
        {"key": "a", "metric": "use_frequency", "weight": 3, "dimension": "use", "scale": LINE},
        {"key": "b", "metric": "feature_adoption", "weight": 1, "scale": LINE},
    ],
}


@pytest.fixture(autouse=True)
def _english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def made(cast: SimpleNamespace, home: Home, now: dt.datetime) -> Scorecard:
    actions.install_shipped(now=now)
    save("ours", CARD, now)
    return Scorecard.objects.get(key="ours")


def save(key: str, definition: Any, now: dt.datetime, **more: Any) -> Any:
    given = {"name": {"en": "Ours"}, "effective_on": base.vendor_day(now), "by": None, **more}
    return actions.save_card(key, definition=definition, now=now, **given)


def snapshot(day: dt.date, *rows: tuple[Account, float | None, float | None]) -> None:
    put(
        [
            {"day": day, "account_id": account.pk, "use_frequency": use, "feature_adoption": share}
            for account, use, share in rows
        ]
    )


def scored(day: dt.date, card: str = "ours") -> dict[int, Standing]:
    with store.session() as con:
        actions.score_day(con, day)
        actions.write_standings(con, day)
    return {one.account_id: one for one in Standing.objects.filter(scorecard__key=card)}


@pytest.mark.postgres
def test_a_new_version_counts_from_its_day_and_old_scores_keep_theirs(
    made: Scorecard, cast: SimpleNamespace, now: dt.datetime
) -> None:
    today = base.vendor_day(now)
    turned = {
        **CARD,
        "measures": [{**CARD["measures"][0], "weight": 1}, {**CARD["measures"][1], "weight": 3}],
    }
    _card, version = save(
        "ours", turned, now, effective_on=today + dt.timedelta(days=2), note="More adoption"
    )
    assert version.number == 2 and version.effective_on == today + dt.timedelta(days=2)
    for ahead, number, score in ((0, 1, 75.0), (1, 1, 75.0), (2, 2, 25.0)):
        day = today + dt.timedelta(days=ahead)
        snapshot(day, (cast.well, 1.0, 0.0))
        found = scored(day)[cast.well.pk]
        assert found.version == number and found.score == pytest.approx(score)
        assert queries.current_version(made, day).number == number
    points = queries.score_history(cast.well.pk, "ours", today, today + dt.timedelta(days=2))
    assert [point.version for point in points] == [1, 1, 2]
    assert AuditEntry.objects.filter(verb="scorecard.published").count() >= 2


def test_the_same_definition_makes_no_version(made: Scorecard, now: dt.datetime) -> None:
    _card, version = save("ours", CARD, now, name={"zh": "我们的"})
    made.refresh_from_db()
    assert version is None and made.name == {"zh": "我们的"} and made.versions.count() == 1
    assert set(Use.objects.filter(ref="ours").values_list("metric", flat=True)) == {
        "use_frequency",
        "feature_adoption",
    }


def test_the_newest_version_can_be_taken_back_and_its_number_is_not_used_again(
    made: Scorecard, now: dt.datetime
) -> None:
    other = {**CARD, "coverage_floor": 0.9}
    _card, second = save("ours", other, now)
    assert queries.current_version(made).number == 2
    assert actions.withdraw_version(second, by=None, now=now)
    assert not actions.withdraw_version(second, by=None, now=now)
    assert queries.current_version(Scorecard.objects.get(pk=made.pk)).number == 1
    _card, third = save("ours", other, now)
    assert third.number == 3
    first = made.versions.get(number=1)
    with pytest.raises(ValidationError, match="newest version"):
        actions.withdraw_version(first, by=None, now=now)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": {}}, "needs a name"),
        ({"segment": "none"}, "There is no segment"),
        ({"segment": "sick"}, "asks about health"),
        (
            {"effective_on": dt.date(1990, 1, 1), "definition": {**CARD, "coverage_floor": 0.1}},
            "must not be before",
        ),
        ({"is_new": True}, "already"),
    ],
)
def test_what_cannot_be_saved_says_why(
    made: Scorecard, now: dt.datetime, changed: dict[str, Any], said: str
) -> None:
    condition = {"field": "health_band", "op": "is", "values": ["red"]}
    Segment.objects.create(
        key="sick", name={"en": "Sick"}, condition=condition, created_at=now, changed_at=now
    )
    definition = changed.pop("definition", CARD)
    with pytest.raises(ValidationError, match=said):
        save("ours", definition, now, **changed)
    assert made.versions.count() == 1


def test_a_key_that_is_an_address_is_refused(made: Scorecard, now: dt.datetime) -> None:
    with pytest.raises(ValidationError, match="small letters"):
        save("new", CARD, now)


@pytest.mark.postgres
def test_each_segment_may_have_its_scorecard_and_a_choice_by_hand_stands_above(
    made: Scorecard, cast: SimpleNamespace, now: dt.datetime
) -> None:
    Segment.objects.create(key="big", name={"en": "Big"}, created_at=now, changed_at=now)
    Segment.objects.create(key="all", name={"en": "All"}, created_at=now, changed_at=now)
    for key, members in (("big", [cast.well]), ("all", [cast.well, cast.slipping])):
        SegmentMember.objects.bulk_create(
            [SegmentMember(segment=key, account=one, since=now.date()) for one in members]
        )
    save("ours", CARD, now, segment="big")
    second, _version = save("wide", CARD, now, segment="all")
    assert actions.own_scorecards() == {cast.well.pk: made.pk, cast.slipping.pk: second.pk}
    third = Scorecard.objects.get(key="starter")
    Assignment.objects.create(account=cast.slipping, scorecard=third)
    assert actions.own_scorecards()[cast.slipping.pk] == third.pk
    actions.archive_card(made, by=None, now=now)
    assert actions.own_scorecards()[cast.well.pk] == second.pk
    with pytest.raises(ValidationError, match="default"):
        actions.archive_card(Scorecard.objects.get(key="standard"), by=None, now=now)


@pytest.mark.postgres
def test_verdicts_of_every_level_count_until_their_last_day(
    made: Scorecard, cast: SimpleNamespace, now: dt.datetime
) -> None:
    today = base.vendor_day(now)
    last = today + dt.timedelta(days=3)
    given: dict[str, Any] = {"reason": "They told us", "expires_on": last, "by": cast.owner, "now": now}
    actions.override(cast.well, 20, **given)
    actions.override(cast.slipping, 80, scorecard=made, level="measure", key="b", **given)
    actions.override(cast.gone, 40, scorecard=made, level="dimension", key="use", **given)
    for day in (today, last):
        snapshot(day, (cast.well, 1.0, 1.0), (cast.slipping, 0.5, None), (cast.gone, 1.0, 0.0))
        found = scored(day)
        whole, measure, dimension = (found[one.pk] for one in (cast.well, cast.slipping, cast.gone))
        assert (whole.score, whole.band, whole.beyond["why"]) == (20, "red", "override")
        assert whole.beyond["held"] == pytest.approx(-80)
        # A verdict on a measure without data counts as knowledge: (3·50 + 1·80) ÷ 4.
        assert measure.score == pytest.approx(57.5) and measure.coverage == 1
        assert [entry.get("overridden", False) for entry in measure.contributions] == [False, True]
        assert dimension.score == pytest.approx((3 * 40 + 0) / 4)
    after = last + dt.timedelta(days=1)
    snapshot(after, (cast.well, 1.0, 1.0), (cast.slipping, 0.5, None), (cast.gone, 1.0, 0.0))
    found = scored(after)
    assert [found[one.pk].score for one in (cast.well, cast.slipping, cast.gone)] == [100, 50, 75]
    assert found[cast.well.pk].beyond["why"] == "rules"


def test_a_second_verdict_takes_the_place_of_the_first_and_can_be_taken_back(
    made: Scorecard, cast: SimpleNamespace, now: dt.datetime
) -> None:
    today = base.vendor_day(now)
    given: dict[str, Any] = {"reason": "They told us", "expires_on": today, "by": cast.owner, "now": now}
    actions.override(cast.well, 20, **given)
    second = actions.override(cast.well, 30, **given)
    assert [one.value for one in queries.overrides_on(today)] == [30]
    assert actions.end_override(second, by=cast.owner, now=now)
    assert not actions.end_override(second, by=cast.owner, now=now)
    assert not queries.overrides_on(today).exists() and Override.objects.count() == 2
    assert AuditEntry.objects.filter(verb="score.overridden").count() == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"value": 101}, "0 to 100"),
        ({"reason": " "}, "Say why"),
        ({"days": MOST_DAYS + 1}, "Allowed: from"),
        ({"days": -1}, "Allowed: from"),
        ({"level": "measure", "key": "c"}, "Allowed: a, b"),
        ({"level": "dimension", "key": "a"}, "Allowed: use"),
    ],
)
def test_a_verdict_that_cannot_be_says_why(
    made: Scorecard, cast: SimpleNamespace, now: dt.datetime, changed: dict[str, Any], said: str
) -> None:
    days = changed.pop("days", 1)
    given = {"value": 50, "reason": "They told us", "scorecard": made, **changed}
    day = base.vendor_day(now) + dt.timedelta(days=days)
    with pytest.raises(ValidationError, match=said):
        actions.override(cast.well, given.pop("value"), expires_on=day, by=cast.owner, now=now, **given)


def test_an_additive_card_takes_verdicts_on_the_whole_score_only(
    made: Scorecard, cast: SimpleNamespace, now: dt.datetime
) -> None:
    with pytest.raises(ValidationError, match="Allowed: -"):
        actions.override(
            cast.well, 50, reason="They told us", expires_on=base.vendor_day(now), level="measure", key="usage_freq",
            scorecard=Scorecard.objects.get(key="starter"), by=None, now=now,
        )  # fmt: skip


def test_a_definition_goes_out_and_comes_back_as_it_was() -> None:
    card = definitions.card_from(STANDARD)
    assert definitions.card_from(definitions.told(card)) == card
    moving = {
        **CARD,
        "caps": [{"metric": "overdue_days", "above": "30", "at_most": "50"}, {"metric": "fit", "below": 0.3, "at_most": 60}],
        "measures": [
            {
                "key": "seats", "metric": "seat_utilisation", "weight": "2.5",
                "scale": {"kind": "by", "metric": "contract_age_days", "choices": [["60", {"kind": "steps", "points": [["0", "0"], ["0.1", "70"]]}], ["210", LINE]]},
            },
            {"key": "rank", "metric": "use_frequency", "weight": 1, "scale": {"kind": "percentile"}, "missing": "neutral"},
            {"key": "told", "metric": "nps", "weight": 1, "scale": {"kind": "target", "target": 50}, "as_of": "last_answer_on", "max_age_days": "90"},
        ],
    }  # fmt: skip
    first = definitions.card_from(moving)
    again = definitions.told(first)
    assert definitions.card_from(again) == first and definitions.told(definitions.card_from(again)) == again


def test_every_mistake_of_a_definition_is_said_at_once() -> None:
    wrong = {
        "bands": {"green": 50, "yellow": 60},
        "colour": "red",
        "caps": [{"metric": "overdue_days", "at_most": 300}, {"metric": "fit", "above": 1, "at_most": 300}],
        "measures": [
            {"key": "A", "metric": "use_freqency", "weight": "much", "scale": {"kind": "guess"}, "dimension": "use"},
            {"key": "b", "metric": "nps", "weight": 1, "scale": {"kind": "line", "points": [[1, 0], [0, 9]]}, "max_age_days": 9},
            {"key": "b", "metric": "nps", "weight": 1, "scale": {"kind": "worth", "per": 1, "worth": 2}},
        ],
    }  # fmt: skip
    with pytest.raises(definitions.ScorecardError) as refused:
        definitions.card_from(wrong, {"use_frequency", "nps", "overdue_days", "fit"})
    said = "\n".join(refused.value.problems)
    for part in (
        "colour: found red; allowed: only additive",
        "bands: found yellow 60, green 50",
        "measures: 1: key",
        "use_frequency",
        "weight: found much",
        "scale: kind: found guess",
        "dimension: found use",
        "max_age_days: found 9",
        "rising values",
        "measures: b: found twice",
        "caps: 1: found -; allowed: either above or below",
        "caps: 2: at_most: found 300",
    ):
        assert part in said, part
