"""A playbook is read whole, says all that is wrong with it at once, and comes back as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.utils import translation

from evergreen.playbooks import definitions, rules
from evergreen.playbooks.actions import read
from evergreen.playbooks.kinds import ABSENT, kinds
from tests.playbooks.building import task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(home: Any) -> Iterator[None]:
    with translation.override("en"):
        yield


WHOLE: dict[str, Any] = {
    "triggers": [
        {"kind": "alert", "rules": ["no_activity", "health_red"]},
    ],
    "entry": "tier = strategic and active_users_28d < 5",
    "reentry": "after_days",
    "reentry_days": 180,
    "steps": [
        task("call", title={"zh": "致电", "en": "Call"}, due_working_days=3, priority=2),
        {"key": "pause", "kind": "wait", "working_days": 3, "at": "09:00"},
        {
            "key": "hold",
            "kind": "wait_until",
            "condition": "active_users_28d >= 5",
            "event": "quote.created",
            "timeout": {"days": 14},
            "on_timeout": "late",
        },
        {"key": "arm", "kind": "split", "arms": [{"share": 50, "to": "way"}, {"share": 50, "to": "open"}]},
        {
            "key": "way",
            "kind": "branch",
            "ways": [{"when": "tier = strategic", "to": "late"}],
            "otherwise": "over",
        },
        {"key": "late", "kind": "set_field", "field": "custom.cared_for", "value": "yes"},
        {"key": "open", "kind": "ticket", "subject": "Look together", "priority": "high"},
        {"key": "hours", "kind": "working_hours"},
        {"key": "over", "kind": "end"},
    ],
    "exits": [{"when": "stage = churned"}, {"alert_closed": True}],
    "goal": "health_band = green",
    "quiet_from": "21:00",
    "quiet_to": "08:00",
    "zone": "Asia/Shanghai",
}


def test_what_is_written_comes_back_and_so_does_a_file_whose_values_are_all_texts() -> None:
    of = read(WHOLE)
    told = definitions.told(of, kinds())
    assert read(told) == of and definitions.told(read(told), kinds()) == told
    as_file = yaml.load(yaml.safe_dump(told, allow_unicode=True), Loader=yaml.BaseLoader)  # noqa: S506  texts only
    assert definitions.told(read(as_file), kinds()) == told


@pytest.mark.parametrize(
    "trigger",
    [
        {"kind": "lifecycle", "day": -90, "counts_from": "renewal_on"},
        {"kind": "stage", "stages": ["adoption"]},
        {"kind": "event", "event": "trial.asked"},
        {"kind": "form", "form": "nps"},
        {"kind": "schedule", "every": "quarter", "on": 1},
        {"kind": "schedule", "every": "day"},
        {"kind": "by_hand"},
    ],
)
def test_every_trigger_comes_back_as_it_was_written(trigger: dict[str, Any]) -> None:
    of = read({"triggers": [trigger], "reentry": "never", "steps": [{"key": "end", "kind": "end"}]})
    assert definitions.told(of, kinds())["triggers"] == [trigger]


def _wrong(**changes: Any) -> str:
    with pytest.raises(rules.PlaybookError) as error:
        read({**WHOLE, **changes})
    return "\n".join(error.value.problems)


def test_every_mistake_is_named_at_once_with_its_step_and_what_is_allowed() -> None:
    said = _wrong(
        reentry="sometimes",
        entry="actve_users_28d < 5",
        steps=[
            task("call", assignee="nobody"),
            {"key": "pause", "kind": "wait", "days": 3, "hours": 2},
            {
                "key": "arm",
                "kind": "split",
                "arms": [{"share": 50, "to": "call"}, {"share": 40, "to": "nowhere"}],
            },
            {"key": "over", "kind": "end"},
        ],
    )
    assert "reentry: found sometimes; allowed: never, after_days, each_time" in said
    assert "There is no field actve_users_28d. Did you mean active_users_28d" in said
    assert "steps: call: assignee: found nobody; allowed: owner, owner_or_team" in said
    assert "steps: pause: found minutes" not in said and "steps: pause: found hours, days" in said
    assert "steps: arm: arms: found 90; allowed: shares that make 100" in said
    assert "steps: arm: arms 2: to: found nowhere; allowed: call, pause, arm, over" in said


def test_a_step_that_is_never_reached_a_loop_without_a_wait_and_a_way_without_an_end_are_refused() -> None:
    end = {"key": "over", "kind": "end"}
    lost = [task("call", next="over"), task("lost"), end]
    assert "steps: lost is never reached: lead to it from one of call, over" in _wrong(steps=lost, exits=[])
    branch = {
        "key": "ask",
        "kind": "branch",
        "ways": [{"when": "tier = basic", "to": "call"}],
        "otherwise": "over",
    }
    assert "steps: call → ask → call goes round without a wait" in _wrong(
        steps=[task("call"), branch, end], exits=[]
    )
    waits = {"key": "pause", "kind": "wait", "days": 1}
    assert read({**WHOLE, "steps": [task("call"), waits, branch, end], "exits": []})
    hold = {
        "key": "hold",
        "kind": "wait_until",
        "condition": "tier = basic",
        "timeout": {"days": 1},
        "next": "call",
    }
    assert "goes round" in _wrong(steps=[task("call"), {**hold, "on_timeout": "over"}, end], exits=[])
    assert "steps: call: next: found -; allowed: call" in _wrong(steps=[task("call")])


@pytest.mark.parametrize("kind", sorted(ABSENT))
def test_a_step_whose_room_is_not_there_is_refused_by_name(kind: str) -> None:
    steps = [{"key": "hello", "kind": kind}, {"key": "over", "kind": "end"}]
    assert f"steps: hello: a step of kind {kind} needs {ABSENT[kind]}, which is not there yet" in _wrong(
        steps=steps
    )


def test_what_speaks_of_an_alert_needs_an_alert_to_speak_of() -> None:
    said = _wrong(triggers=[{"kind": "by_hand"}])
    assert "triggers: found by_hand; allowed: alert alone" in said
