"""Alert rules of conditions as files, and back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.utils import translation

from evergreen.alerts.actions import save_rule
from evergreen.alerts.models import Rule
from evergreen.flow import config

pytestmark = pytest.mark.django_db
CONDITION = "seat_utilisation >= 90% and seats_bought >= 5"


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def rule(cast: SimpleNamespace, now: dt.datetime) -> Rule:
    return save_rule(
        "full",
        name={"zh": "满", "en": "Full"},
        condition=CONDITION,
        clear_nights=7,
        is_on=True,
        by=cast.boss,
        now=now,
    )


def test_what_is_written_is_read_back_as_it_was(rule: Rule, tmp_path: Path, now: dt.datetime) -> None:
    (path,) = config.export(tmp_path)
    told = yaml.safe_load(path.read_text())
    assert told["name"] == {"zh": "满", "en": "Full"}
    assert (told["severity"], told["clear_nights"], told["is_on"]) == ("medium", 7, True)
    assert [change.what for change in config.differences(tmp_path)] == ["same"]
    config.apply(tmp_path, by=None, now=now)
    rule.refresh_from_db()
    assert (rule.version, rule.origin) == (1, "file")


def test_a_file_makes_a_rule_with_defaults_and_pruning_puts_it_away(tmp_path: Path, now: dt.datetime) -> None:
    path = tmp_path / "alert-rules" / "quiet.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({"name": "安静", "condition": "active_days_28d < 3"}, allow_unicode=True))
    config.apply(tmp_path, by=None, now=now)
    made = Rule.objects.get(key="quiet")
    assert (made.is_on, made.severity, made.clear_nights, made.most_share) == (False, 2, 1, 0.2)
    path.unlink()
    config.apply(tmp_path, prune=True, by=None, now=now)
    made.refresh_from_db()
    assert made.is_archived


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"severity": "urgent"}, "high, medium, low"),
        ({"clear_nights": "two"}, "a number"),
        ({"is_on": "maybe"}, "true, false"),
        ({"condition": "nothing = 1"}, "nothing"),
        ({"days": 3}, "clear_nights"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_nothing_is_changed(
    tmp_path: Path, told: Any, error: str, now: dt.datetime
) -> None:
    path = tmp_path / "alert-rules" / "quiet.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({"name": "x", "condition": "active_days_28d < 3", **told}))
    with pytest.raises(config.ConfigError, match=error) as raised:
        config.apply(tmp_path, by=None, now=now)
    assert "alert-rules/quiet.yaml" in str(raised.value)
    assert not Rule.objects.exists()
