"""Every minute: what has become due since the last one. Safe to run twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from evergreen.alerts import actions as alerts
from evergreen.base import clock
from evergreen.events.connections import actions as connections
from evergreen.flow.listening import listen
from evergreen.flow.notifying.telling import notify
from evergreen.playbooks import actions as playbooks
from evergreen.touches import actions as touches
from evergreen.touches.chats.keeping import tell_chats
from evergreen.touches.codes.keeping import tell_due
from evergreen.touches.groups.reading import read_due
from evergreen.touches.notices.telling import tell_notices
from evergreen.touches.surveys import waves
from evergreen.touches.surveys.answering import tell_answers
from evergreen.touches.tags.marking import tag_due
from evergreen.touches.ties.keeping import read_ties_due


def run(*, now: dt.datetime) -> None:
    """Start the connections whose time has come, and tell managers of work orders that are late."""
    connections.start_due(now=now)
    alerts.escalate_due(now=now)


def play(*, now: dt.datetime, stops: Callable[[], bool] = lambda: False) -> None:
    """What playbooks have to do, beside the rest: a long line of due steps keeps nothing else waiting."""
    listen(now=now)
    playbooks.tick(now=now, stops=stops)


def send(*, stops: Callable[[], bool] = lambda: False) -> None:
    """Ask whom waves are at, tell notices and colleagues, send messages that are due, tell what was answered. The clock is read anew for each: a slow provider must not make leases look fresh."""
    waves.ask_due(now=clock.utc_now(), stops=stops)
    tell_notices(now=clock.utc_now(), stops=stops)
    notify(now=clock.utc_now())
    touches.send_due(stops=stops)
    tell_answers()


def fetch() -> None:
    """What came back: answers in mailboxes and chats, what became of messages that somebody has to confirm, who is in groups of customers and who of us has whom. And what contact codes and tags should be."""
    touches.fetch(now=clock.utc_now())
    tell_chats(now=clock.utc_now())
    touches.follow_up(now=clock.utc_now())
    read_due(now=clock.utc_now())
    read_ties_due(now=clock.utc_now())
    tell_due(now=clock.utc_now())
    tag_due(now=clock.utc_now())
