"""Contacts from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.base.upserts import Loaded, Outcome
from evergreen.customers.actions.loading import link_superiors, load_contacts
from evergreen.customers.actions.loading.links import Options
from evergreen.events.imports import fields
from evergreen.events.imports.context import Context, Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.kinds import (
    Record,
    RecordLoader,
    account_lookup,
    set_choices,
    set_texts,
    set_values,
    unknown_account,
)

FIELDS = (
    Field("id", Kind.KEY, "联系人编号", "Contact id",
        names="contact_id contactid user_id 联系人id 编号 id",
        about="Without it, account and e-mail (else phone, else name) identify the contact."),
    Field("account", Kind.KEY, "客户编号", "Account id", required=True,
        names="account_id company_id customer_id 客户id 客户ID 公司编号 所属客户 客户"),
    Field("name", Kind.TEXT, "姓名", "Name", required=True, most=100,
        names="contact_name full_name 联系人 联系人姓名"),
    Field("title", Kind.TEXT, "职位", "Title", most=100, names="job_title position 职务 岗位"),
    Field("email", Kind.EMAIL, "邮箱", "E-mail", most=254, names="mail email_address e-mail 电子邮箱 邮件"),
    Field("phone", Kind.TEXT, "手机", "Phone", most=40,
        names="mobile telephone tel phone_number 电话 手机号 手机号码 联系电话"),
    Field("role", Kind.CHOICE, "决策链角色", "Role in the decision chain", choices=fields.CHAIN_ROLES,
        names="chain_role 角色 决策角色"),
    Field("influence", Kind.WHOLE, "影响力", "Influence", least=1, most=5, names="影响力评分"),
    Field("attitude", Kind.CHOICE, "态度", "Attitude", choices=fields.ATTITUDES, names="sentiment 立场"),
    Field("champion", Kind.FLAG, "拥护者", "Champion", names="is_champion 是否拥护者"),
    Field("sponsor", Kind.FLAG, "发起人", "Sponsor", names="is_sponsor 是否发起人"),
    Field("reports_to", Kind.KEY, "上级", "Reports to", names="manager_id reports_to_id 汇报对象 上级编号"),
    Field("end_user", Kind.KEY, "终端用户", "End user id",
        names="product_user_id login username 账号 用户名"),
    Field("language", Kind.CHOICE, "语言", "Language", choices=fields.LANGUAGES, names="locale lang 语种",
        about="Of messages to them."),
    Field("time_zone", Kind.TEXT, "时区", "Time zone", most=60, names="timezone tz 所在时区",
        about="Of quiet hours, such as Asia/Shanghai."),
    Field("since", Kind.DATE, "建档日期", "Known since",
        names="created created_at create_date 创建时间 创建日期"),
    Field("left", Kind.DATE, "离职日期", "Left on", names="left_on left_date 离职时间"),
)  # fmt: skip


class ContactLoader(RecordLoader):
    """Contacts and whom they report to."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._accounts = account_lookup(context)
        self._superiors: list[tuple[str, str]] = []
        self._outcomes: dict[str, Outcome] = {}

    def look_up(self, items: Sequence[Item]) -> None:
        self._accounts.learn(item.get("account") for item in items)

    def build(self, item: Item) -> dict[str, Any]:
        account = self._accounts.get(item.get("account"))
        if account is None:
            raise unknown_account(self.context, item, "account")
        row: dict[str, Any] = {
            "external_id": item.get("id") or self._made_id(account.key, item),
            "account_id": account.pk,
            "name": item.get("name"),
            "known_at": self.context.known_at(item.get("since")),
        }
        set_texts(row, item, "title", "email", "phone", "role", "end_user", "language", "time_zone")
        if row.get("time_zone"):
            self._check_zone(row["time_zone"])
        set_values(row, item, influence="influence", left="left_on")
        set_choices(row, item, attitude="attitude", champion="is_champion", sponsor="is_sponsor")
        if "reports_to" in item.values and not item.values["reports_to"]:
            row["reports_to_id"] = None
        return row

    def _check_zone(self, name: str) -> None:
        try:
            clock.zone(name)
        except ValueError as error:
            raise self.context.refuse(
                "time_zone", name, "Asia/Shanghai, Europe/Berlin, UTC …", _("There is no such time zone.")
            ) from error

    def _made_id(self, account: str, item: Item) -> str:
        person = (item.get("email") or item.get("phone") or item.get("name")).lower()
        return f"{account}/{person}"[-200:]

    def said_of(self, row: dict[str, Any]) -> str:
        return str(row["account_id"])

    def admit(self, item: Item, row: dict[str, Any]) -> None:
        own = f"{row['account_id']}/{row['external_id']}"
        names = {system: key for system, key in (item.get("external_ids") or {}).items() if key}
        row["external_ids"] = {
            system: key
            for system, key in names.items()
            if self.context.seen.first("contact_id", f"{system}:{key}", own) in {None, own}
        }
        if len(row["external_ids"]) < len(names):
            item.warn("external_id_taken")
        if item.get("reports_to"):
            self._superiors.append((row["external_id"], item.get("reports_to")))

    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        return load_contacts(rows, **self.options())

    def written(self, rows: list[dict[str, Any]], outcomes: Sequence[Outcome]) -> None:
        if "reports_to" in self.context.mapping.cells:
            self._outcomes.update(
                (row["external_id"], what) for row, what in zip(rows, outcomes, strict=True)
            )

    def finish(self) -> None:
        if not self._superiors:
            return
        linked = link_superiors(
            self._superiors,
            Options(
                by=self.context.by,
                now=self.context.now,
                origin=self.context.file_name,
                dry_run=self.context.dry_run,
                coming=self._coming,
            ),
        )
        self.context.tally.warn_of("unknown_superior", len(linked.missing))
        self.context.tally.warn_of("superior_not_allowed", len(linked.refused))
        self.recount(linked.changed, self._outcomes)

    def _coming(self, key: str) -> int | None:
        account = self.context.seen.told("id", key)
        return int(account) if account else None


RECORD = Record(
    "contacts",
    "联系人",
    "Contacts",
    FIELDS,
    ContactLoader,
    needs=(("account",), ("name",)),
    takes=frozenset({"external_ids"}),
)
