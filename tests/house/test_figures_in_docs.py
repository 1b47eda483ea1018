"""What the documents say of figures, rules, scorecards and packages is what the code does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from evergreen.alerts.models import Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.health.shipped import SCORECARDS
from evergreen.metrics.library import METRICS
from tests.house import ROOT


def sections(name: str) -> dict[str, str]:
    """Heading → its text with the lines joined, for headings ``### `thing```."""
    parts = re.split(r"(?m)^#{2,3} ", (ROOT / "docs" / name).read_text("utf-8"))
    return {
        part.split("`")[1]: " ".join(part.partition("\n")[2].split())
        for part in parts
        if part.startswith("`")
    }


def absent(text: str, wanted: list[str]) -> list[str]:
    return [words for words in wanted if words not in text]


@pytest.mark.parametrize("key", METRICS)
def test_a_metric_is_documented_as_it_is_computed(key: str) -> None:
    metric = METRICS[key]
    wanted = [f"`{metric.formula_text()}`", metric.name["en"], metric.name["zh"], metric.explanation["en"]]
    assert absent(sections("metrics.md")[key], wanted) == []


@pytest.mark.parametrize("key", SHIPPED)
def test_an_alert_rule_is_documented_with_its_severity_and_thresholds(key: str) -> None:
    rule = SHIPPED[key]
    severity = Rule.Severity(rule.severity).name.lower()
    wanted = [rule.name["en"], rule.name["zh"], f"Severity {severity}."]
    wanted += [f"`{name}` ({value})" for name, value in rule.params.items() if key != "health_drop"]
    wanted += [f"`{name}`" for name in rule.params]
    assert absent(sections("alerts.md")[key], wanted) == []


def lines_of(definition: dict[str, Any]) -> Iterator[str]:
    for measure in definition["measures"]:
        yield f"`{measure['metric']}`"
        if not definition.get("additive"):
            yield f"`{measure['metric']}` | {measure['weight']} |"
    for name in ("green", "yellow"):
        yield f"{name} from {definition['bands'][name]}"
    yield f"Coverage floor {definition['coverage_floor']:.0%}"
    for cap in definition.get("caps", ()):
        yield f"more than {cap['above']}"
        yield f"at most {cap['at_most']}"


@pytest.mark.parametrize("key", SCORECARDS)
def test_a_scorecard_is_documented_with_its_measures_weights_and_bands(key: str) -> None:
    name, definition = SCORECARDS[key]
    text = sections("health.md")[key]
    assert absent(text.replace("Green", "green"), [name["en"], name["zh"], *lines_of(definition)]) == []


def test_every_direct_dependency_has_its_line_and_every_line_its_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    needs = [need for part in (*lists, *project["dependency-groups"].values()) for need in part]
    wanted = {re.split(r"[\[<>=~! ]", need)[0].lower() for need in needs}
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8").partition("## In the browser")[0]
    named = {
        name for cell in re.findall(r"(?m)^\| (`[^|]+) \|", text) for name in re.findall(r"`([^`]+)`", cell)
    }
    assert sorted(wanted - named) == [], "without a line in docs/dependencies.md"
    assert sorted(named - wanted) == [], "lines of docs/dependencies.md for packages we do not name"


def test_decisions_are_numbered_without_a_gap_and_stay_short() -> None:
    found = sorted(path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
    assert [path.name[:5] for path in found] == [f"{n:04d}-" for n in range(1, len(found) + 1)]
    for path in found:
        text = path.read_text("utf-8")
        assert text.startswith(f"# {path.name[:4]} "), path.name
        assert "**Decided.**" in text and "**Why.**" in text and "**What it costs.**" in text, path.name
        assert len(text.split()) < 400, f"{path.name} is longer than half a page"


def test_the_first_pages_stay_short() -> None:
    for name, most in (("README.md", 60), ("README.zh-hans.md", 60), ("CONTRIBUTING.md", 80)):
        assert len((ROOT / name).read_text("utf-8").splitlines()) < most, name
