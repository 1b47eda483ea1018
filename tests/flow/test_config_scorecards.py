"""Scorecards as files: out, compared, back in, and what is wrong with them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.utils import translation

from evergreen.base.env import Home
from evergreen.flow import config
from evergreen.health.actions import install_shipped
from evergreen.health.models import Scorecard

EXAMPLES = Path(__file__).parents[2] / "examples" / "scorecards"


@pytest.fixture(autouse=True)
def _cards(cast: SimpleNamespace, home: Home, now: dt.datetime) -> Any:
    install_shipped(now=now)
    with translation.override("en"):
        yield


@pytest.mark.postgres
def test_what_goes_out_comes_back_as_it_was(tmp_path: Path, now: dt.datetime) -> None:
    written = config.export(tmp_path)
    assert {path.name for path in written if path.parent.name == "scorecards"} == {"standard.yaml", "starter.yaml", "value.yaml"}  # fmt: skip
    assert {change.what for change in config.differences(tmp_path)} == {"same"}
    config.apply(tmp_path, by=None, now=now)
    assert all(card.versions.count() == 1 and card.is_in_files for card in Scorecard.objects.all())


def test_a_changed_file_is_a_new_version_and_one_taken_away_is_put_away(
    tmp_path: Path, now: dt.datetime
) -> None:
    config.export(tmp_path)
    path = tmp_path / "scorecards" / "value.yaml"
    told = yaml.safe_load(path.read_text("utf-8"))
    told["definition"]["measures"][0]["weight"] = 35
    path.write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    changed = {change.key: change for change in config.differences(tmp_path)}["value"]
    assert changed.what == "changed" and list(changed.fields) == ["definition"]
    config.apply(tmp_path, by=None, now=now)
    assert Scorecard.objects.get(key="value").versions.count() == 2
    path.unlink()
    config.apply(tmp_path, prune=True, by=None, now=now)
    assert not Scorecard.objects.get(key="value").is_active


def test_every_mistake_names_its_file_and_nothing_changes(tmp_path: Path, now: dt.datetime) -> None:
    config.export(tmp_path)
    path = tmp_path / "scorecards" / "value.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("core_depth", "core_deep").replace("weight: 40", "weight: much"), "utf-8")
    with pytest.raises(config.ConfigError) as refused:
        config.apply(tmp_path, by=None, now=now)
    said = "\n".join(refused.value.problems)
    assert "scorecards/value.yaml: definition: measures: depth: metric" in said and "core_depth" in said
    assert "measures: kpi_attainment: weight: found much" in said
    assert not Scorecard.objects.filter(origin="file").exists()


def test_a_segment_that_is_not_there_is_refused_as_a_whole(tmp_path: Path, now: dt.datetime) -> None:
    config.export(tmp_path)
    path = tmp_path / "scorecards" / "value.yaml"
    path.write_text(path.read_text("utf-8") + "segment: nobody\n", "utf-8")
    with pytest.raises(config.ConfigError, match="There is no segment nobody"):
        config.apply(tmp_path, by=None, now=now)
    assert not Scorecard.objects.filter(origin="file").exists()


def test_the_example_of_licence_use_by_contract_age_can_be_applied(tmp_path: Path, now: dt.datetime) -> None:
    changes = config.apply(EXAMPLES, by=None, now=now)
    assert ("scorecard", "licence_use", "new") in {(one.kind, one.key, one.what) for one in changes}
    card = Scorecard.objects.get(key="licence_use")
    (version,) = card.versions.all()
    assert version.definition["measures"][0]["scale"]["kind"] == "by"
