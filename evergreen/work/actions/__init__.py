"""Writes of tasks and conversations."""

from evergreen.work.actions.conversations import record_conversation
from evergreen.work.actions.tasks import (
    add_task,
    assign_tasks,
    drop_task,
    drop_tasks,
    finish_task,
    finish_tasks,
    reopen_task,
    snooze_task,
    snooze_tasks,
    undo,
    update_task,
)

__all__ = [
    "add_task",
    "assign_tasks",
    "drop_task",
    "drop_tasks",
    "finish_task",
    "finish_tasks",
    "record_conversation",
    "reopen_task",
    "snooze_task",
    "snooze_tasks",
    "undo",
    "update_task",
]
