"""Writes of tasks and conversations."""

from evergreen.work.actions.conversations import record_conversation
from evergreen.work.actions.tasks import (
    NewTask,
    add_task,
    add_tasks,
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
    "NewTask",
    "add_task",
    "add_tasks",
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
