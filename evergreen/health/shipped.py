"""The scorecards that ship (product.md 5.2), as data."""

from __future__ import annotations

from typing import Any

STARTER: dict[str, Any] = {
    "additive": True,
    "reachable": 70,
    "bands": {"green": 56, "yellow": 42},
    "coverage_floor": 0.5,
    # One active day is worth 5.7 points, so ordinary weeks would look like falls.
    "drop_alerts": False,
    "dimensions": {"use": {"zh": "使用", "en": "Use"}, "service": {"zh": "服务", "en": "Service"}},
    "measures": [
        {
            "key": "usage_freq", "metric": "active_days_7d", "dimension": "use", "weight": 40,
            "name": {"zh": "使用频率", "en": "Usage frequency"}, "scale": {"kind": "worth", "per": 7, "worth": 40},
        },
        {
            "key": "feature_adoption", "metric": "feature_adoption", "dimension": "use", "weight": 30,
            "name": {"zh": "功能采用", "en": "Feature adoption"}, "scale": {"kind": "worth", "per": 1, "worth": 30},
        },
        {
            "key": "issue_count", "metric": "tickets_opened_28d", "dimension": "service", "weight": 30,
            "name": {"zh": "工单数", "en": "Issues"}, "scale": {"kind": "worth", "per": 1, "worth": -5},
        },
    ],
}  # fmt: skip

STANDARD: dict[str, Any] = {
    "bands": {"green": 80, "yellow": 60},
    "coverage_floor": 0.5,
    "dimensions": {
        "use": {"zh": "使用", "en": "Use"},
        "service": {"zh": "服务", "en": "Service"},
        "money": {"zh": "回款", "en": "Payment"},
        "voice": {"zh": "声音", "en": "Voice"},
    },
    "measures": [
        {
            "key": "frequency", "metric": "use_frequency", "dimension": "use", "weight": 25,
            "name": {"zh": "使用频率", "en": "Use frequency"},
            "scale": {"kind": "line", "points": [[0, 0], [0.6, 100]]},
        },
        {
            "key": "depth", "metric": "core_depth", "dimension": "use", "weight": 20,
            "name": {"zh": "核心功能深度", "en": "Depth of core use"},
            "scale": {"kind": "line", "points": [[0, 0], [10, 100]]},
        },
        {
            "key": "data_growth", "metric": "data_growth", "dimension": "use", "weight": 10,
            "name": {"zh": "数据增长", "en": "Data growth"},
            "scale": {"kind": "line", "points": [[-0.5, 0], [0, 70], [0.3, 100]]},
        },
        {
            "key": "tickets", "metric": "ticket_load", "dimension": "service", "weight": 15,
            "name": {"zh": "工单", "en": "Tickets"},
            "scale": {"kind": "line", "points": [[0, 100], [100, 0]]},
        },
        {
            "key": "payment", "metric": "overdue_days", "dimension": "money", "weight": 15,
            "name": {"zh": "付款", "en": "Payment"},
            "scale": {"kind": "line", "points": [[0, 100], [30, 50], [60, 0]]},
        },
        {
            "key": "nps", "metric": "nps", "dimension": "voice", "weight": 15, "as_of": "last_answer_on",
            "max_age_days": 180, "name": {"zh": "NPS", "en": "NPS"},
            "scale": {"kind": "line", "points": [[-100, 0], [0, 50], [50, 100]]},
        },
    ],
    "caps": [{"metric": "overdue_days", "above": 30, "at_most": 50}],
}  # fmt: skip

VALUE: dict[str, Any] = {
    "bands": {"green": 80, "yellow": 60},
    "coverage_floor": 0.5,
    "dimensions": {
        "use": {"zh": "使用", "en": "Use"},
        "value": {"zh": "价值", "en": "Value"},
        "voice": {"zh": "声音", "en": "Voice"},
    },
    "measures": [
        {
            "key": "depth", "metric": "core_depth", "dimension": "use", "weight": 30,
            "name": {"zh": "核心功能深度", "en": "Depth of core use"},
            "scale": {"kind": "line", "points": [[0, 0], [10, 100]]},
        },
        {
            "key": "kpi_attainment", "metric": "kpi_attainment", "dimension": "value", "weight": 40,
            "name": {"zh": "KPI 达成", "en": "KPI attainment"},
            "scale": {"kind": "target", "target": 1},
        },
        {
            "key": "satisfaction", "metric": "csat", "dimension": "voice", "weight": 30,
            "name": {"zh": "满意度", "en": "Satisfaction"},
            "scale": {"kind": "line", "points": [[1, 0], [5, 100]]},
        },
    ],
}  # fmt: skip

SCORECARDS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "standard": ({"zh": "标准模型", "en": "Standard"}, STANDARD),
    "starter": ({"zh": "入门模型", "en": "Starter"}, STARTER),
    "value": ({"zh": "价值模型", "en": "Value"}, VALUE),
}
