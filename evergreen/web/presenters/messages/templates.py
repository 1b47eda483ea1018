"""Templates of messages: the list, and the editor with its preview on a real contact."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from django.db.models import Count, Q
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base.languages import LANGUAGES, spoken
from evergreen.base.markdown import render as as_html
from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.customers.models import Contact
from evergreen.customers.queries import accounts_for
from evergreen.playbooks.models import PlaybookVersion
from evergreen.touches import composing, values
from evergreen.touches.actions import problems_of
from evergreen.touches.channels import registry
from evergreen.touches.channels.in_app import InApp
from evergreen.touches.in_app import boxes
from evergreen.touches.in_app.rules import BANNER, CARD, DIALOG
from evergreen.touches.language import FILTERS, MissingError, TemplateError, Value
from evergreen.touches.models import Channel, Message, Template, Topic
from evergreen.web import formats

_MOST_CONTACTS = 40
# Values that only a cause has stand in a preview as an example.
_EXAMPLES = {
    "zh": {"alert.name": "健康度骤降", "alert.reason": "7 天内从 71 降到 58。"},
    "en": {"alert.name": "Health fell", "alert.reason": "Fell from 71 to 58 in 7 days."},
}


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in the list: how often it was sent in the last 90 days, which playbooks use it."""

    template: Template
    sent: int
    used_by: list[str]


def lines(now: dt.datetime, *, archived: bool) -> list[TemplateLine]:
    since = now - dt.timedelta(days=90)
    sent = Count("messages", filter=Q(messages__state=Message.State.ACCEPTED, messages__ended_at__gte=since))
    found = Template.objects.filter(is_archived=archived).annotate(sent=sent).order_by("key")
    used = _used()
    return [TemplateLine(one, one.sent, used.get(one.key, [])) for one in found]


def _used() -> dict[str, list[str]]:
    """The playbooks whose published or drafted version names a template, by its key."""
    found: dict[str, list[str]] = {}
    versions = PlaybookVersion.objects.exclude(state=PlaybookVersion.State.RETIRED).select_related("playbook")
    for version in versions.order_by("playbook__key"):
        for step in version.definition.get("steps") or ():
            if isinstance(step, Mapping) and step.get("kind") == "message":
                name = formats.named(version.playbook.name)
                if name not in found.setdefault(str(step.get("template")), []):
                    found[str(step.get("template"))].append(name)
    return found


