"""What the demo vendor sells: its product, features with the events that show them, editions with their prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo.extent import Floats

VENDOR = "砚山软件"
PRODUCT = ("yanshan", {"zh": "砚山业财", "en": "Yanshan Finance & Supply"})
SOURCE = "yanshan-web"
ROLES = ("accountant", "cashier", "warehouse", "buyer", "sales", "finance_manager", "boss", "it_admin")


@dataclass(frozen=True, slots=True)
class Shown:
    """An event that shows a feature: its kind and name, how often among the feature's events, what it carries."""

    kind: str
    name: str
    weight: float = 1.0
    report: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """A feature: names, marks, its events, the smallest edition that holds it, and how often each role uses it.

    ``use`` follows ROLES.
    """

    key: str
    zh: str
    en: str
    marks: str
    edition: str
    events: tuple[Shown, ...]
    use: tuple[float, ...]

    @property
    def is_core(self) -> bool:
        return "core" in self.marks

    @property
    def is_advanced(self) -> bool:
        return "advanced" in self.marks

    @property
    def adds_data(self) -> bool:
        return "data" in self.marks

    @property
    def matchers(self) -> list[dict[str, str]]:
        return [
            {"event": e.name, "property": "report", "value": e.report} if e.report else {"event": e.name}
            for e in self.events
        ]


@dataclass(frozen=True, slots=True)
class Package:
    """An edition: names and yearly list price (CNY minor units), a base fee and a fee a seat."""

    key: str
    zh: str
    en: str
    base_cents: int
    seat_cents: int


PACKAGES = (
    Package("standard", "标准版", "Standard", 1_080_000, 228_000),
    Package("professional", "专业版", "Professional", 2_980_000, 548_000),
    Package("flagship", "旗舰版", "Flagship", 6_800_000, 688_000),
)
EDITIONS = tuple(package.key for package in PACKAGES)


def _track(*names: str) -> tuple[Shown, ...]:
    return tuple(Shown("track", name, 1.0 / (place + 1)) for place, name in enumerate(names))


