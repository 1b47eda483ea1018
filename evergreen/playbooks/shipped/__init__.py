"""The playbooks that ship: one on from the start (an alert becomes a task for the account's owner), the others published and off,
each a file of ``books`` as ``evergreen config`` writes it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

# What to do about each rule's alert; "*" serves rules that have no words of their own.
_TITLES: dict[str, dict[str, str]] = {
    "health_red": {
        "zh": "弄清健康度为何变红，约定下一步",
        "en": "Find out why health is red and agree the next step",
    },
    "health_drop": {"zh": "问清这周发生了什么", "en": "Ask what happened this week"},
    "no_activity": {"zh": "联系客户：为什么停用了", "en": "Ask the customer why use has stopped"},
    "usage_off": {"zh": "问清使用为什么变少", "en": "Ask why they use it less than usual"},
    "renewal_due": {
        "zh": "启动续约：约决策者谈目标与价值",
        "en": "Start the renewal: meet the decision maker on goals and value",
    },
    "invoice_overdue": {"zh": "跟进逾期账单", "en": "Follow up the overdue invoice"},
    "*": {"zh": "处理预警", "en": "Look at the alert"},
}

# The step that gives an alert's owner the task; by hand the same is made of one alert.
ALERT_STEP: dict[str, Any] = {
    "key": "task",
    "kind": "task",
    "titles": _TITLES,
    "assignee": "owner",
    # Working days until due, by the rule's severity.
    "due_working_days": {"3": 1, "2": 2, "1": 5},
    "for_alert": True,
}

ON_FROM_THE_START: dict[str, dict[str, Any]] = {
    "alert-task": {
        "name": {"zh": "预警转任务", "en": "Alert to task"},
        "definition": {
            "triggers": [{"kind": "alert", "rules": "*"}],
            "reentry": "each_time",
            "per": "occasion",
            "steps": [ALERT_STEP, {"key": "end", "kind": "end"}],
        },
    }
}


@cache
def shipped() -> dict[str, dict[str, Any]]:
    """Every playbook that ships by its key: name, definition, and a note {zh, en} of what it is for where it has one."""
    books = sorted((Path(__file__).parent / "books").glob("*.yaml"))
    return {
        **ON_FROM_THE_START,
        **{book.stem: yaml.safe_load(book.read_text("utf-8")) for book in books},
    }


def note_of(key: str, note: str) -> dict[str, str]:
    """What a playbook is for: as somebody wrote it, else as it ships."""
    return {"text": note} if note else dict(shipped().get(key, {}).get("note", {}))
