"""What is set up as files, and back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.utils import translation

from evergreen.base.declarations import detach
from evergreen.flow import config
from evergreen.metrics.models import Segment
from evergreen.metrics.segments.actions import save_segment

pytestmark = pytest.mark.django_db
CONDITION = (
    'renewal_on in next 60 days and (tier = strategic or mrr >= 1000.5) and not tags = "Do not disturb"'
)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def segment(cast: SimpleNamespace, now: dt.datetime) -> Segment:
    names = {"zh": "续约窗口", "en": "Renewal window"}
    return save_segment("window", name=names, condition=CONDITION, note="first: call", by=cast.boss, now=now)


def write(folder: Path, key: str, **told: Any) -> None:
    path = folder / "segments" / f"{key}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(told, allow_unicode=True))


def whats(changes: list[config.Change]) -> dict[str, str]:
    return {change.key: change.what for change in changes}


def test_what_is_written_is_read_back_as_it_was(segment: Segment, tmp_path: Path, now: dt.datetime) -> None:
    (path,) = config.export(tmp_path)
    told = yaml.safe_load(path.read_text())
    assert told == {"name": segment.name, "note": "first: call", "condition": CONDITION}
    assert whats(config.differences(tmp_path)) == {"window": "same"}
    before = (segment.condition, segment.version)
    config.apply(tmp_path, by=None, now=now)
    segment.refresh_from_db()
    assert (segment.condition, segment.version, segment.origin) == (*before, "file")


def test_files_make_change_and_leave_alone(segment: Segment, tmp_path: Path, now: dt.datetime) -> None:
    write(tmp_path, "quiet", name={"en": "Quiet"}, condition="active_days_28d < 3")
    tree = {
        "all": [
            {"field": "renewal_on", "op": "in next", "value": "30"},
            {"not": {"field": "stage", "op": "in", "value": ["churned", "trial"]}},
        ]
    }
    write(tmp_path, "soon", name="快到期", condition=tree)
    assert whats(config.differences(tmp_path)) == {"quiet": "new", "soon": "new", "window": "only_here"}
    config.apply(tmp_path, by=None, now=now)
    soon = Segment.objects.get(key="soon")
    assert soon.name == {"zh": "快到期"}
    assert whats(config.differences(tmp_path)) == {"quiet": "same", "soon": "same", "window": "only_here"}
    write(tmp_path, "quiet", name={"en": "Quiet"}, condition="active_days_28d < 5")
    (change,) = (one for one in config.differences(tmp_path) if one.what == "changed")
    assert change.fields == {"condition": ("active_days_28d < 3", "active_days_28d < 5")}
    config.apply(tmp_path, by=None, now=now)
    assert Segment.objects.get(key="quiet").version == 2


def test_pruning_puts_away_only_what_was_kept_in_files(
    segment: Segment, tmp_path: Path, now: dt.datetime
) -> None:
    for key in ("one", "two", "three"):
        write(tmp_path, key, name=key, condition="stage = steady")
    config.apply(tmp_path, by=None, now=now)
    detach(Segment.objects.get(key="three"), "segment", by=None, now=now)
    for key in ("two", "three"):
        (tmp_path / "segments" / f"{key}.yaml").unlink()
    config.apply(tmp_path, by=None, now=now)
    assert not Segment.objects.filter(is_archived=True).exists()
    config.apply(tmp_path, prune=True, by=None, now=now)
    archived = Segment.objects.filter(is_archived=True).values_list("key", flat=True)
    assert list(archived) == ["two"]


def test_one_mistake_and_nothing_is_changed_every_mistake_is_told(
    segment: Segment, tmp_path: Path, now: dt.datetime
) -> None:
    write(tmp_path, "good", name="good", condition="stage = steady")
    write(tmp_path, "bad", name="bad", condition="stag = steady and tier = big")
    write(tmp_path, "odd", name="odd", filter="stage = steady")
    write(tmp_path, "names", name={"fr": "oui"}, condition="stage = steady")
    (tmp_path / "segments" / "broken.yaml").write_text("name: [")
    (tmp_path / "segments" / "twice.yaml").write_text("name: a\nname: b\ncondition: stage = steady\n")
    with pytest.raises(config.ConfigError) as told:
        config.apply(tmp_path, by=None, now=now)
    said = "\n".join(told.value.problems)
    assert "segments/bad.yaml: There is no field stag. Did you mean stage" in said
    assert "segments/bad.yaml: tier: found big; allowed: strategic, growth, basic." in said
    assert "segments/odd.yaml: found filter, name; allowed: name and condition, and note." in said
    assert "segments/names.yaml: name: found {'fr': 'oui'}; allowed: zh, en." in said
    assert "is no readable YAML" in said
    assert "the key 'name' is written twice" in said
    assert list(Segment.objects.values_list("key", flat=True)) == ["window"]
    with pytest.raises(config.ConfigError, match="There is no folder"):
        config.differences(tmp_path / "none")


def test_a_key_that_no_segment_may_have_takes_nothing_with_it(
    segment: Segment, tmp_path: Path, now: dt.datetime
) -> None:
    write(tmp_path, "fine", name="fine", condition="stage = steady")
    write(tmp_path, "new", name="new", condition="stage = steady")
    with pytest.raises(config.ConfigError, match=r"segments/new\.yaml: The key is 'new'"):
        config.apply(tmp_path, by=None, now=now)
    assert not Segment.objects.filter(key="fine").exists()
