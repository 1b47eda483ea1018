"""Writes of the health room: scorecards and their versions, overrides, a day scored, the newest standings."""

from evergreen.health.actions.cards import (
    archive_card,
    check_key,
    free_key,
    install_shipped,
    publish,
    save_card,
    withdraw_version,
)
from evergreen.health.actions.overriding import end_override, override
from evergreen.health.actions.scoring import (
    COMPARED_DAYS,
    COMPARISON_SLACK_DAYS,
    own_scorecards,
    score_day,
    versions_on,
    write_standings,
)

__all__ = [
    "COMPARED_DAYS",
    "COMPARISON_SLACK_DAYS",
    "archive_card",
    "check_key",
    "end_override",
    "free_key",
    "install_shipped",
    "override",
    "own_scorecards",
    "publish",
    "save_card",
    "score_day",
    "versions_on",
    "withdraw_version",
    "write_standings",
]
