"""Write, archive and keep templates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.languages import LANGUAGES
from evergreen.base.models import User
from evergreen.touches import values
from evergreen.touches.in_app.rules import CARD, LOOKS, MOST_PAGES, safe_address, wrong_page
from evergreen.touches.language import TemplateError, parse
from evergreen.touches.models import Channel, Template, Topic

_MOST_SUBJECT = 300


def problems_of(given: Mapping[str, Any]) -> list[str]:
    """Every mistake in a template as it was written: {name, topic, subject, body, sms, in_app}."""
    found = []
    if not any(str(given.get("name", {}).get(one, "")).strip() for one in LANGUAGES):
        found.append(_("A name is missing."))
    if given.get("topic") not in Topic.values:
        found.append(
            _("Topic: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": given.get("topic"), "allowed": ", ".join(Topic.values)}
        )
    known = values.known()
    body, subject = given.get("body", {}), given.get("subject", {})
    if not any(str(body.get(one, "")).strip() for one in LANGUAGES):
        found.append(_("A text is missing, in Chinese, in English or in both."))
    for one in LANGUAGES:
        label = {"zh": "中文", "en": "English"}[one]
        if len(subject.get(one, "")) > _MOST_SUBJECT:
            found.append(
                f"{label}: " + _("the subject has more than %(n)s characters.") % {"n": _MOST_SUBJECT}
            )
        for text in (subject.get(one, ""), body.get(one, "")):
            found += [f"{label} · {problem}" for problem in _wrong(text, known)]
    channels = set(Channel.objects.values_list("key", flat=True)) if given.get("sms") else set()
    for key, one in given.get("sms", {}).items():
        if key not in channels:
            found.append(_("There is no channel “%(key)s”.") % {"key": key})
        if not str(one.get("code", "")).strip():
            found.append(_("%(key)s: the code of the registered template is missing.") % {"key": key})
        for name, text in one.get("values", {}).items():
            found += [f"{key} · {name} · {problem}" for problem in _wrong(text, known)]
    return found + _wrong_in_app(given.get("in_app", {}), known)


def _wrong_in_app(told: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    """Every mistake in how a template stands in the product: {look, button, link, pages}."""
    found = []
    if told.get("look", CARD) not in LOOKS:
        found.append(
            _("In the product: found “%(found)s”. Allowed: %(allowed)s.")
            % {"found": told["look"], "allowed": ", ".join(LOOKS)}
        )
    link, buttons = str(told.get("link", "")).strip(), told.get("button", {})
    for text in (link, *buttons.values()):
        found += [f"{_('In the product')} · {problem}" for problem in _wrong(text, known)]
    if link and not safe_address(link):
        found.append(
            _("In the product: “%(link)s” leads nowhere. Write https://… or a path of your product such as /orders.")
            % {"link": link}
        )  # fmt: skip
    if bool(link) != any(str(text).strip() for text in buttons.values()):
        found.append(_("In the product: a button needs its words and where it leads."))
    pages = told.get("pages", [])
    if len(pages) > MOST_PAGES:
        found.append(_("In the product: at most %(n)s pages.") % {"n": MOST_PAGES})
    found += [
        _("In the product: “%(page)s” is no page. Write a path such as /orders/*.") % {"page": one}
        for one in pages
        if wrong_page(str(one))
    ]
    return found


def _wrong(text: str, known: frozenset[str]) -> list[str]:
    try:
        parse(text, known)
    except TemplateError as error:
        return error.problems
    return []


@transaction.atomic
def save_template(
    template: Template | None,
    key: str,
    given: Mapping[str, Any],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
) -> Template:
    """Write a template. Messages that are planned keep the text they have. Raises ValidationError with every mistake."""
    if template is not None and template.is_in_files and origin != Template.Origin.FILE:
        raise ValidationError(_("This template is kept in files. Detach it before you change it here."))
    if problems := problems_of(given):
        raise ValidationError(problems)
    if template is None and Template.objects.filter(key=key).exists():
        raise ValidationError(_("There is a template “%(key)s” already. Choose another key.") % {"key": key})
    made = template or Template(key=key, created_by=by, created_at=now)
    for name in ("name", "subject", "body"):
        told = {one: str(given.get(name, {}).get(one, "")).strip() for one in LANGUAGES}
        setattr(made, name, {one: text for one, text in told.items() if text})
    made.topic, made.sms, made.changed_at = given["topic"], dict(given.get("sms", {})), now
    made.in_app = dict(given.get("in_app", {}))
    if origin:
        made.origin = origin
    made.full_clean(exclude=["created_by", "subject", "sms", "in_app"])
    made.save()
    audit(
        "template.saved", "template", [made.pk], by=by, now=now, after={"key": made.key, "topic": made.topic}
    )
    return made


@transaction.atomic
def archive_template(template: Template, *, is_archived: bool, by: User, now: dt.datetime) -> None:
    """Take a template out of the lists to choose from, or put it back. What is planned goes on."""
    template.is_archived, template.changed_at = is_archived, now
    template.save(update_fields=["is_archived", "changed_at"])
    audit("template.archived", "template", [template.pk], by=by, now=now, after={"is_archived": is_archived})
