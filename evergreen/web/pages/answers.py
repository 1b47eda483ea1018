"""Where a contact answers a survey: by the link alone, in two clicks; opening it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from evergreen.base import clock
from evergreen.base.languages import in_words
from evergreen.base.queries import setting
from evergreen.touches.models import Ask, Survey
from evergreen.touches.queries import language_of
from evergreen.touches.surveys import answering, defaults, rules
from evergreen.web import formats

_TONGUES = {"zh": "zh-hans", "en": "en"}


@login_not_required
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the questions, with ``?score=`` chosen, and changes nothing, for scanners follow links; POST answers. The link is the
    right: nobody can guess one, and chats open it without a cookie.
    """
    ask, now = answering.ask_of(token), clock.utc_now()
    if ask is None:
        return render(
            request,
            "pages/surveys/answer.html",
            {"page": AnswerPage(request, None, why="unknown")},
            status=404,
        )
    why = answering.closed(ask, now)
    page = AnswerPage(request, ask.survey, ask=ask, why=why)
    if request.method == "POST" and not why:
        try:
            page.wrong = answering.save_answer(ask, dict(request.POST.lists()), now=now)
        except ValidationError:  # it was closed meanwhile
            page.why = "off"
        page.is_taken = not page.wrong and not page.why
    with translation.override(page.language):
        return render(request, "pages/surveys/answer.html", {"page": page}, status=422 if page.wrong else 200)


def preview_of(request: HttpRequest, survey: Survey) -> HttpResponse:
    """The page as a contact gets it; its button leads nowhere."""
    page = AnswerPage(request, survey, is_preview=True)
    with translation.override(page.language):
        return render(request, "pages/surveys/answer.html", {"page": page})


class AnswerPage:
    """The questions in the contact's language, with what was chosen so far."""

    def __init__(
        self,
        request: HttpRequest,
        survey: Survey | None,
        *,
        ask: Ask | None = None,
        why: str = "",
        is_preview: bool = False,
    ) -> None:
        self.survey, self.ask, self.why, self.is_preview = survey, ask, why, is_preview
        self.is_taken = False
        self.wrong: dict[str, str] = {}
        self.vendor = str(setting("vendor_name"))
        asked = request.GET.get("lang", "")
        own = formats.language() if is_preview else str(setting("language"))
        if ask is not None and ask.contact is not None:
            own = language_of(ask.contact)
        self.language = _TONGUES.get(asked, own)
        self._posted: Mapping[str, Sequence[str]] | None = (
            dict(request.POST.lists()) if request.method == "POST" else None
        )
        self._clicked = request.GET.get("score", "")

    def _said(self, texts: Mapping[str, str]) -> str:
        return in_words(texts, self.language)

    @property
    def question(self) -> str:
        return self._said(self.survey.question) if self.survey else ""

    @property
    def why_question(self) -> str:
        return self._said(self.survey.why) if self.survey else ""

    @property
    def thanks(self) -> str:
        return self._said(self.survey.thanks or defaults.THANKS) if self.survey else ""

    @property
    def was_answered(self) -> bool:
        return self.ask is not None and self.ask.answered_at is not None

    def _value(self, name: str) -> list[str]:
        """What the form has in a field: as it was sent, else clicked, else answered before."""
        if self._posted is not None:
            return list(self._posted.get(name, ()))
        if name == "score" and self._clicked:
            return [self._clicked]
        if not self.was_answered or self.ask is None:
            return []
        if name == "score":
            return [str(self.ask.score)]
        if name == "comment":
            return [self.ask.comment]
        told = self.ask.answers.get(name.removeprefix("q-"), [])
        return told if isinstance(told, list) else [told]

    @property
    def marks(self) -> list[tuple[int, bool]]:
        """The marks of the scale, and which is chosen."""
        if self.survey is None:
            return []
        chosen = self._value("score")
        return [(mark, [str(mark)] == chosen) for mark in answering.scale_of(self.survey.kind)]

    @property
    def ends(self) -> tuple[str, str]:
        if self.survey is None or self.survey.kind not in defaults.ENDS:
            return "", ""
        low, high = defaults.ENDS[self.survey.kind]
        return self._said(low), self._said(high)

    @property
    def comment(self) -> str:
        return next(iter(self._value("comment")), "")

    @property
    def questions(self) -> list[dict[str, Any]]:
        found = []
        for one in self.survey.questions if self.survey else ():
            name = f"q-{one['key']}"
            told = self._value(name)
            found.append(
                {
                    "name": name, "label": self._said(one["label"]), "is_text": one["kind"] == rules.TEXT, "is_many": one["kind"] == rules.MANY,
                    "required": bool(one.get("required")), "wrong": name in self.wrong, "text": next(iter(told), ""),
                    "options": [(option["key"], self._said(option), option["key"] in told) for option in one.get("options", [])],
                }
            )  # fmt: skip
        return found

    @property
    def other_language(self) -> tuple[str, str]:
        """The other language that the survey speaks: (its parameter, its name); ('', '') for none."""
        here = "zh" if self.language.startswith("zh") else "en"
        other = "en" if here == "zh" else "zh"
        spoken = self.survey is not None and other in self.survey.question
        return (other, {"zh": "中文", "en": "English"}[other]) if spoken else ("", "")


urls = [path("answers/<str:token>/", answer, name="answer")]