# use:                                                        acc  cash ware buy  sal  fm   boss it
FEATURES: tuple[Offered, ...] = (
    Offered("vouchers", "凭证录入", "Vouchers", "core data", "standard",
            _track("Voucher Created", "Voucher Posted"), (9, 3, 0, 0, 0, 1, 0, 0)),
    Offered("reconciliation", "自动对账", "Auto-reconciliation", "core", "standard",
            _track("Reconciliation Run", "Reconciliation Confirmed"), (6, 6, 0, 1, 1, 2, 0, 0)),
    Offered("invoicing", "发票开具", "Invoicing", "core data", "standard",
            _track("Invoice Issued", "Invoice Verified"), (5, 2, 0, 0, 4, 0, 0, 0)),
    Offered("purchasing", "采购单", "Purchase orders", "core data", "standard",
            _track("Purchase Order Created", "Goods Received"), (0, 0, 3, 10, 0, 0, 0, 0)),
    Offered("sales_orders", "销售单", "Sales orders", "core data", "standard",
            _track("Sales Order Created", "Sales Order Shipped"), (0, 0, 3, 0, 11, 0, 0, 0)),
    Offered("stocktaking", "库存盘点", "Stocktaking", "core", "standard",
            _track("Stock Counted", "Stock Moved"), (0, 0, 11, 3, 1, 0, 0, 0)),
    Offered("payments", "收付款登记", "Receipts and payments", "core data", "standard",
            _track("Payment Recorded", "Receipt Recorded"), (2, 9, 0, 0, 1, 1, 0, 0)),
    Offered("tax_filing", "纳税申报", "Tax filing", "core", "standard",
            _track("Tax Return Prepared", "Tax Return Filed"), (2, 1, 0, 0, 0, 1, 0, 0)),
    Offered("multi_entity", "多组织报表", "Multi-entity reports", "advanced", "professional",
            (Shown("track", "Report Viewed", 1.0, "multi_entity"),), (0.4, 0, 0, 0, 0, 4, 3, 0)),
    Offered("cash_forecast", "资金预测", "Cash forecast", "advanced", "professional",
            _track("Cash Forecast Opened"), (0.3, 1, 0, 0, 0, 3, 3, 0)),
    Offered("costing", "成本核算", "Cost accounting", "advanced", "professional",
            _track("Cost Run Finished", "Cost Sheet Viewed"), (1.5, 0, 0.5, 0, 0, 2, 0, 0)),
    Offered("budgets", "预算控制", "Budget control", "advanced", "flagship",
            _track("Budget Checked", "Budget Changed"), (0.3, 0, 0, 1, 0, 2.5, 1, 0)),
    Offered("approval_design", "审批流设计", "Approval designer", "advanced", "professional",
            _track("Approval Flow Saved"), (0, 0, 0, 0, 0, 0.4, 0, 4)),
    Offered("open_api", "开放接口", "Open API", "advanced", "flagship",
            _track("API Token Used", "API Mapping Saved"), (0, 0, 0, 0, 0, 0, 0, 6)),
    Offered("stock_alerts", "库存预警", "Stock alerts", "advanced", "professional",
            _track("Stock Alert Handled"), (0, 0, 1.5, 1.5, 0.5, 0, 0, 0)),
    Offered("tax_risk", "税务风险扫描", "Tax risk scan", "advanced", "flagship",
            _track("Tax Risk Scanned"), (0.6, 0, 0, 0, 0, 1.5, 0.5, 0)),
    Offered("approvals", "单据审批", "Approvals", "", "standard",
            (Shown("screen", "Approval", 1.0), Shown("track", "Document Approved", 1.0)), (0.5, 0.3, 0.2, 0.6, 0.6, 5, 6, 0)),
    Offered("expenses", "费用报销", "Expense claims", "", "standard",
            _track("Expense Claim Submitted", "Expense Claim Paid"), (0.8, 1.5, 0.2, 0.4, 1, 1, 0.5, 0)),
    Offered("bank_link", "银企直连", "Bank link", "", "professional",
            _track("Bank Statement Fetched"), (0.6, 2.5, 0, 0, 0, 0.5, 0, 0)),
    Offered("dashboard", "经营看板", "Dashboard", "", "standard",
            (Shown("page", "Dashboard"),), (0.4, 0.2, 0.3, 0.3, 0.6, 3, 7, 0.5)),
    Offered("statements", "财务报表", "Financial statements", "", "standard",
            (Shown("track", "Report Viewed", 1.0, "statement"), Shown("track", "Report Printed", 0.4)), (1.5, 0.2, 0, 0, 0, 4, 2, 0)),
    Offered("exports", "数据导出", "Data export", "", "standard",
            _track("Data Exported"), (1, 0.4, 0.5, 0.4, 0.6, 1, 0, 0.8)),
    Offered("bulk_import", "批量导入", "Bulk import", "data", "professional",
            _track("Rows Imported"), (0.6, 0, 0.8, 0.6, 0.6, 0, 0, 1)),
    Offered("customers", "客户档案", "Customer files", "", "standard",
            (Shown("page", "Customer File"), Shown("track", "Customer File Saved", 0.4)), (0.1, 0, 0, 0, 2.2, 0, 0, 0)),
    Offered("suppliers", "供应商档案", "Supplier files", "", "standard",
            (Shown("page", "Supplier File"), Shown("track", "Supplier File Saved", 0.4)), (0.1, 0, 0, 2.2, 0, 0, 0, 0)),
    Offered("price_lists", "价格管理", "Price lists", "", "professional",
            _track("Price List Saved"), (0, 0, 0, 0.8, 1.2, 0.3, 0.3, 0)),
    Offered("members", "用户与权限", "Users and permissions", "", "standard",
            (Shown("page", "Members"), Shown("track", "Member Invited", 0.4)), (0.1, 0, 0, 0, 0, 0.2, 0, 5)),
    Offered("help_centre", "帮助中心", "Help centre", "", "standard",
            (Shown("page", "Help Article"),), (0.3, 0.3, 0.3, 0.3, 0.3, 0.2, 0.1, 0.5)),
)  # fmt: skip

FEATURE_PLACE = {feature.key: place for place, feature in enumerate(FEATURES)}
LOG_IN = Shown("track", "Signed In")


def held_by(edition: str) -> list[Offered]:
    """The features of an edition: each edition holds those of the smaller ones too."""
    rank = EDITIONS.index(edition)
    return [feature for feature in FEATURES if EDITIONS.index(feature.edition) <= rank]


def use_weights() -> Floats:
    """How often each role uses each feature: roles × features."""
    core = np.array([3.0 if feature.is_core else 1.0 for feature in FEATURES], np.float32)
    return np.array([feature.use for feature in FEATURES], np.float32).T * core
