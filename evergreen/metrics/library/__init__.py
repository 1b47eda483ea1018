"""The built-in metrics (product.md 4.2), a module a group."""

from __future__ import annotations

from evergreen.metrics.library.activity import ACTIVITY
from evergreen.metrics.library.adoption import ADOPTION
from evergreen.metrics.library.money import MONEY
from evergreen.metrics.library.people import PEOPLE
from evergreen.metrics.library.tickets import SERVICE
from evergreen.metrics.library.value import VALUE
from evergreen.metrics.rules import Metric

GROUPS: dict[str, dict[str, str]] = {
    "activity": {"zh": "活跃度", "en": "Activity"},
    "adoption": {"zh": "采用", "en": "Adoption"},
    "service": {"zh": "服务", "en": "Service"},
    "money": {"zh": "合同与收款", "en": "Money"},
    "people": {"zh": "声音与关系", "en": "Voice and relation"},
    "value": {"zh": "价值", "en": "Value"},
}

_BY_GROUP = zip(GROUPS, (ACTIVITY, ADOPTION, SERVICE, MONEY, PEOPLE, VALUE), strict=True)

METRICS: dict[str, Metric] = {
    metric.key: Metric(
        metric.key,
        metric.kind,
        metric.of,
        metric.name,
        metric.explanation,
        group,
        metric.better,
        metric.version,
    )
    for group, metrics in _BY_GROUP
    for metric in metrics
}
