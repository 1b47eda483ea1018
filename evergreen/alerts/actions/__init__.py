"""What is done with alerts and their rules."""

from evergreen.alerts.actions.closing import (
    close_alert,
    close_alerts,
    reopen_alerts,
    snooze_alert,
    snooze_alerts,
    undo,
)
from evergreen.alerts.actions.raising import (
    QUIET_DAYS,
    Evaluated,
    approve_held,
    evaluate,
    quiet_accounts,
)
from evergreen.alerts.actions.ruling import (
    archive_rule,
    change_rule,
    check_key,
    free_key,
    install_shipped,
    save_rule,
    switch_rule,
)

__all__ = [
    "QUIET_DAYS",
    "Evaluated",
    "approve_held",
    "archive_rule",
    "change_rule",
    "check_key",
    "close_alert",
    "close_alerts",
    "evaluate",
    "free_key",
    "install_shipped",
    "quiet_accounts",
    "reopen_alerts",
    "save_rule",
    "snooze_alert",
    "snooze_alerts",
    "switch_rule",
    "undo",
]
