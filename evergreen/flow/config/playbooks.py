"""Playbooks as files: words and the definition of the newest version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.flow.config import reading
from evergreen.playbooks import definitions, rules
from evergreen.playbooks.actions import publish, retire, save_draft, switch
from evergreen.playbooks.actions import read as readable
from evergreen.playbooks.actions.versions import check_key
from evergreen.playbooks.book import known_now
from evergreen.playbooks.kinds import kinds
from evergreen.playbooks.models import Playbook, PlaybookVersion

KIND = "playbook"
FOLDER = "playbooks"
FIELDS = ("name", "note", "is_on", "definition")
State = PlaybookVersion.State


def here() -> dict[str, dict[str, Any]]:
    """Playbooks that take accounts in, as they are published; drafts are a person's own affair."""
    published = PlaybookVersion.objects.filter(state=State.PUBLISHED).select_related("playbook")
    return {one.playbook.key: file_of(one) for one in published.order_by("playbook__key")}


def file_of(version: PlaybookVersion) -> dict[str, Any]:
    """What the file of a version says."""
    playbook = version.playbook
    of = definitions.definition(version.definition, known_now())
    found = {
        "name": reading.in_order(playbook.name),
        "note": playbook.note,
        "is_on": playbook.is_on,
        "definition": definitions.told(of, kinds()),
    }
    return {key: value for key, value in found.items() if value != ""}


def read(
    paths: Collection[Path], *, segments: Collection[str] = ()
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them. ``segments`` are those of other files."""
    known = known_now()
    known = replace(known, segments=sorted({*known.segments, *segments}))
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for path in paths:
        name = f"{FOLDER}/{path.name}"
        try:
            check_key(path.stem)
            found[path.stem] = _told(path, known)
        except rules.PlaybookError as error:
            problems += [f"{name}: {line}" for line in error.problems]
        except ValidationError as error:
            problems += [f"{name}: {line}" for line in error.messages]
    return found, problems


def _told(path: Path, known: definitions.Known) -> dict[str, Any]:
    told = reading.told(
        path, needed={"name", "definition"}, allowed=FIELDS, says=_("name and definition, and note, is_on")
    )
    kept = {
        "name": reading.words(told["name"], "name", 80),
        "note": str(told.get("note", "")).strip()[:300],
        "is_on": reading.flag(told.get("is_on", "true"), "is_on"),
        "definition": definitions.told(readable(told["definition"], known), kinds()),
    }
    return {key: value for key, value in kept.items() if value != ""}


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    """Publish each that says something else than what is published; who is inside stays on the version entered."""
    standing = here()
    for key, one in told.items():
        same = key in standing and standing[key]["definition"] == one["definition"]
        words = {"name": one["name"], "note": one.get("note", "")}
        if same:
            Playbook.objects.filter(key=key).update(**words, origin=Playbook.Origin.FILE, changed_at=now)
        else:
            draft = save_draft(
                key, **words, definition=one["definition"], origin=Playbook.Origin.FILE, by=by, now=now
            )
            publish(draft, by=by, now=now)
        switch(Playbook.objects.get(key=key), one["is_on"], by=by, now=now)


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Retire those of the keys that were kept in files: nobody enters any more, who is inside finishes."""
    for playbook in Playbook.objects.filter(key__in=keys, origin=Playbook.Origin.FILE):
        retire(playbook, by=by, now=now)
