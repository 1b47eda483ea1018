"""Playbooks for tests, made by the rooms' own actions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from evergreen.customers.models import Account
from evergreen.playbooks import actions
from evergreen.playbooks.models import Enrolment, Playbook
from tests.conftest import NOW

END = {"key": "over", "kind": "end"}


def task(key: str, **settings: Any) -> dict[str, Any]:
    """A step that gives the owner a task."""
    return {"key": key, "kind": "task", "title": {"en": key}, **settings}


def wait(key: str, **span: Any) -> dict[str, Any]:
    return {"key": key, "kind": "wait", **span}


def published(
    *steps: dict[str, Any], key: str = "care", now: dt.datetime = NOW, is_on: bool = True, **more: Any
) -> Playbook:
    """A published playbook that is on, entered by hand where ``more`` says nothing else; its last step ends it."""
    data = {"triggers": [{"kind": "by_hand"}], "reentry": "each_time", **more, "steps": [*steps, END]}
    draft = actions.save_draft(key, name={"en": key}, definition=data, by=None, now=now)
    playbook = actions.publish(draft, by=None, now=now).playbook
    actions.switch(playbook, is_on, by=None, now=now)
    return playbook


def enter(playbook: Playbook, *accounts: Account, now: dt.datetime = NOW) -> int:
    return actions.enter_by_hand(playbook, [one.pk for one in accounts], by=None, now=now)[0]


def run_of(account: Account) -> Enrolment:
    """The newest run of an account."""
    return Enrolment.objects.filter(account=account).latest("pk")


def way(run: Enrolment) -> list[tuple[str, str]]:
    """The steps that a run went through, with what came of each."""
    return [(step, result) for step, _visit, result, _at in run.trail]


def tick(moments: Iterable[dt.datetime]) -> None:
    for now in moments:
        actions.tick(now=now)
