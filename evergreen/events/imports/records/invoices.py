"""Receivables from files; files call them invoices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evergreen.base.upserts import Loaded
from evergreen.customers.actions.loading import load_receivables
from evergreen.events.imports import references
from evergreen.events.imports.context import Context, Item
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.records.amounts import cents, currency_of
from evergreen.events.imports.records.kinds import (
    Record,
    RecordLoader,
    account_lookup,
    set_texts,
    set_values,
    unknown_account,
)

FIELDS = (
    Field("id", Kind.KEY, "账单编号", "Invoice id", required=True,
        names="invoice_id invoice receivable_id bill_id invoice_number 应收编号 回款编号 单号 编号 id"),
    Field("account", Kind.KEY, "客户编号", "Account id",
        names="account_id customer_id company_id customer 客户id 客户ID 客户"),
    Field("contract", Kind.KEY, "合同编号", "Contract id", names="contract_id contract_number 合同号 合同"),
    Field("amount", Kind.MONEY, "应收金额", "Amount", required=True,
        names="total amount_due invoice_amount 金额 应收 应收款"),
    Field("currency", Kind.CURRENCY, "币种", "Currency", names="currency_code 货币"),
    Field("due", Kind.DATE, "应收日期", "Due on", required=True,
        names="due_date due_on 到期日 应收日 付款期限 应付日期"),
    Field("paid", Kind.MONEY, "已收金额", "Paid",
        names="amount_paid paid_amount 已回款 实收 实收金额 回款金额"),
    Field("is_paid", Kind.FLAG, "是否付清", "Fully paid", names="settled paid_flag 是否回款 已付清"),
    Field("paid_on", Kind.DATE, "收款日期", "Paid on",
        names="payment_date paid_date paid_at 回款日期 实收日期 到账日期"),
    Field("issued", Kind.DATE, "开具日期", "Issued on",
        names="issue_date invoice_date issued_on created 开票日期 账单日期"),
    Field("tax_invoice", Kind.TEXT, "发票号", "Tax invoice", most=100, names="fapiao 发票号码 发票"),
)  # fmt: skip


class InvoiceLoader(RecordLoader):
    """Amounts due and what was paid of them."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._accounts = account_lookup(context)
        self._contracts = references.contracts()

    def look_up(self, items: Sequence[Item]) -> None:
        self._accounts.learn(item.get("account") for item in items)
        self._contracts.learn(item.get("contract") for item in items)

    def build(self, item: Item) -> dict[str, Any]:
        account = self._accounts.get(item.get("account"))
        contract, contract_account = self._contracts.get(item.get("contract")) or (None, None)
        account_id = account.pk if account else contract_account
        if account_id is None or (item.get("account") and account is None):
            raise unknown_account(self.context, item, "account", "contract")
        if item.get("contract") and contract is None:
            item.warn("unknown_contract")
        elif contract is not None and contract_account != account_id:
            item.warn("other_account")
            contract = None
        currency = currency_of(self.context, item, account.currency if account else "")
        amount = cents(self.context, item, "amount", currency) or 0
        row: dict[str, Any] = {
            "external_id": item.get("id"),
            "account_id": account_id,
            "currency": currency,
            "amount_cents": amount,
            "due_on": item.get("due"),
            "known_at": self.context.known_at(item.get("issued"), item.get("due")),
        }
        if "contract" in item.values:
            row["contract_id"] = contract
        set_values(row, item, paid_on="paid_on")
        set_texts(row, item, "tax_invoice")
        self._pay(row, item, currency)
        return row

    def _pay(self, row: dict[str, Any], item: Item, currency: str) -> None:
        """What was paid: the amount said, else all of it where a flag or a day of payment says so."""
        if item.get("paid") is not None:
            row["paid_cents"] = cents(self.context, item, "paid", currency)
        elif item.get("is_paid") or ("paid" not in item.values and item.get("paid_on")):
            row["paid_cents"] = row["amount_cents"]
        elif {"paid", "is_paid", "paid_on"} & item.values.keys():
            row["paid_cents"] = 0
        if row["amount_cents"] < 0:
            item.warn("negative_amount")
        elif row.get("paid_cents", 0) > row["amount_cents"]:
            item.warn("paid_more_than_due")

    def write(self, rows: list[dict[str, Any]]) -> Loaded:
        return load_receivables(rows, **self.options())


RECORD = Record(
    "invoices",
    "应收账单",
    "Invoices",
    FIELDS,
    InvoiceLoader,
    needs=(("id",), ("account", "contract"), ("amount",), ("due",)),
)
