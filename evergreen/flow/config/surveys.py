"""Surveys as files: what is asked, whom, by what. Whether people are asked is switched where they are."""

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
from evergreen.touches.models import Survey, Template
from evergreen.touches.recipients import read_ways
from evergreen.touches.surveys.declaring import problems_of, save_survey
from evergreen.touches.surveys.defaults import INVITATION_KEY

KIND = "survey"
FOLDER = "surveys"
FIELDS = (
    "name", "kind", "question", "why", "thanks", "questions", "template", "to", "by", "segment", "is_quarterly",
)  # fmt: skip
_WORDS = {"name": 80, "question": 300, "why": 300, "thanks": 300}


def here() -> dict[str, dict[str, Any]]:
    rows = Survey.objects.select_related("template").order_by("key")
    return {one.key: _file_of(one) for one in rows}


def _file_of(one: Survey) -> dict[str, Any]:
    told = {name: getattr(one, name) for name in FIELDS}
    told |= {name: reading.in_order(told[name]) for name in _WORDS}
    told["template"] = one.template.key
    return _kept(told)


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in FIELDS if told.get(name)}


def read(
    paths: Collection[Path], *, segments: Collection[str], templates: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them. ``segments`` and ``templates`` are those of other
    files."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    standing = {one.key: one for one in Survey.objects.all()}
    for path in paths:
        try:
            validate_slug(path.stem)
            told = reading.told(
                path, needed={"name", "kind", "question", "by"}, allowed=FIELDS,
                says=_("name, kind, question and by, and why, thanks, questions, template, to, segment, is_quarterly"),
            )  # fmt: skip
            told |= {
                one: reading.words(told[one], one, most) for one, most in _WORDS.items() if told.get(one)
            }
            told["is_quarterly"] = reading.flag(told.get("is_quarterly", False), "is_quarterly")
            told["questions"] = _questions(told.get("questions") or [])
            told = {"to": "first", "template": INVITATION_KEY, **told}
            wrong = problems_of(told, standing.get(path.stem), segments=segments, templates=templates)
            if wrong:
                raise ValidationError(wrong)
            found[path.stem] = _kept(told | {"by": read_ways(told["by"])[0]})
        except ValidationError as error:
            problems += [f"{FOLDER}/{path.name}: {line}" for line in error.messages]
    return found, problems


def _questions(given: Any) -> list[Any]:
    """Further questions as a survey keeps them; what is none of them is left for the survey's own check to name."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValidationError(_("%(where)s: not a list of mappings.") % {"where": "questions"})
    return [
        {**one, "required": reading.flag(one["required"], "required")} if "required" in one else one
        for one in given
    ]


def suppose(told: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the surveys that are not here where those who look for them find them; for the length of a transaction that is undone."""
    known = set(Survey.objects.values_list("key", flat=True))
    texts = {one.key: one for one in Template.objects.all()}
    now = clock.utc_now()
    for key, one in told.items():
        if key not in known:
            # The standard invitation may be made only with the survey itself.
            template = texts.get(one["template"]) or next(iter(texts.values()), None)
            if template is None:
                template = Template.objects.create(key=one["template"], created_at=now, changed_at=now)
            fields = {name: value for name, value in one.items() if name != "template"}
            Survey.objects.create(key=key, template=template, **fields, created_at=now, changed_at=now)


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    standing = {one.key: one for one in Survey.objects.filter(key__in=told)}
    for key, one in told.items():
        save_survey(standing.get(key), key, one, by=by, now=now, origin=Survey.Origin.FILE)


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Switch off those of the keys that were kept in files: their answers stay."""
    Survey.objects.filter(key__in=keys, origin=Survey.Origin.FILE).update(is_on=False, changed_at=now)