class TemplateEditor:
    """What stands in the form: as it was saved, or as it was sent."""

    def __init__(
        self,
        user: User,
        template: Template | None,
        now: dt.datetime,
        post: QueryDict | None = None,
        contact: str = "",
    ) -> None:
        self.user, self.saved, self.now, self.post = user, template, now, post
        self._asked = contact or self._told("contact")
        self.problems: list[str] = []

    def _told(self, name: str, stored: str = "") -> str:
        return self.post.get(name, "") if self.post is not None else stored

    @cached_property
    def given(self) -> dict[str, Any]:
        kept = self.saved or Template()
        found: dict[str, Any] = {
            part: {one: self._told(f"{part}_{one}", getattr(kept, part).get(one, "")) for one in LANGUAGES}
            for part in ("name", "subject", "body")
        }
        found["topic"] = self._told("topic", kept.topic)
        found["sms"] = {**kept.sms, **self._sms_told()} if self.post is not None else kept.sms
        found["sms"] = {key: one for key, one in found["sms"].items() if one["code"] or one["values"]}
        found["in_app"] = self._in_app_told() if "look" in (self.post or {}) else kept.in_app
        return found

    def _in_app_told(self) -> dict[str, Any]:
        buttons = {one: self._told(f"button_{one}").strip() for one in LANGUAGES}
        found = {
            "look": self._told("look"),
            "button": {one: text for one, text in buttons.items() if text},
            "link": self._told("link").strip(),
            "pages": self._told("pages").split(),
        }
        return {key: value for key, value in found.items() if value}

    @cached_property
    def in_app(self) -> dict[str, Any] | None:
        """The form's part of the product; None where no such channel is set up and the template says nothing of it."""
        told = self.given["in_app"]
        if not told and not Channel.objects.filter(kind=InApp.kind).exists():
            return None
        button = told.get("button", {})
        return {
            "looks": [(key, label, told.get("look", CARD) == key) for key, label in looks()],
            "buttons": [(one["code"], one["label"], button.get(one["code"], "")) for one in self.tongues],
            "link": told.get("link", ""),
            "pages": "\n".join(told.get("pages", [])),
        }

    def _sms_told(self) -> dict[str, dict[str, Any]]:
        return {
            one.key: {
                "code": self._told(f"code_{one.key}").strip(),
                "values": _pairs(self._told(f"values_{one.key}")),
            }
            for one in self._by_code
            if f"code_{one.key}" in (self.post or {})
        }

    @cached_property
    def _by_code(self) -> list[Channel]:
        return [one for one in Channel.objects.order_by("name") if registry.adapter_class(one.kind).by_code]

    @property
    def registered(self) -> list[dict[str, str]]:
        """The form's part of each SMS channel whose provider sends approved templates only."""
        kept = self.given["sms"]
        return [
            {
                "key": one.key,
                "name": one.name,
                "code": kept.get(one.key, {}).get("code", ""),
                "values": "\n".join(
                    f"{name}: {text}" for name, text in kept.get(one.key, {}).get("values", {}).items()
                ),
            }
            for one in self._by_code
        ]

    @property
    def key(self) -> str:
        return self._told("key", self.saved.key if self.saved else "")

    @property
    def tongues(self) -> list[dict[str, str]]:
        """The form's parts by language."""
        labels = {"zh": _("Chinese"), "en": _("English")}
        return [
            {
                "code": one,
                "label": labels[one],
                "subject": self.given["subject"][one],
                "body": self.given["body"][one],
            }
            for one in LANGUAGES
        ]

    @property
    def topics(self) -> list[tuple[str, str, str]]:
        about = {
            Topic.SERVICE: _(
                "what the contract needs: incidents, invoices, answers; nobody can refuse them, no quiet hours, no caps"
            ),
            Topic.GUIDANCE: _("help with the product; people may refuse it"),
            Topic.SURVEY: _("questions to customers; people may refuse them"),
            Topic.MARKETING: _("offers and invitations; needs a consent"),
        }
        return [(value, str(label), about[Topic(value)]) for value, label in Topic.choices]

    @cached_property
    def groups(self) -> list[tuple[str, list[values.Named]]]:
        """The values that a text may name, by group; those that are money only for whom money is shown."""
        shown = [one for one in values.catalogued() if self.user.sees_money or not one.is_money]
        return [(group, list(listed)) for group, listed in groupby(shown, key=lambda one: one.group)]

    @property
    def ways(self) -> list[tuple[str, str]]:
        """How placeholders are written."""
        return [
            ("{{ contact.name }}", _("a value")),
            (
                '{{ contact.title | default:"–" }}',
                _("with another text where there is none; without it such a message is not sent"),
            ),
            ('{% if account.tier == "strategic" %}…{% else %}…{% endif %}', _("only for some")),
        ]

    @property
    def filters(self) -> list[tuple[str, str]]:
        zh = formats.language().startswith("zh")
        return [
            (f"{name}:{one.example}" if one.example else name, one.zh if zh else one.en)
            for name, one in FILTERS.items()
        ]

    @cached_property
    def contacts(self) -> list[Contact]:
        """People to look at it with: contacts of accounts that the person sees, own ones first."""
        rows = Contact.objects.filter(account__in=accounts_for(self.user), left_on=None).select_related(
            "account"
        )
        mine = list(rows.filter(account__owner=self.user).order_by("account__name", "name")[:_MOST_CONTACTS])
        others = rows.exclude(account__owner=self.user).order_by("account__name", "name")[
            : _MOST_CONTACTS - len(mine)
        ]
        return [*mine, *others]

    @cached_property
    def contact(self) -> Contact | None:
        """The one it is shown with."""
        chosen = next((one for one in self.contacts if str(one.pk) == self._asked), None)
        return chosen or (self.contacts[0] if self.contacts else None)

    @cached_property
    def mistakes(self) -> list[str]:
        return problems_of({**self.given, "name": {"zh": "-"}})

    @cached_property
    def _values(self) -> dict[str, Value]:
        """The values of the contact that it is shown with, for everything that the text asks for."""
        if self.contact is None:
            return {}
        person = values.Person(self.contact.account_id, contact=self.contact.pk)
        told = values.values_for([person], composing.paths_of(self._template), now=self.now)[person]
        base = str(setting("public_url")) or "https://cs.example.com"
        return {**told, "link.account": f"{base}/accounts/{self.contact.account_id}/"}

    @property
    def _template(self) -> Template:
        given = self.given
        return Template(
            subject=given["subject"],
            body=given["body"],
            topic=given["topic"],
            sms=given["sms"],
            in_app=given["in_app"],
        )

    def in_product(self, language: str) -> dict[str, Any]:
        """The message as the in-app script draws it for the contact. Raises MissingError."""
        told = {**_EXAMPLES[spoken(language)], **self._values}
        written = composing.write(self._template, told, language)
        shown = composing.in_product(self._template, told, language)
        message = Message(
            subject=written.subject, body=written.body, topic=self.given["topic"], data={"in_app": shown}
        )
        return {**boxes.drawn(message, None), "id": "", "pages": []}

    def written(self, language: str, template: Template | None = None) -> composing.Written:
        """The text for the contact in a language. Raises MissingError."""
        return composing.write(
            template or self._template, {**_EXAMPLES[spoken(language)], **self._values}, language
        )

    @cached_property
    def previews(self) -> list[Preview]:
        """What the contact would read, in each language that is written."""
        if self.mistakes:
            return []
        return [self._preview(one["code"], one["label"]) for one in self.tongues if one["body"].strip()]

    def _preview(self, code: str, label: str) -> Preview:
        given = self.given
        one = Template(subject={code: given["subject"][code]}, body={code: given["body"][code]})
        try:
            written = self.written({"zh": "zh-hans", "en": "en"}[code], one)
        except MissingError as error:
            named = values.names(error.paths)
            return Preview(label, missing=tuple(named[path] for path in error.paths))
        except TemplateError as error:
            return Preview(label, missing=tuple(error.problems))
        return Preview(label, written.subject, as_html(written.body))

    @property
    def sms_previews(self) -> list[SmsPreview]:
        """What the values of registered templates come to for the contact."""
        if self.mistakes:
            return []
        language = {"zh": "zh-hans", "en": "en"}[spoken(formats.language())]
        return [self._sms_preview(one, language) for one in self._by_code if one.key in self.given["sms"]]

    def _sms_preview(self, channel: Channel, language: str) -> SmsPreview:
        registered = self.given["sms"][channel.key]
        told = {**_EXAMPLES[spoken(language)], **self._values}
        found, missing = [], []
        for name, text in registered["values"].items():
            try:
                found.append((name, composing.write_text(text, told, language)))
            except MissingError as error:
                missing += error.paths
        named = values.names(missing)
        return SmsPreview(
            channel.name, registered["code"], tuple(found), tuple(named[path] for path in missing)
        )


def looks() -> list[tuple[str, str]]:
    """How a message may stand in the product."""
    return [
        (CARD, _("a card in a corner")),
        (BANNER, _("a bar at the top")),
        (DIALOG, _("in the middle, over the page")),
    ]


def _pairs(text: str) -> dict[str, str]:
    """Lines of “name: text with placeholders”. A line without a colon is a name without a text."""
    parts = (line.partition(":") for line in text.replace("：", ":").splitlines() if line.strip())
    return {name.strip(): told.strip() for name, _colon, told in parts}


@dataclass(frozen=True, slots=True)
class SmsPreview:
    """A registered template's code and what its values come to, or what they lack."""

    channel: str
    code: str
    values: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as its reader gets it, or what it lacks."""

    label: str
    subject: str = ""
    body: SafeString | str = ""
    missing: tuple[str, ...] = ()
