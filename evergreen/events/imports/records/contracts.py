"""Contracts from files: one row a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.upserts import Loaded, Outcome
from evergreen.customers import rules
from evergreen.customers.actions.loading import link_renewals, load_contracts
from evergreen.customers.actions.loading.contracts import OF_CONTRACT
from evergreen.customers.actions.loading.links import Options
from evergreen.customers.models import Account
from evergreen.events.imports import fields, references
from evergreen.events.imports.catalogue import Catalogue
from evergreen.events.imports.context import Context, Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.amounts import cents, currency_of
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
    Field("id", Kind.KEY, "合同行编号", "Line id", required=True,
        names="subscription_id line_id contract_line_id 订阅编号 合同明细编号 编号 id",
        about="Of the subscription or contract line; usage may refer to it."),
    Field("contract", Kind.KEY, "合同编号", "Contract id",
        names="contract_id order_id 合同号 订单编号",
        about="Lines of one contract share it; by default the line's id."),
    Field("number", Kind.TEXT, "合同文号", "Contract number", most=100,
        names="contract_number contract_no 合同文号"),
    Field("account", Kind.KEY, "客户编号", "Account id", required=True,
        names="account_id customer_id company_id customer 客户id 客户ID 客户"),
    Field("kind", Kind.CHOICE, "类型", "Kind", choices=fields.LINE_KINDS,
        names="line_type type 合同类型 业务类型"),
    Field("product", Kind.TEXT, "产品", "Product", most=60, names="product_name product_key"),
    Field("edition", Kind.TEXT, "版本", "Edition", most=60, names="plan plan_tier package 套餐"),
    Field("tenant", Kind.KEY, "租户", "Tenant", names="tenant_id workspace_id 租户编号"),
    Field("title", Kind.TEXT, "名称", "Title", names="description line_name 合同名称 明细"),
    Field("seats", Kind.WHOLE, "席位数", "Seats", most=fields.WHOLE_MOST,
        names="quantity licenses users 用户数 账号数 数量"),
    Field("signed", Kind.DATE, "签约日期", "Signed on", names="signed_on sign_date 签订日期 签约日"),
    Field("start", Kind.DATE, "开始日期", "Start", required=True,
        names="start_date start_on begin valid_from 生效日期 起始日期 开始"),
    Field("end", Kind.DATE, "结束日期", "End",
        names="end_date end_on expires valid_to expiry_date 到期日 到期日期 截止日期 结束",
        about="The first day not covered, unless format.end_is_last_day is true."),
    Field("mrr", Kind.MONEY, "月费", "MRR",
        names="mrr_amount monthly_fee monthly_amount 月经常性收入 月度金额"),
    Field("arr", Kind.MONEY, "年费", "ARR",
        names="arr_amount annual_fee annual_amount 年经常性收入 年度金额"),
    Field("amount", Kind.MONEY, "合同金额", "Amount",
        names="total contract_amount tcv 总金额 合同总额 金额",
        about="Over the whole term."),
    Field("discount", Kind.SHARE, "折扣", "Discount",
        names="discount_rate 折扣率",
        about="0.1 or 10%: off the list price."),
    Field("currency", Kind.CURRENCY, "币种", "Currency", names="currency_code 货币"),
    Field("trial", Kind.FLAG, "是否试用", "Trial", names="is_trial 试用"),
    Field("auto_renews", Kind.FLAG, "自动续约", "Renews by itself",
        names="auto_renew auto_renew_flag auto_renewal 是否自动续约"),
    Field("renews", Kind.KEY, "续约自合同", "Renews contract",
        names="renewal_of previous_contract 原合同编号 续约合同"),
    Field("churned", Kind.FLAG, "流失标记", "Churn flag",
        names="churn_flag is_churned 是否流失",
        about="Compared with the dates for a warning; changes nothing."),
)  # fmt: skip

_OPEN_ENDED_FROM = 2900  # files write 2999-12-31 or 9999-12-31 for no end


class ContractLoader(RecordLoader):
    """Contract lines, their contracts, and which contract renews which."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._accounts = account_lookup(context)
        self._tenants = references.tenants()
        self._catalogue = Catalogue(context)
        self._flagged: set[int] = set()
        self._renewals: list[tuple[str, str]] = []
        self._first_lines: dict[str, Outcome] = {}

    def look_up(self, items: Sequence[Item]) -> None:
        self._accounts.learn(item.get("account") for item in items)
        self._tenants.learn(item.get("tenant") for item in items)
        self._catalogue.learn_editions(
            (item.get("product") or "", item.get("edition")) for item in items if item.get("edition")
        )
        refs = (self._accounts.get(item.get("account")) for item in items)
        self._flagged = set(
            Account.objects.filter(pk__in={ref.pk for ref in refs if ref}, custom__churned=True).values_list(
                "pk", flat=True
            )
        )

    def build(self, item: Item) -> dict[str, Any]:
        account = self._accounts.get(item.get("account"))
        if account is None:
            raise unknown_account(self.context, item, "account")
        start, end = item.get("start"), self._end(item)
        currency = currency_of(self.context, item, account.currency)
        row: dict[str, Any] = {
            "external_id": item.get("id"),
            "contract": item.get("contract") or item.get("id"),
            "account_id": account.pk,
            "currency": currency,
            "start_on": start,
            "known_at": self.context.known_at(item.get("signed"), start),
        }
        if "end" in item.values:
            row["end_on"] = end
        set_texts(row, item, "number", "title")
        set_values(row, item, seats="seats", signed="signed_on", discount="discount")
        set_choices(row, item, kind="kind", trial="is_trial", auto_renews="auto_renews")
        self._refer(row, item)
        self._price(row, item, currency)
        self._compare(row, item, account)
        return row

    def _end(self, item: Item) -> dt.date | None:
        """The first day not covered; a row that ends before it starts is refused."""
        start: dt.date = item.get("start")
        end: dt.date | None = item.get("end")
        if end is None or end.year >= _OPEN_ENDED_FROM:
            return None
        if end < start:
            raise self.context.refuse(
                "end", end, _("%(start)s or later") % {"start": start}, _("The row ends before it starts.")
            )
        return end + dt.timedelta(days=1) if self.context.mapping.end_is_last_day else end

    def _refer(self, row: dict[str, Any], item: Item) -> None:
        if "edition" in item.values:
            name = item.values["edition"] or ""
            row["edition_id"] = self._catalogue.edition(item.get("product") or "", name)
            if name and row["edition_id"] is None:
                item.warn("unknown_edition")
        if "tenant" in item.values:
            tenant = self._tenants.get(item.values["tenant"])
            row["tenant_id"] = tenant.pk if tenant and tenant.account_id == row["account_id"] else None
            if item.values["tenant"] and row["tenant_id"] is None:
                item.warn("unknown_tenant")

    def _price(self, row: dict[str, Any], item: Item, currency: str) -> None:
        """Monthly revenue net of discount: from the month, else the year, else the amount over the term."""
        mrr, arr, amount = (self._net(item, name, currency) for name in ("mrr", "arr", "amount"))
        start, end = row["start_on"], row.get("end_on")
        if any(value is not None and value < 0 for value in (mrr, arr, amount)):
            item.warn("negative_amount")
        if row.get("kind") == "one_off":
            row["mrr_cents"], row["amount_cents"] = 0, amount or mrr or arr or 0
            return
        if mrr is not None and arr is not None and abs(mrr * 12 - arr) > 12:
            item.warn("mrr_and_arr_differ")
        if mrr is None and arr is not None:
            mrr = int((Decimal(arr) / 12).quantize(Decimal(1), ROUND_HALF_UP))
        if mrr is None and amount is not None:
            if end is None or end <= start:
                raise self.context.refuse(
                    "end",
                    item.get("end") or "",
                    _("a day after the start"),
                    _("An amount over a term needs its end."),
                )
            mrr = rules.monthly_of(amount, start, end)
        if mrr is None and not row.get("is_trial"):
            item.warn("no_amount")
        row["mrr_cents"] = mrr or 0
        if amount is None and mrr and end is not None and end > start:
            amount = int((mrr * rules.months_between(start, end)).quantize(Decimal(1), ROUND_HALF_UP))
        row["amount_cents"] = amount or 0

    def _net(self, item: Item, name: str, currency: str) -> int | None:
        amount = cents(self.context, item, name, currency)
        if amount is None or not self.context.mapping.amounts_are_list or not item.get("discount"):
            return amount
        return int((amount * (1 - item.get("discount"))).quantize(Decimal(1), ROUND_HALF_UP))

    def _compare(self, row: dict[str, Any], item: Item, account: references.AccountRef) -> None:
        start, end = row["start_on"], row.get("end_on")
        if end is not None and end == start:
            item.warn("no_day_covered")
        pays = row.get("kind") != "one_off" and not row.get("is_trial")
        is_flagged = bool(item.get("churned")) or row["account_id"] in self._flagged
        if is_flagged and pays and rules.in_force(start, end, self.context.today):
            item.warn("churned_but_active")
        first = self.context.seen.first("currency", account.key, row["currency"])
        if row["currency"] != (account.currency or first or row["currency"]):
            item.warn("mixed_currency")

    def admit(self, item: Item, row: dict[str, Any]) -> None:
        """The first row of a contract decides what the file says of it."""
        key = row["contract"]
        first = self.context.seen.first("contract", key, str(row["account_id"]))
        if first is None:
            if item.get("renews"):
                self._renewals.append((key, item.get("renews")))
            return
        if first != str(row["account_id"]):
            item.warn("other_account")
        for name in OF_CONTRACT:
            row.pop(name, None)

    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        return load_contracts(rows, **self.options())

    def written(self, rows: list[dict[str, Any]], outcomes: Sequence[Outcome]) -> None:
        if "renews" in self.context.mapping.cells:
            for row, outcome in zip(rows, outcomes, strict=True):
                self._first_lines.setdefault(row["contract"], outcome)

    def finish(self) -> None:
        if not self._renewals:
            return
        linked = link_renewals(
            self._renewals,
            Options(
                by=self.context.by,
                now=self.context.now,
                origin=self.context.file_name,
                dry_run=self.context.dry_run,
                coming=self._coming,
            ),
        )
        self.context.tally.warn_of("unknown_renewed", len(linked.missing))
        self.context.tally.warn_of("renewed_not_allowed", len(linked.refused))
        self.recount(linked.changed, self._first_lines)

    def _coming(self, key: str) -> int | None:
        account = self.context.seen.told("contract", key)
        return int(account) if account else None


RECORD = Record(
    "contracts",
    "合同",
    "Contracts",
    FIELDS,
    ContractLoader,
    needs=(("id",), ("account",), ("start",), ("mrr", "arr", "amount")),
)
