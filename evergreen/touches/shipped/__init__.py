"""Templates and surveys that ship, as data."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from evergreen.touches.surveys import defaults

_FILE = Path(__file__).with_name("templates.yaml")
_WAYS = ["wecom", "mail", "in_app"]


@cache
def templates() -> dict[str, dict[str, Any]]:
    """Every template that ships by its key: name, topic, subject and body {zh, en}."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text("utf-8"))
    return found


@cache
def surveys() -> dict[str, dict[str, Any]]:
    """Every survey that ships by its key, as a form tells it; all are off until somebody wants them."""
    names = {
        "relationship": ("nps", {"zh": "关系 NPS", "en": "Relationship NPS"}),
        "support": ("csat", {"zh": "服务满意度", "en": "Satisfaction with support"}),
        "effort": ("ces", {"zh": "费力度", "en": "Effort"}),
        "health-check": ("form", {"zh": "90 天健康检查", "en": "90-day health check"}),
    }
    return {
        key: {
            "name": name, "kind": kind, "question": defaults.QUESTIONS[kind], "why": defaults.WHY[kind], "thanks": defaults.THANKS,
            "questions": defaults.FORM if kind == "form" else [], "to": "everybody" if kind == "nps" else "first", "by": _WAYS,
            "is_quarterly": kind == "nps",
        }
        for key, (kind, name) in names.items()
    }  # fmt: skip
