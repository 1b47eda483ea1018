"""Accounts from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from evergreen.base.upserts import Loaded, Outcome
from evergreen.customers.actions.loading import link_parents, load_accounts
from evergreen.customers.actions.loading.links import Options
from evergreen.customers.models import Account, ContractLine
from evergreen.events.imports import fields, references
from evergreen.events.imports.catalogue import Catalogue
from evergreen.events.imports.context import Context, Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.kinds import Record, RecordLoader, set_choices, set_texts, set_values

FIELDS = (
    Field("id", Kind.KEY, "客户编号", "Account id", required=True,
        names="account_id accountid customer_id company_id external_id 客户id 客户ID 公司编号 编号 id"),
    Field("name", Kind.TEXT, "客户名称", "Account name", required=True,
        names="account_name company company_name customer customer_name 公司名称 公司 企业名称 客户 名称"),
    Field("parent", Kind.KEY, "上级客户", "Parent account",
        names="parent_id parent_account group_id 集团 母公司 上级客户编号"),
    Field("owner", Kind.TEXT, "负责人", "Owner",
        names="owner_email csm csm_email account_owner 负责人邮箱 客户成功经理",
        about="E-mail of a member of staff."),
    Field("team", Kind.TEXT, "团队", "Team", most=100, names="team_name 所属团队"),
    Field("industry", Kind.TEXT, "行业", "Industry", most=80, names="sector vertical 所属行业"),
    Field("region", Kind.TEXT, "地区", "Region", most=80,
        names="country area province city 区域 省份 国家"),
    Field("size", Kind.WHOLE, "员工数", "Employees", most=fields.WHOLE_MOST,
        names="employees headcount company_size number_of_employees 人数 公司规模 规模"),
    Field("tier", Kind.CHOICE, "客户分层", "Tier", choices=fields.TIERS,
        names="分层 客户等级 等级 segment"),
    Field("touch_model", Kind.CHOICE, "服务模式", "Touch model", choices=fields.TOUCH_MODELS,
        names="touch 接触模式"),
    Field("stage", Kind.CHOICE, "生命周期阶段", "Lifecycle stage", choices=fields.STAGES,
        names="lifecycle lifecycle_stage 阶段 客户阶段 status 客户状态"),
    Field("product", Kind.TEXT, "产品", "Product", most=60, names="product_name"),
    Field("edition", Kind.TEXT, "版本", "Edition", most=60, names="plan plan_tier package 套餐 购买版本"),
    Field("currency", Kind.CURRENCY, "币种", "Currency", names="currency_code 货币"),
    Field("signed", Kind.DATE, "签约日期", "Signed on",
        names="signup_date signed_on sign_date contract_date created 签约时间 签约日 注册日期"),
    Field("kickoff", Kind.DATE, "启动日期", "Kick-off", names="kickoff_date kickoff_on kick_off 启动时间"),
    Field("live", Kind.DATE, "上线日期", "Live on",
        names="live_date go_live go_live_date live_on 上线时间 验收日期"),
    Field("first_value", Kind.DATE, "首次价值日期", "First value on",
        names="first_value_date first_value_on 首次价值"),
    Field("tags", Kind.WORDS, "标签", "Tags", most=2000, names="labels 客户标签"),
    Field("tenants", Kind.WORDS, "租户", "Tenants", most=10000,
        names="tenant tenant_id workspace workspace_id 租户编号 实例"),
    Field("churned", Kind.FLAG, "流失标记", "Churn flag",
        names="churn_flag is_churned churn 是否流失",
        about="Kept as a custom field; decides nothing."),
)  # fmt: skip


class AccountLoader(RecordLoader):
    """Accounts, their tenants, ids in other systems and parents."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        cell = context.mapping.cells.get("id")
        self._named = references.accounts(references.BY_NAME, context.mapping.source) if cell and cell.system == references.BY_NAME else None  # fmt: skip
        self._names: dict[int, str] = {}
        self._staff = references.staff()
        self._teams = references.teams()
        self._catalogue = Catalogue(context)
        self._active: set[str] = set()
        self._parents: list[tuple[str, str]] = []
        self._outcomes: dict[str, Outcome] = {}

    def look_up(self, items: Sequence[Item]) -> None:
        self._staff.learn(item.get("owner") for item in items)
        self._teams.learn(item.get("team") for item in items)
        self._catalogue.learn_editions(
            (item.get("product") or "", item.get("edition")) for item in items if item.get("edition")
        )
        if self._named is not None:
            self._named.learn(item.get("id") for item in items)
            found = {ref.pk for item in items if (ref := self._named.get(item.get("id"))) is not None}
            self._names = dict(Account.objects.filter(pk__in=found).values_list("pk", "name"))
        flagged = [item.get("id") for item in items if item.get("churned")]
        today = self.context.today
        self._active = set(
            ContractLine.objects.filter(
                contract__account__external_id__in=flagged, kind="subscription", is_trial=False
            )
            .filter(Q(end_on__isnull=True) | Q(end_on__gt=today), start_on__lte=today)
            .values_list("contract__account__external_id", flat=True)
        )

    def build(self, item: Item) -> dict[str, Any]:
        row: dict[str, Any] = {"external_id": item.get("id"), "name": item.get("name")}
        if self._named is not None and (ref := self._named.get(item.get("id"))) is not None:
            # Found by its name: the account keeps its own id and its full name.
            row |= {"external_id": ref.key, "name": self._names[ref.pk]}
        set_texts(row, item, "industry", "region", "tier", "touch_model", "currency")
        set_values(
            row,
            item,
            size="size",
            signed="signed_on",
            kickoff="kickoff_on",
            live="live_on",
            first_value="first_value_on",
        )
        set_choices(row, item, stage="stage")
        if "tags" in item.values:
            row["tags"] = item.values["tags"] or []
        row["known_at"] = self.context.known_at(item.get("signed"))
        self._refer(row, item)
        custom = dict(item.get("custom") or {})
        if item.get("churned") is not None:
            custom["churned"] = item.get("churned")
            if item.get("churned") and row["external_id"] in self._active:
                item.warn("churned_but_active")
        if custom:
            row["custom"] = custom
        if item.get("live") and item.get("signed") and item.get("live") < item.get("signed"):
            item.warn("live_before_signed")
        return row

    def _refer(self, row: dict[str, Any], item: Item) -> None:
        values = item.values
        if "owner" in values:
            row["owner_id"] = self._staff.get(values["owner"])
            if values["owner"] and row["owner_id"] is None:
                item.warn("unknown_owner")
        if "team" in values:
            row["team_id"] = self._teams.get(values["team"])
            if values["team"] and row["team_id"] is None:
                item.warn("unknown_team")
        if "edition" in values:
            name = values["edition"] or ""
            row["edition_id"] = self._catalogue.edition(values.get("product") or "", name)
            if name and row["edition_id"] is None:
                item.warn("unknown_edition")
        if "parent" in values and not values["parent"]:
            row["parent_id"] = None

    def admit(self, item: Item, row: dict[str, Any]) -> None:
        """Keep those tenants and ids that no other account of the file claimed before."""
        own = row["external_id"]
        tenants = item.get("tenants") or []
        free = [key for key in tenants if self.context.seen.first("tenant", key, own) in {None, own}]
        names = {system: key for system, key in (item.get("external_ids") or {}).items() if key}
        mine = {
            system: key
            for system, key in names.items()
            if self.context.seen.first("external_id", f"{system}:{key}", own) in {None, own}
        }
        for kind, lost in (
            ("tenant_taken", len(free) < len(tenants)),
            ("external_id_taken", len(mine) < len(names)),
        ):
            if lost:
                item.warn(kind)
        product = self._catalogue.product(item.get("product") or "")
        row["tenants"] = [{"external_id": key, "product_id": product} for key in free]
        row["external_ids"] = mine
        if item.get("parent"):
            self._parents.append((own, item.get("parent")))

    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        return load_accounts(rows, **self.options())

    def written(self, rows: list[dict[str, Any]], outcomes: Sequence[Outcome]) -> None:
        if "parent" in self.context.mapping.cells:
            self._outcomes.update(
                (row["external_id"], what) for row, what in zip(rows, outcomes, strict=True)
            )

    def finish(self) -> None:
        if not self._parents:
            return
        accounts = references.accounts()
        accounts.learn(parent for _own, parent in self._parents)
        named = ((own, parent, accounts.get(parent)) for own, parent in self._parents)
        linked = link_parents(
            [(own, found.key if found else parent) for own, parent, found in named],
            Options(
                by=self.context.by,
                now=self.context.now,
                origin=self.context.file_name,
                dry_run=self.context.dry_run,
                coming=lambda key: None if self.context.seen.told("id", key) is None else 0,
            ),
        )
        self.context.tally.warn_of("unknown_parent", len(linked.missing))
        self.context.tally.warn_of("parent_in_a_circle", len(linked.refused))
        self.recount(linked.changed, self._outcomes)


RECORD = Record(
    "accounts",
    "客户",
    "Accounts",
    FIELDS,
    AccountLoader,
    needs=(("id",), ("name",)),
    takes=frozenset({"custom", "external_ids"}),
)
