"""Every thing has its heading and every heading its thing.

A heading that names a thing holds it in code marks: ``### `night_hour` ``. Headings without them are prose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.house import ROOT

HEADING = re.compile(r"(?m)^#{2,6} .*?`([^`]+)`")


def settings() -> Iterable[str]:
    from evergreen.base.env import KNOWN
    from evergreen.base.options import OPTIONS

    return [*OPTIONS, *KNOWN]


def metrics() -> Iterable[str]:
    from evergreen.metrics.library import METRICS

    return METRICS


def alert_rules() -> Iterable[str]:
    from evergreen.alerts.rules import SHIPPED
    from evergreen.alerts.shipped import CONDITIONED, WATCHED

    return [*SHIPPED, *CONDITIONED, *WATCHED]


def scorecards() -> Iterable[str]:
    from evergreen.health.shipped import SCORECARDS

    return SCORECARDS


def commands() -> Iterable[str]:
    """``evergreen key create`` and its like, from the command itself."""
    from typer.main import get_command

    from evergreen.launch.command import app

    def walk(command: Any, name: str) -> Iterable[str]:
        if not hasattr(command, "commands"):
            yield name
            return
        for part, inner in command.commands.items():
            if not inner.hidden:
                yield from walk(inner, f"{name} {part}")

    return walk(get_command(app), "evergreen")


def import_records() -> Iterable[str]:
    from evergreen.events.imports.records import RECORDS

    return RECORDS


def connectors() -> Iterable[str]:
    from evergreen.events.sources import registry

    return registry.kinds()


DOCUMENTS: dict[str, Callable[[], Iterable[str]]] = {
    "settings.md": settings,
    "metrics.md": metrics,
    "alerts.md": alert_rules,
    "health.md": scorecards,
    "command-line.md": commands,
    "imports.md": import_records,
    "connectors.md": connectors,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_thing_has_its_heading_and_every_heading_its_thing(name: str) -> None:
    path = ROOT / "docs" / name
    assert path.exists(), f"docs/{name} is not written yet"
    things = set(DOCUMENTS[name]())
    headings = HEADING.findall(path.read_text("utf-8"))
    assert sorted(things - set(headings)) == [], f"without a heading (### `name`) in docs/{name}"
    assert sorted(set(headings) - things) == [], f"headings of docs/{name} that name nothing"
    assert sorted({head for head in headings if headings.count(head) > 1}) == [], f"twice in docs/{name}"


def test_links_between_the_documents_lead_somewhere() -> None:
    wrong = []
    for path in [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if (
                "://" not in target
                and not target.startswith("mailto:")
                and not (path.parent / target).exists()
            ):
                wrong.append(f"{path.relative_to(ROOT)}: {target}")
    assert wrong == []


def test_every_setting_is_documented_with_its_default() -> None:
    from evergreen.base.options import OPTIONS

    sections = re.split(r"(?m)^### `", (ROOT / "docs" / "settings.md").read_text("utf-8"))[1:]
    written = {section.partition("`")[0]: " ".join(section.split()) for section in sections}
    wrong = []
    for option in OPTIONS.values():
        default = f"Default: `{option.default}`" if option.default != "" else "Default: empty"
        if default not in written.get(option.key, ""):
            wrong.append(f"{option.key}: “{default}”")
        for bound in (option.least, option.most):
            if bound is not None and not re.search(rf"\b{bound}\b", written.get(option.key, "")):
                wrong.append(f"{option.key}: the bound {bound}")
    assert wrong == []
