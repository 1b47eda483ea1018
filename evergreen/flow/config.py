"""What is set up here as files in a folder, and back: ``evergreen config export|diff|apply DIR``.

The database is the truth. A file stands for one object; applied, the object is kept in files from then on and is not
changed in the browser until it is detached there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import files
from evergreen.base.conditions import ConditionError, checked, from_data, written
from evergreen.base.models import User
from evergreen.base.yaml_text import YamlError, load_yaml
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.actions import archive_segment, check_key, save_segment
from evergreen.metrics.segments.queries import segments, text_of

SEGMENTS = "segments"
_FIELDS = ("name", "note", "condition")


class ConfigError(RuntimeError):
    """Files that cannot be used; one line a mistake. Nothing was changed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join([*problems, _("Nothing was changed; correct the files.")]))


@dataclass(frozen=True, slots=True)
class Change:
    """What applying the files would do to one object: ``what`` is new, changed, same, or only_here (no file)."""

    kind: str
    key: str
    what: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # name: (here, in the file)


def export(folder: Path) -> list[Path]:
    """Write every object in use as a file; files of others are left alone. Returns the paths."""
    written_to = []
    for key, told in _here().items():
        path = folder / SEGMENTS / f"{key}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=120)
        files.replace(path, text.encode())
        written_to.append(path)
    return written_to


def differences(folder: Path) -> list[Change]:
    """What applying a folder would change. Raises ConfigError for files that cannot be used."""
    return _compared(_here(), _read(folder))


@transaction.atomic
def apply(folder: Path, *, prune: bool = False, by: User | None, now: dt.datetime) -> list[Change]:
    """Bring the objects in line with the files, all or none. ``prune`` puts away those kept in files that have none any
    more. Raises ConfigError.
    """
    told = _read(folder)
    changes = _compared(_here(), told)
    for key, one in told.items():
        save_segment(
            key, name=one["name"], note=one["note"], condition=one["condition"], origin=Segment.Origin.FILE, by=by, now=now
        )  # fmt: skip
    if prune:
        gone = [change.key for change in changes if change.what == "only_here"]
        for segment in Segment.objects.filter(key__in=gone, origin=Segment.Origin.FILE):
            archive_segment(segment, by=by, now=now)
    return changes


def _compared(here: Mapping[str, Any], told: Mapping[str, Any]) -> list[Change]:
    found = []
    for key in sorted(here.keys() | told.keys()):
        if key not in told:
            found.append(Change("segment", key, "only_here"))
        elif key not in here:
            found.append(Change("segment", key, "new"))
        else:
            differ = {
                name: (here[key][name], told[key][name])
                for name in _FIELDS
                if here[key][name] != told[key][name]
            }
            found.append(Change("segment", key, "changed" if differ else "same", differ))
    return found


def _here() -> dict[str, dict[str, Any]]:
    known = catalogue.all_fields()
    return {
        one.key: {"name": dict(one.name), "note": one.note, "condition": text_of(one, known)}
        for one in segments()
    }


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The segments that the files of a folder tell, each as ``export`` writes it. Raises ConfigError."""
    if not folder.is_dir():
        raise ConfigError([_("There is no folder %(folder)s.") % {"folder": folder}])
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    known = catalogue.all_fields()
    for path in sorted((folder / SEGMENTS).glob("*.y*ml")):
        name = f"{SEGMENTS}/{path.name}"
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
    if problems:
        raise ConfigError(problems)
    return found


def _told(path: Path) -> dict[str, Any]:
    try:
        told = load_yaml(path)
    except YamlError as error:
        raise ValidationError(str(error)) from error
    if not isinstance(told, dict) or not {"name", "condition"} <= told.keys() <= set(_FIELDS):
        listed = ", ".join(told) if isinstance(told, dict) else repr(told)[:60]
        raise ValidationError(
            _("found %(found)s; allowed: name and condition, and note.") % {"found": listed or "-"}
        )
    names = told["name"]
    if isinstance(names, str):
        names = {"zh": names}
    if not isinstance(names, dict) or not names or not names.keys() <= {"zh", "en"}:
        raise ValidationError(_("name: found %(found)s; allowed: zh, en.") % {"found": repr(names)[:60]})
    kept = {language: str(text).strip()[:80] for language, text in names.items() if str(text).strip()}
    return {"name": kept, "note": str(told.get("note", "")).strip()[:300], "condition": told["condition"]}
