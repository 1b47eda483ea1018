"""Writes of playbooks: versions, entries, the tick that takes what is due, what people do to runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from evergreen.playbooks.actions.advancing import advance
from evergreen.playbooks.actions.alert_tasks import make_task, settle
from evergreen.playbooks.actions.entering import enrol, enter_by_hand
from evergreen.playbooks.actions.staging import (
    candidates,
    end_pilot,
    raise_rollout,
    resume_rollout,
    start_pilot,
    start_rollout,
    stop_rollout,
)
from evergreen.playbooks.actions.steering import change_version, merged, move, moving, retry, skip, stop
from evergreen.playbooks.actions.telling import tell
from evergreen.playbooks.actions.versions import (
    discard,
    free_key,
    install_shipped,
    publish,
    read,
    retire,
    save_draft,
    switch,
)
from evergreen.playbooks.actions.waking import Happened, hear, listened_to, sweep

__all__ = [
    "Happened",
    "advance",
    "candidates",
    "change_version",
    "discard",
    "end_pilot",
    "enrol",
    "enter_by_hand",
    "free_key",
    "hear",
    "install_shipped",
    "listened_to",
    "make_task",
    "merged",
    "move",
    "moving",
    "publish",
    "raise_rollout",
    "read",
    "resume_rollout",
    "retire",
    "retry",
    "save_draft",
    "settle",
    "skip",
    "start_pilot",
    "start_rollout",
    "stop",
    "stop_rollout",
    "sweep",
    "switch",
    "tell",
    "tick",
]


def tick(*, now: dt.datetime, stops: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Everything that playbooks do by the clock: let accounts in, wake what waits for something that holds by now, take what is
    due, tell of it. Safe to run twice, and in several processes at once."""
    counts = {"entered": enrol(now=now), "woken": sweep(now=now), "advanced": advance(now=now, stops=stops)}
    tell()
    return counts
