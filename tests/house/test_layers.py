from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from tests.house import ROOT, tracked

CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
# Room → its floor; 0 is the top. Rooms on one floor don't know each other.
FLOORS = {
    room.strip().strip("()"): floor
    for floor, rooms in enumerate(CONTRACT["layers"])
    for room in rooms.split("|")
}
FORBIDDEN_WORDS = {"manager", "helper", "helpers", "util", "utils", "common", "core", "handler", "processor"}
FORBIDDEN_WORDS |= {"engine", "misc", "service", "services", "managers", "handlers"}


def test_a_room_imports_only_rooms_below_it() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_its_floor() -> None:
    rooms = {path.parts[1] for path in tracked() if path.parts[0] == "evergreen" and len(path.parts) > 2}
    assert sorted(rooms - set(FLOORS)) == []


def test_foreign_keys_point_only_down() -> None:
    wrong = []
    for model in apps.get_models(include_auto_created=True):
        room = model._meta.app_config.name if model._meta.app_config else ""
        if not room.startswith("evergreen."):
            continue
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if target is None or not getattr(field, "concrete", False):
                continue
            other = target._meta.app_config.name
            if not other.startswith("evergreen."):
                continue
            here, there = room.partition(".")[2], other.partition(".")[2]
            if here != there and FLOORS[here] >= FLOORS[there]:
                wrong.append(f"{model.__name__}.{field.name}: {here} → {there}")
    assert wrong == []


def python_files() -> Iterator[tuple[Path, ast.Module]]:
    for path in tracked():
        if path.suffix == ".py" and path.parts[0] == "evergreen" and "migrations" not in path.parts:
            yield path, ast.parse((ROOT / path).read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_rules_are_pure() -> None:
    # No Django, no network, no clock: rules answer from what they are given.
    forbidden = ("django", "requests", "httpx", "urllib.request", "socket", "evergreen.base.clock.utc_now")
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files()
        if path.name == "rules.py" or path.parent.name == "rules"
        for name in imported(tree)
        if name.startswith(forbidden)
    ]
    assert wrong == []


def test_queries_never_write_and_models_never_act() -> None:
    wrong = []
    for path, tree in python_files():
        stem = path.stem if path.stem != "__init__" else path.parent.name
        for name in imported(tree):
            if name.startswith("evergreen.") and (
                (stem in {"queries", "models", "rules"} and ".actions" in name)
                or (stem in {"models", "rules"} and ".queries" in name)
                or (stem == "rules" and ".models" in name)
            ):
                wrong.append(f"{path}: {name}")
    assert wrong == []


@pytest.mark.parametrize("kind", ["modules", "classes"])
def test_no_name_hides_what_a_thing_does(kind: str) -> None:
    wrong = []
    for path, tree in python_files():
        if kind == "modules":
            if path.stem in FORBIDDEN_WORDS:
                wrong.append(str(path))
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(
                node.name.lower().endswith(word) for word in FORBIDDEN_WORDS
            ):
                wrong.append(f"{path}: {node.name}")
    assert wrong == []


def test_actions_are_told_who_acts_and_when() -> None:
    """A public function of an actions module that takes ``by`` takes the time as well."""
    wrong = []
    for path, tree in python_files():
        if path.stem != "actions" and path.parent.name != "actions":
            continue
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            names = {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
            if "by" in names and not names & {"now", "known_at"}:
                wrong.append(f"{path}: {node.name}")
    assert wrong == []
