"""How a built-in metric is written down."""

from __future__ import annotations

from evergreen.metrics.rules import Better, Formula, Kind, Metric, Rows, Usage


def metric(
    key: str,
    kind: Kind,
    of: Usage | Rows | Formula,
    zh: str,
    en: str,
    zh_why: str,
    en_why: str,
    better: Better = "",
    group: str = "",
) -> Metric:
    """A metric whose group is given by the list it stands in."""
    return Metric(key, kind, of, {"zh": zh, "en": en}, {"zh": zh_why, "en": en_why}, group, better)
