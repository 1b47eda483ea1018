"""Declared metrics as files, beside the segments that ask about them."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.utils import translation

from evergreen.base.declarations import detach
from evergreen.flow import config
from evergreen.metrics import registry
from evergreen.metrics.models import DeclaredMetric, Segment
from tests.house import ROOT

pytestmark = pytest.mark.django_db
EXAMPLE = ROOT / "examples" / "metrics"


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def folder(tmp_path: Path, home: Any, cast: SimpleNamespace) -> Path:
    """The example, in a folder of the test's own."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "config"))


def whats(changes: list[config.Change]) -> dict[str, str]:
    return {change.key: change.what for change in changes}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


def test_the_example_is_applied_and_comes_back_byte_for_byte(
    folder: Path, tmp_path: Path, now: dt.datetime
) -> None:
    assert set(whats(config.differences(folder)).values()) == {"new"}
    assert not DeclaredMetric.objects.exists()
    config.apply(folder, by=None, now=now)
    assert set(whats(config.differences(folder)).values()) == {"same"}
    assert Segment.objects.get().condition["all"][1]["field"] == "own_urgent_tickets_per_100_users"
    assert {one.origin for one in DeclaredMetric.objects.all()} == {"file"}
    out = tmp_path / "out"
    config.export(out)
    assert files(out) == files(EXAMPLE)
    before = list(DeclaredMetric.objects.values_list("key", "versions__number"))
    config.apply(out, by=None, now=now)
    assert list(DeclaredMetric.objects.values_list("key", "versions__number")) == before


def test_another_definition_in_a_file_is_another_version(
    folder: Path, cast: SimpleNamespace, now: dt.datetime
) -> None:
    config.apply(folder, by=None, now=now)
    path = folder / "metrics" / "own_urgent_tickets_28d.yaml"
    told = yaml.safe_load(path.read_text())
    told["definition"]["window_days"] = 14
    told["owner"] = cast.boss.email
    path.write_text(yaml.safe_dump(told, allow_unicode=True))
    (change,) = (one for one in config.differences(folder) if one.what == "changed")
    assert set(change.fields) == {"owner", "definition"}
    detach(DeclaredMetric.objects.get(key="own_urgent_tickets_28d"), "metric", by=None, now=now)
    config.apply(folder, by=None, now=now)
    metric = DeclaredMetric.objects.get(key="own_urgent_tickets_28d")
    assert (metric.owner, metric.origin) == (cast.boss, "file")
    assert [one.definition["window_days"] for one in metric.versions.all()] == [28, 14]


def test_every_mistake_of_every_file_is_told_and_nothing_is_changed(folder: Path, now: dt.datetime) -> None:
    def write(key: str, **told: Any) -> None:
        text = yaml.safe_dump({"name": {"en": key}, **told}, allow_unicode=True)
        (folder / "metrics" / f"{key}.yaml").write_text(text)

    write("week", definition={"kind": "count"})
    write("own_x", definition={"kind": "count", "source": "tickets", "aggregation": "sum", "column": "weigt"})
    write(
        "own_y", definition={"kind": "number", "source": "formula", "formula": "own_none + 1"}, owner="who@x"
    )
    write(
        "own_z", definition={"kind": "number", "source": "formula", "formula": "own_none + 1"}, group="mine"
    )
    (folder / "segments" / "noisy.yaml").write_text("name: noisy\ncondition: own_gone > 1\n")
    with pytest.raises(config.ConfigError) as told:
        config.apply(folder, by=None, now=now)
    said = "\n".join(told.value.problems)
    for part in (
        "metrics/week.yaml: The key is 'week': it begins with own_",
        "metrics/own_x.yaml: definition: column: found weigt; allowed: ",
        "metrics/own_y.yaml: owner: found who@x; allowed: the e-mail of somebody",
        "metrics/own_z.yaml: group: found mine; allowed: activity, ",
        "segments/noisy.yaml: There is no field own_gone",
    ):
        assert part in said, said
    assert not DeclaredMetric.objects.exists()
    assert not registry.current().versions
    write("own_x", definition={"kind": "number", "source": "formula", "formula": "own_y * 2"})
    write("own_y", definition={"kind": "number", "source": "formula", "formula": "own_x / 2"})
    with pytest.raises(config.ConfigError, match=r"own_(x|y) → own_(x|y) → own_"):
        config.apply(folder, by=None, now=now)


def test_pruning_retires_what_has_no_file_any_more_unless_it_is_used(folder: Path, now: dt.datetime) -> None:
    config.apply(folder, by=None, now=now)
    for key in ("own_urgent_tickets_28d", "own_urgent_tickets_per_100_users"):
        (folder / "metrics" / f"{key}.yaml").unlink()
    with pytest.raises(
        config.ConfigError, match="is used by segment Many urgent tickets, so it was not retired"
    ):
        config.apply(folder, prune=True, by=None, now=now)
    (folder / "segments" / "noisy.yaml").unlink()
    config.apply(folder, prune=True, by=None, now=now)
    retired = DeclaredMetric.objects.filter(is_retired=True).values_list("key", flat=True)
    assert set(retired) == {"own_urgent_tickets_28d", "own_urgent_tickets_per_100_users"}
