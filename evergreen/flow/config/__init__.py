"""What is set up here as files in a folder, and back: ``evergreen config export|diff|apply DIR``.

The database is the truth. A file stands for one object; applied, the object is kept in files from then on and is not
changed in the browser until it is detached there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import files
from evergreen.base.models import User
from evergreen.flow.config import (
    alert_rules,
    metrics,
    playbooks,
    scorecards,
    segments,
    surveys,
    templates,
)
from evergreen.flow.config.reading import ConfigError, text_of
from evergreen.metrics import registry

__all__ = ["Change", "ConfigError", "apply", "differences", "export"]

# What may be kept in files, in the order in which it is applied: a segment may ask about a metric of another file, a scorecard
# reads metrics and may be a segment's, a template names them, a survey is invited to by a template, a playbook may ask about all of them,
# send them and start at an alert.
_KINDS = (metrics, segments, scorecards, alert_rules, templates, surveys, playbooks)
_Told = Mapping[str, Mapping[str, Any]]


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
    for kind in _KINDS:
        for key, told in kind.here().items():
            path = folder / kind.FOLDER / f"{key}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(path, text_of(told).encode())
            written_to.append(path)
    return written_to


def differences(folder: Path) -> list[Change]:
    """What applying a folder would change. Raises ConfigError for files that cannot be used."""
    told = _read(folder)
    return [
        change
        for kind in _KINDS
        for change in _compared(kind.KIND, kind.FIELDS, kind.here(), told[kind.KIND])
    ]


@transaction.atomic
def apply(folder: Path, *, prune: bool = False, by: User | None, now: dt.datetime) -> list[Change]:
    """Bring the objects in line with the files, all or none. ``prune`` puts away those kept in files that have none any
    more. Raises ConfigError.
    """
    told = _read(folder)
    changes = [
        change
        for kind in _KINDS
        for change in _compared(kind.KIND, kind.FIELDS, kind.here(), told[kind.KIND])
    ]
    for kind in _KINDS:
        kind.save(told[kind.KIND], by=by, now=now)
    if prune:
        for kind in reversed(_KINDS):
            gone = [
                change.key for change in changes if (change.kind, change.what) == (kind.KIND, "only_here")
            ]
            kind.prune(gone, by=by, now=now)
    return changes


def _compared(kind: str, fields: tuple[str, ...], here: _Told, told: _Told) -> list[Change]:
    found = []
    for key in sorted(here.keys() | told.keys()):
        if key not in told:
            found.append(Change(kind, key, "only_here"))
        elif key not in here:
            found.append(Change(kind, key, "new"))
        else:
            pairs = {name: (here[key].get(name), told[key].get(name)) for name in fields}
            differ = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            found.append(Change(kind, key, "changed" if differ else "same", differ))
    return found


@contextmanager
def _supposing(written: _Told, questions: _Told) -> Iterator[None]:
    """As if the templates and surveys of the files were here: playbooks of the same folder send them. Nothing of it stays."""
    with transaction.atomic():
        before = transaction.savepoint()
        templates.suppose(written)
        surveys.suppose(questions)
        try:
            yield
        finally:
            transaction.savepoint_rollback(before)


def _read(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """What the files of a folder tell, by kind and key, each as ``export`` writes it. Raises ConfigError."""
    if not folder.is_dir():
        raise ConfigError([_("There is no folder %(folder)s.") % {"folder": folder}])
    paths = {kind.KIND: sorted((folder / kind.FOLDER).glob("*.y*ml")) for kind in _KINDS}
    declared, problems = metrics.read(paths[metrics.KIND])
    with registry.supposing(metrics.drafts(declared)):
        asked, more = segments.read(paths[segments.KIND])
        cards, wrong = scorecards.read(paths[scorecards.KIND])
        raised, amiss = alert_rules.read(paths[alert_rules.KIND])
        written, unfit = templates.read(paths[templates.KIND])
        questions, odd = surveys.read(paths[surveys.KIND], segments=asked, templates=written)
        with _supposing(written, questions):
            played, faulty = playbooks.read(paths[playbooks.KIND], segments=asked)
    if found := [*problems, *more, *wrong, *amiss, *unfit, *odd, *faulty]:
        raise ConfigError(found)
    return {
        metrics.KIND: declared,
        segments.KIND: asked,
        scorecards.KIND: cards,
        alert_rules.KIND: raised,
        templates.KIND: written,
        surveys.KIND: questions,
        playbooks.KIND: played,
    }
