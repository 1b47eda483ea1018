"""One notice: its form while it is a draft, whom it would reach, what came of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base.languages import LANGUAGES
from evergreen.base.markdown import render
from evergreen.base.models import User
from evergreen.customers.models import Account, Feature
from evergreen.customers.queries import accounts_for
from evergreen.touches.models import Message, Notice
from evergreen.touches.notices.reaching import ORIGIN, USED_DAYS, accounts_of, gets_task, people_of
from evergreen.touches.notices.writing import problems_of
from evergreen.web import formats
from evergreen.web.presenters.surveys.editor import ways_out
from evergreen.work.models import Task

_BEGIN: dict[str, dict[str, dict[str, str]]] = {
    "release": {
        "title": {"zh": "新功能上线", "en": "A new release"},
        "text": {
            "zh": "{{ contact.name }}，您好：\n\n您在用的功能有更新：\n\n- \n\n有问题直接回复这条消息。",
            "en": "Hello {{ contact.name }},\n\nSomething that you use has changed:\n\n- \n\nAnswer this message with any question.",
        },
        "points": {"zh": "改了什么；对这家客户有什么用；要不要他们做什么。", "en": "What changed; what it brings them; what they have to do."},
    },
    "incident": {
        "title": {"zh": "服务故障说明", "en": "About an incident"},
        "text": {
            "zh": "{{ contact.name }}，您好：\n\n您在用的功能出现故障：\n\n- 影响：\n- 目前：\n- 预计恢复：\n\n很抱歉给您带来不便。恢复后我们会再说一声。",
            "en": "Hello {{ contact.name }},\n\nSomething that you use does not work:\n\n- what it affects:\n- where we stand:\n- expected back:\n\nWe are sorry. You will hear from us when it is mended.",
        },
        "points": {"zh": "影响范围、目前进展、预计恢复时间、我们会做什么。", "en": "What is affected, where we stand, when it is back, what we do about it."},
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Whom a notice reaches: accounts told by a person and by message, and the people who get one or cannot be reached."""

    tasks: int
    accounts: int
    people: int
    unreached: int


class NoticePage:
    """What stands on the page of a notice."""

    def __init__(
        self,
        user: User,
        notice: Notice | None,
        now: dt.datetime,
        post: QueryDict | None = None,
        kind: str = "release",
    ) -> None:
        self.user, self.saved, self.now, self.post = user, notice, now, post
        self._kind = kind if kind in Notice.Kind.values else "release"
        self.problems: list[str] = []

    @cached_property
    def given(self) -> dict[str, Any]:
        """The notice as it is written."""
        if self.post is not None:
            parts = {
                part: {one: self.post.get(f"{part}_{one}", "") for one in LANGUAGES}
                for part in ("title", "text", "points")
            }
            return {
                **parts, "kind": self.post.get("kind", ""), "features": self.post.getlist("features"), "by": self.post.get("by", ""),
                "happens_on": _day(self.post.get("happens_on", "")),
            }  # fmt: skip
        if self.saved is None:
            today = self.now.date()
            return {
                **_BEGIN[self._kind],
                "kind": self._kind,
                "features": [],
                "by": "wecom, mail",
                "happens_on": today,
            }
        kept = self.saved
        return {
            "title": kept.title, "text": kept.text, "points": kept.points, "kind": kept.kind, "features": kept.features,
            "by": ", ".join(kept.by), "happens_on": kept.happens_on,
        }  # fmt: skip

    @property
    def tongues(self) -> list[dict[str, str]]:
        labels = {"zh": _("Chinese"), "en": _("English")}
        return [
            {
                "code": one,
                "label": labels[one],
                **{part: self.given[part].get(one, "") for part in ("title", "text", "points")},
            }
            for one in LANGUAGES
        ]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Notice.Kind.choices]

    @cached_property
    def features(self) -> list[tuple[str, str, bool]]:
        chosen = set(self.given["features"])
        return [
            (one.key, formats.named(one.name) or one.key, one.key in chosen)
            for one in Feature.objects.order_by("product", "key")
        ]

    @property
    def chosen(self) -> list[str]:
        return [name for _key, name, is_chosen in self.features if is_chosen]

    @property
    def ways_out(self) -> list[tuple[str, str]]:
        return ways_out()

    @property
    def days(self) -> int:
        return USED_DAYS

    @cached_property
    def foreseen(self) -> Foreseen | None:
        """Whom the saved draft would reach now; None where no channel fits."""
        if self.saved is None or problems_of(self.given):
            return None
        concerned = accounts_of(self.saved, self.now)
        rows = Account.objects.in_bulk(list(concerned))
        tech = {pk: used for pk, used in concerned.items() if pk in rows and not gets_task(rows[pk])}
        try:
            people = people_of(tech, self.saved.by)
        except LookupError as error:
            self.problems.append(str(error))
            return None
        held = sum(bool(one.held) for one in people)
        return Foreseen(len(concerned) - len(tech), len(tech), len(people) - held, held)

    @property
    def texts(self) -> list[tuple[str, SafeString]]:
        """What customers read, by language."""
        labels = {"zh": _("Chinese"), "en": _("English")}
        kept = self.saved.text if self.saved else {}
        return [(labels[one], render(kept[one])) for one in LANGUAGES if kept.get(one)]

    @cached_property
    def tasks(self) -> dict[str, int]:
        """Tasks that it made: all, and those that are open, of the accounts that the person sees."""
        rows = Task.objects.filter(
            origin_kind=ORIGIN,
            origin_id__startswith=f"{self.saved.pk if self.saved else 0}:",
            account__in=accounts_for(self.user),
        )
        return rows.aggregate(all=Count("pk"), open=Count("pk", filter=Q(state=Task.State.OPEN)))

    @cached_property
    def messages(self) -> dict[str, int]:
        """Messages that it made by what came of them, of the accounts that the person sees."""
        state = Message.State
        number = str(self.saved.pk) if self.saved else ""
        rows = Message.objects.filter(
            origin_kind=ORIGIN, origin_id=number, account__in=accounts_for(self.user)
        )
        return rows.aggregate(
            sent=Count("pk", filter=Q(state=state.ACCEPTED)),
            waiting=Count("pk", filter=Q(state__in=(state.PLANNED, state.CLAIMED, state.HANDED_OVER))),
            bad=Count(
                "pk", filter=Q(state__in=(state.REFUSED, state.UNKNOWN, state.HELD_BACK, state.WITHDRAWN))
            ),
        )

    @property
    def share(self) -> int:
        """How much of it is told, in percent."""
        return round(100 * self.saved.done / self.saved.total) if self.saved and self.saved.total else 100


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
