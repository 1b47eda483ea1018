"""What is done with alerts and their rules."""

from evergreen.alerts.actions.closing import (
    close_alert,
    close_alerts,
    reopen_alerts,
    snooze_alert,
    snooze_alerts,
    undo,
)
from evergreen.alerts.actions.escalating import escalate_due
from evergreen.alerts.actions.folding import Folded, fold, signs_of
from evergreen.alerts.actions.hearing import event_rules, hear
from evergreen.alerts.actions.orders import (
    ClosedOrders,
    assign_orders,
    close_orders,
    reopen_orders,
    respond,
    set_cause,
    snooze_orders,
    take_up,
    undo_orders,
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
    save_event_rule,
    save_rule,
    switch_rule,
)

__all__ = [
    "QUIET_DAYS",
    "ClosedOrders",
    "Evaluated",
    "Folded",
    "approve_held",
    "archive_rule",
    "assign_orders",
    "change_rule",
    "check_key",
    "close_alert",
    "close_alerts",
    "close_orders",
    "escalate_due",
    "evaluate",
    "event_rules",
    "fold",
    "free_key",
    "hear",
    "install_shipped",
    "quiet_accounts",
    "reopen_alerts",
    "reopen_orders",
    "respond",
    "save_event_rule",
    "save_rule",
    "set_cause",
    "signs_of",
    "snooze_alert",
    "snooze_alerts",
    "snooze_orders",
    "switch_rule",
    "take_up",
    "undo",
    "undo_orders",
]
