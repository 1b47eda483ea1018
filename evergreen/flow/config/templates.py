"""Templates as files: words, topic and texts, how they stand in the product, by which code SMS providers know them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.models import User
from evergreen.flow.config import reading
from evergreen.touches.actions import problems_of, save_template
from evergreen.touches.models import Template

KIND = "template"
FOLDER = "templates"
FIELDS = ("name", "topic", "subject", "body", "sms", "in_app")
_WORDS = ("name", "subject", "body")


def here() -> dict[str, dict[str, Any]]:
    return {one.key: _file_of(one) for one in Template.objects.filter(is_archived=False).order_by("key")}


def _file_of(one: Template) -> dict[str, Any]:
    told = {name: getattr(one, name) for name in FIELDS}
    told |= {name: reading.in_order(told[name]) for name in _WORDS}
    return {name: value for name, value in told.items() if value}


def read(paths: Collection[Path]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for path in paths:
        try:
            validate_slug(path.stem)
            told = reading.told(
                path, needed={"name", "topic", "body"}, allowed=FIELDS, says=_("name, topic and body, and subject, sms, in_app")
            )  # fmt: skip
            longest = {"name": 80, "subject": 300, "body": 65_536}
            told |= {one: reading.words(told[one], one, longest[one]) for one in _WORDS if one in told}
            for one in ("sms", "in_app"):
                if not isinstance(told.get(one, {}), dict):
                    raise ValidationError(_("%(where)s: not a mapping.") % {"where": one})
            if wrong := problems_of(told):
                raise ValidationError(wrong)
            found[path.stem] = {name: told[name] for name in FIELDS if told.get(name)}
        except ValidationError as error:
            problems += [f"{FOLDER}/{path.name}: {line}" for line in error.messages]
    return found, problems


def suppose(told: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the templates that are not here where those who look for them find them; for the length of a transaction that is undone."""
    Template.objects.filter(key__in=told).update(is_archived=False)
    known = set(Template.objects.values_list("key", flat=True))
    now = clock.utc_now()
    made = [
        Template(key=key, **one, created_at=now, changed_at=now)
        for key, one in told.items()
        if key not in known
    ]
    Template.objects.bulk_create(made)


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    standing = {one.key: one for one in Template.objects.filter(key__in=told)}
    for key, one in told.items():
        made = save_template(standing.get(key), key, one, by=by, now=now, origin=Template.Origin.FILE)
        if made.is_archived:
            Template.objects.filter(pk=made.pk).update(is_archived=False)


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Put away those of the keys that were kept in files."""
    Template.objects.filter(key__in=keys, origin=Template.Origin.FILE).update(
        is_archived=True, changed_at=now
    )
