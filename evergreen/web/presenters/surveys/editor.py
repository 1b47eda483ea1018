"""The form of a survey: as it was saved, as it was sent, or as a new one begins."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.base.languages import LANGUAGES
from evergreen.metrics.segments.queries import segments
from evergreen.touches.channels.contract import CONTACTS
from evergreen.touches.models import Medium, Survey
from evergreen.touches.recipients import CONTACT_RECIPIENTS
from evergreen.touches.surveys import declaring, defaults, rules
from evergreen.touches.ways import channels_that
from evergreen.web import formats
from evergreen.web.presenters.playbooks.words import RECIPIENTS

_BLANKS = 2


class SurveyEditor:
    """What stands in the form."""

    def __init__(self, survey: Survey | None, post: QueryDict | None = None, kind: str = "nps") -> None:
        self.saved, self.post = survey, post
        self._kind = kind if kind in Survey.Kind.values else "nps"
        self.problems: list[str] = []

    @cached_property
    def given(self) -> dict[str, Any]:
        """The survey as ``declaring`` reads it."""
        if self.post is not None:
            return self._told(self.post)
        kept = self.saved
        if kept is None:
            kind = self._kind
            return {
                "name": {}, "kind": kind, "question": defaults.QUESTIONS[kind], "why": defaults.WHY[kind], "thanks": defaults.THANKS,
                "questions": defaults.FORM if kind == "form" else [], "to": "first", "by": "mail", "segment": "", "is_quarterly": False,
                "template": "",
            }  # fmt: skip
        return {
            "name": kept.name, "kind": kept.kind, "question": kept.question, "why": kept.why, "thanks": kept.thanks, "questions": kept.questions,
            "to": kept.to, "by": ", ".join(kept.by), "segment": kept.segment, "is_quarterly": kept.is_quarterly, "template": kept.template.key,
        }  # fmt: skip

    def _told(self, post: QueryDict) -> dict[str, Any]:
        found: dict[str, Any] = {
            part: {one: post.get(f"{part}_{one}", "") for one in LANGUAGES}
            for part in ("name", "question", "why", "thanks")
        }
        for name in ("kind", "to", "by", "segment", "template"):
            found[name] = post.get(name, "").strip()
        found["is_quarterly"] = post.get("is_quarterly") == "yes"
        numbers = [n for n in post.getlist("q") if n.isdecimal() and len(n) < 4]
        read = [self._question(post, f"q{n}") for n in numbers]
        # A row whose words were taken out is taken out.
        found["questions"] = [
            one for one in read if one["key"] or any(one["label"].values()) or one["options"]
        ]
        return found

    @staticmethod
    def _question(post: QueryDict, p: str) -> dict[str, Any]:
        kind = post.get(f"{p}_kind", "")
        label = {one: post.get(f"{p}_{one}", "").strip() for one in LANGUAGES}
        options = [_option(line) for line in post.get(f"{p}_options", "").splitlines() if line.strip()]
        return {
            "key": post.get(f"{p}_key", "").strip(), "kind": kind, "label": {key: text for key, text in label.items() if text},
            "options": [] if kind == rules.TEXT else options, "required": post.get(f"{p}_required") == "yes",
        }  # fmt: skip

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The questions of the form, and blank ones below them."""
        blank = {"key": "", "kind": rules.CHOICE, "label": {}, "options": [], "required": False}
        listed = [*self.given["questions"], *(blank for _n in range(_BLANKS))][: rules.MOST_QUESTIONS]
        return [
            {
                **one,
                "no": n,
                "lines": "\n".join(
                    f"{option['key']}: {option.get('zh', '')} | {option.get('en', '')}"
                    for option in one.get("options", [])
                ),
            }
            for n, one in enumerate(listed)
        ]

    @property
    def tongues(self) -> list[dict[str, str]]:
        labels = {"zh": _("Chinese"), "en": _("English")}
        return [
            {
                "code": one,
                "label": labels[one],
                **{part: self.given[part].get(one, "") for part in ("name", "question", "why", "thanks")},
            }
            for one in LANGUAGES
        ]

    @property
    def kinds(self) -> list[tuple[str, str, str]]:
        about = {
            "nps": _("0 to 10: would they recommend us"), "csat": _("1 to 5: satisfied with the help they got"),
            "ces": _("1 to 7: was it easy"), "form": _("questions of your own, without a score"),
        }  # fmt: skip
        return [(value, str(label), about[value]) for value, label in Survey.Kind.choices]

    @property
    def question_kinds(self) -> list[tuple[str, str]]:
        return [
            (rules.CHOICE, pgettext("question", "one of several")),
            (rules.MANY, pgettext("question", "several of several")),
            (rules.TEXT, pgettext("question", "text")),
        ]

    @property
    def invitations(self) -> list[tuple[str, str]]:
        return [(one.key, formats.named(one.name)) for one in declaring.invitations()]

    @property
    def recipients(self) -> list[tuple[str, str]]:
        return recipients()

    @property
    def ways_out(self) -> list[tuple[str, str]]:
        return ways_out()

    @property
    def segments(self) -> list[tuple[str, str]]:
        return segment_choices()

    @property
    def questions_for_preview(self) -> list[dict[str, Any]]:
        return list(self.given["questions"])


def _option(line: str) -> dict[str, str]:
    """A line ``key: 中文 | English``; without a language only the words."""
    key, _colon, words = line.replace("：", ":", 1).partition(":")
    zh, _bar, en = words.partition("|")
    told = {"zh": zh.strip(), "en": en.strip()}
    return {"key": key.strip(), **{one: text for one, text in told.items() if text}}


def recipients() -> list[tuple[str, str]]:
    return [(key, str(RECIPIENTS[key])) for key in CONTACT_RECIPIENTS]


def ways_out() -> list[tuple[str, str]]:
    """Media by which contacts are reached, and the single channels of theirs."""
    media = [
        (key, str(label))
        for key, label in Medium.choices
        if key in {Medium.MAIL, Medium.SMS, Medium.WECOM, Medium.IN_APP}
    ]
    return media + [
        (one.key, one.name) for one in channels_that(lambda one: one.audience == CONTACTS).order_by("name")
    ]


def segment_choices() -> list[tuple[str, str]]:
    return [(one.key, formats.named(one.name)) for one in segments().order_by("key")]
