"""Segments as files: name, note and condition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base.conditions import ConditionError, checked, from_data, written
from evergreen.base.models import User
from evergreen.flow.config import reading
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.actions import archive_segment, check_key, save_segment
from evergreen.metrics.segments.queries import segments, text_of

KIND = "segment"
FOLDER = "segments"
FIELDS = ("name", "note", "condition")


def here() -> dict[str, dict[str, Any]]:
    known = catalogue.all_fields()
    return {
        one.key: {"name": reading.in_order(one.name), "note": one.note, "condition": text_of(one, known)}
        for one in segments()
    }


def read(paths: Collection[Path]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    known = catalogue.all_fields()
    for path in paths:
        name = f"{FOLDER}/{path.name}"
        try:
            check_key(path.stem)
            told = _told(path)
            # As it is written: a text and a tree that say the same are no change.
            told["condition"] = written(checked(from_data(told["condition"]), known))
            found[path.stem] = told
        except ConditionError as error:
            problems += [f"{name}: {line}" for line in error.problems]
        except ValidationError as error:
            problems += [f"{name}: {line}" for line in error.messages]
    return found, problems


def _told(path: Path) -> dict[str, Any]:
    told = reading.told(
        path, needed={"name", "condition"}, allowed=FIELDS, says=_("name and condition, and note")
    )
    kept = reading.words(told["name"], "name", 80)
    return {"name": kept, "note": str(told.get("note", "")).strip()[:300], "condition": told["condition"]}


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    for key, one in told.items():
        save_segment(
            key, name=one["name"], note=one["note"], condition=one["condition"], origin=Segment.Origin.FILE, by=by, now=now
        )  # fmt: skip


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Put away those of the keys that were kept in files."""
    for segment in Segment.objects.filter(key__in=keys, origin=Segment.Origin.FILE):
        archive_segment(segment, by=by, now=now)
