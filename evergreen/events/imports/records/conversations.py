"""Conversations from files: calls, meetings, visits, chats and mails with an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evergreen.base.upserts import Loaded
from evergreen.events.imports import fields, references
from evergreen.events.imports.context import Context, Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.kinds import (
    Record,
    RecordLoader,
    account_lookup,
    set_texts,
    set_values,
    unknown_account,
)
from evergreen.work.actions.loading import load_conversations

FIELDS = (
    Field("id", Kind.KEY, "沟通编号", "Conversation id", required=True,
        names="conversation_id activity_id meeting_id call_id 编号 id"),
    Field("kind", Kind.CHOICE, "方式", "Kind", required=True, choices=fields.CONVERSATION_KINDS,
        names="type channel 沟通方式 类型"),
    Field("account", Kind.KEY, "客户编号", "Account id",
        names="account_id customer_id company_id 客户id 客户ID 客户"),
    Field("contacts", Kind.WORDS, "联系人", "Contacts", most=5000,
        names="contact contact_id participants attendees contact_email 参与人",
        about="Ids or e-mails, split by commas."),
    Field("time", Kind.MOMENT, "时间", "Time", required=True,
        names="at date start started_at 沟通时间 日期 开始时间"),
    Field("minutes", Kind.WHOLE, "分钟数", "Minutes", most=30000, names="duration duration_minutes 时长"),
    Field("summary", Kind.TEXT, "纪要", "Summary", most=20000,
        names="notes body description subject 内容 备注 沟通内容"),
    Field("by", Kind.TEXT, "沟通人", "Held by",
        names="owner owner_email staff csm 负责人",
        about="E-mail of a member of staff."),
)  # fmt: skip


class ConversationLoader(RecordLoader):
    """Two-way exchanges with contacts."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._accounts = account_lookup(context)
        self._contacts = references.contacts()
        self._staff = references.staff()

    def look_up(self, items: Sequence[Item]) -> None:
        self._accounts.learn(item.get("account") for item in items)
        self._contacts.learn(key for item in items for key in item.get("contacts") or ())
        self._staff.learn(item.get("by") for item in items)

    def build(self, item: Item) -> dict[str, Any]:
        account = self._accounts.get(item.get("account"))
        people = [self._contacts.get(key) for key in item.get("contacts") or ()]
        known = [person for person in people if person is not None]
        if account is None and (item.get("account") or not known):
            raise unknown_account(self.context, item, "account", "contacts")
        account_id = account.pk if account else known[0].account_id
        mine = [person for person in known if person.account_id == account_id]
        if len(mine) < len(people):
            item.warn("unknown_contact")
        row: dict[str, Any] = {
            "external_id": item.get("id"),
            "account_id": account_id,
            "kind": item.get("kind"),
            "at": item.get("time"),
            "known_at": self.context.known_at(item.get("time")),
        }
        if "contacts" in item.values:
            row["contact_ids"] = sorted({person.pk for person in mine})
        if "by" in item.values:
            row["by_id"] = self._staff.get(item.values["by"])
            if item.values["by"] and row["by_id"] is None:
                item.warn("unknown_owner")
        set_values(row, item, minutes="minutes")
        set_texts(row, item, "summary")
        if row["at"] > self.context.now:
            item.warn("in_the_future")
        return row

    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        return load_conversations(rows, **self.options())


RECORD = Record(
    "conversations",
    "沟通",
    "Conversations",
    FIELDS,
    ConversationLoader,
    needs=(("id",), ("kind",), ("time",), ("account", "contacts")),
)
