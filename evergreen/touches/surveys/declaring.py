"""Write surveys, switch them on and off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.languages import LANGUAGES
from evergreen.base.models import User
from evergreen.metrics.models import Segment
from evergreen.touches.actions.templates import save_template
from evergreen.touches.models import Survey, Template, Topic
from evergreen.touches.recipients import CONTACT_RECIPIENTS, Recipients, read_ways
from evergreen.touches.shipped import templates as shipped
from evergreen.touches.surveys import defaults, rules
from evergreen.touches.surveys.asking import link

LINK = "survey.link"


def invitations() -> list[Template]:
    """The templates that may invite to a survey."""
    return list(Template.objects.filter(topic=Topic.SURVEY, is_archived=False).order_by("key"))


def problems_of(
    given: Mapping[str, Any],
    survey: Survey | None,
    *,
    segments: Collection[str] = (),
    templates: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """Every mistake in a survey as it was written. ``segments`` and ``templates`` are about to be made beside it."""
    found = []
    kind = given.get("kind")
    if kind not in Survey.Kind.values:
        found.append(
            _("Kind: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": kind, "allowed": ", ".join(Survey.Kind.values)}
        )
    elif survey is not None and survey.kind != kind and survey.asks.exclude(answered_at=None).exists():
        found.append(_("The kind of a survey that has answers stays: make another survey."))
    for name, words in (
        ("name", _("A name is missing.")),
        ("question", _("A question is missing, in Chinese, in English or in both.")),
    ):
        if not any(str(given.get(name, {}).get(one, "")).strip() for one in LANGUAGES):
            found.append(words)
    said = {
        "many": _("at most %(n)s questions") % {"n": rules.MOST_QUESTIONS},
        "keys": _("keys are small letters, digits and hyphens, each once"),
        "kind": _("the kind is one of %(kinds)s") % {"kinds": ", ".join(rules.KINDS)},
        "label": _("the question has no words"),
        "options": _("between 2 and %(n)s options") % {"n": rules.MOST_OPTIONS},
    }
    for where, what in rules.wrong_questions(given.get("questions", [])):
        found.append(
            _("Question %(n)s: %(said)s.") % {"n": where, "said": said[what]} if where else said[what]
        )
    if given.get("to") not in CONTACT_RECIPIENTS:
        found.append(
            _("Who is asked: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": given.get("to"), "allowed": ", ".join(CONTACT_RECIPIENTS)}
        )
    listed, known = read_ways(given.get("by"))
    if not listed:
        found.append(
            _("By: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": given.get("by") or "", "allowed": ", ".join(known)}
        )
    segment = given.get("segment")
    standing = Segment.objects.filter(is_archived=False).values_list("key", flat=True)
    if segment and segment not in {*segments, *standing}:
        found.append(_("There is no segment “%(key)s”.") % {"key": segment})
    return found + _wrong_invitation(given.get("template"), templates or {})


def _wrong_invitation(key: Any, made: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not key:
        return []
    bodies = {one.key: one.body for one in invitations()}
    # The standard one is made with the first survey that needs it.
    bodies.setdefault(defaults.INVITATION_KEY, shipped()[defaults.INVITATION_KEY]["body"])
    bodies |= {name: one["body"] for name, one in made.items() if one.get("topic") == Topic.SURVEY}
    if key not in bodies:
        return [_("There is no template about surveys “%(key)s”.") % {"key": key}]
    texts = [text for text in bodies[key].values() if text]
    if not texts or not all(LINK in text for text in texts):
        return [
            _(
                "The template “%(key)s” does not name {{ survey.link }} in each language, so nobody could answer."
            )
            % {"key": key}
        ]
    return []


@transaction.atomic
def save_survey(
    survey: Survey | None,
    key: str,
    given: Mapping[str, Any],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
) -> Survey:
    """Write a survey. Without a template it gets the standard invitation, which is made where it is not there. Raises ValidationError."""
    if survey is not None and survey.is_in_files and origin != Survey.Origin.FILE:
        raise ValidationError(_("This survey is kept in files. Detach it before you change it here."))
    if problems := problems_of(given, survey):
        raise ValidationError(problems)
    if survey is None and Survey.objects.filter(key=key).exists():
        raise ValidationError(_("There is a survey “%(key)s” already. Choose another key.") % {"key": key})
    made = survey or Survey(key=key, created_by=by, created_at=now)
    for name in ("name", "question", "why", "thanks"):
        told = {one: str(given.get(name, {}).get(one, "")).strip() for one in LANGUAGES}
        setattr(made, name, {one: text for one, text in told.items() if text})
    made.kind, made.questions, made.to = given["kind"], list(given.get("questions", [])), given["to"]
    made.by, made.segment = read_ways(given["by"])[0], given.get("segment") or ""
    made.is_quarterly, made.changed_at = bool(given.get("is_quarterly")), now
    made.template = _invitation(given.get("template"), by, now)
    if origin:
        made.origin = origin
    made.full_clean(exclude=["created_by", "why", "thanks", "questions"])
    made.save()
    audit("survey.saved", "survey", [made.pk], by=by, now=now, after={"key": made.key, "kind": made.kind})
    return made


def _invitation(key: Any, by: User | None, now: dt.datetime) -> Template:
    wanted = str(key or defaults.INVITATION_KEY)
    found = Template.objects.filter(key=wanted).first()
    return found or save_template(None, wanted, shipped()[wanted], by=by, now=now)


@transaction.atomic
def switch_survey(survey: Survey, *, is_on: bool, by: User, now: dt.datetime) -> None:
    """Ask and take answers, or neither. Raises ValidationError where nobody could be asked or answer."""
    if is_on:
        try:
            link("")
            Recipients(()).of(0, survey.to, survey.by)
        except LookupError as error:
            raise ValidationError(str(error)) from error
    survey.is_on, survey.changed_at = is_on, now
    survey.save(update_fields=["is_on", "changed_at"])
    audit("survey.switched", "survey", [survey.pk], by=by, now=now, after={"is_on": is_on})


@transaction.atomic
def remove_survey(survey: Survey, *, by: User, now: dt.datetime) -> None:
    """Delete a survey that nobody was asked. Raises ValidationError for another: its answers stay."""
    if survey.asks.filter(held="").exists():
        raise ValidationError(
            _("People were asked by it, so it stays with their answers. Switch it off instead.")
        )
    audit("survey.removed", "survey", [survey.pk], by=by, now=now, before={"key": survey.key})
    survey.delete()
