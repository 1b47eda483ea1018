"""Survey answers from files: events that metrics read."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from evergreen.events.imports import fields
from evergreen.events.imports.context import Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.event_columns import Place
from evergreen.events.imports.records.events import EventLoader
from evergreen.events.imports.records.kinds import Record
from evergreen.events.scales import SCALES

FIELDS = (
    Field("id", Kind.KEY, "作答编号", "Answer id",
        names="response_id answer_id survey_id 编号 id",
        about="The same id of the same source adds nothing. Without it the whole row is the id."),
    Field("kind", Kind.CHOICE, "调查类型", "Kind", required=True, choices=fields.SURVEY_KINDS,
        names="survey survey_type type 类型 问卷类型"),
    Field("score", Kind.NUMBER, "评分", "Score", required=True, most=10,
        names="rating answer value nps csat 得分 分数"),
    Field("comment", Kind.TEXT, "评论", "Comment", most=5000,
        names="text feedback verbatim 反馈 意见 备注"),
    Field("account", Kind.KEY, "客户编号", "Account id",
        names="account_id company_id customer_id 客户id 客户ID 客户"),
    Field("tenant", Kind.KEY, "租户", "Tenant", names="tenant_id workspace_id 租户编号"),
    Field("contact", Kind.KEY, "联系人", "Contact",
        names="contact_id contact_email email respondent 联系人编号 邮箱"),
    Field("time", Kind.MOMENT, "作答时间", "Answered", required=True,
        names="answered_at responded_at submitted_at timestamp date created_at 提交时间 日期"),
)  # fmt: skip


class SurveyLoader(EventLoader):
    """Answers become events ``survey.answered``; they say something of the account and count as no use."""

    reads_columns = False

    def build(self, item: Item, place: Place) -> dict[str, Any]:
        kind, score = item.get("kind"), item.get("score")
        least, most = SCALES[kind]
        if not least <= score <= most:
            raise self.context.refuse(
                "score",
                score,
                _("%(least)s to %(most)s for %(kind)s") % {"least": least, "most": most, "kind": kind},
                _("The score is off its scale."),
            )
        contact = self._contacts.get(item.get("contact"))
        if item.get("contact") and contact is None:
            item.warn("unknown_contact")
        said = {
            "kind": kind,
            "score": int(score) if score == int(score) else float(score),
            "contact": (contact.key if contact else "") or item.get("contact"),
            "comment": item.get("comment"),
        }
        # The event's own kind and name, not the survey's.
        values = {**item.values, "kind": "system", "name": "survey.answered"}
        row = super().build(Item(item.number, item.cells, values, item.warnings), place)
        given = {name: value for name, value in said.items() if value not in (None, "")}
        return {**row, "properties": json.dumps(given, ensure_ascii=False, separators=(",", ":"))}


RECORD = Record(
    "surveys",
    "调查问卷",
    "Surveys",
    FIELDS,
    SurveyLoader,
    needs=(("kind",), ("score",), ("time",), ("account", "tenant", "contact")),
)
