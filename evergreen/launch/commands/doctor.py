"""``evergreen doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import typer

from evergreen.launch.terminal import FAILED, HomeOption, JsonOption, choose_home, put, say, start_django

if TYPE_CHECKING:
    from evergreen.base import env


class _Finding(Protocol):
    @property
    def check(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def found(self) -> str: ...
    @property
    def do(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """As ``flow.examination.Finding``, for what is looked at before Django can be started."""

    check: str
    state: str
    found: str
    do: str = ""


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check the installation. Exit code 1 when something is wrong."""
    where = choose_home(home)
    findings = list(examine(where))
    for finding in findings:
        if as_json:
            put({"check": finding.check, "state": finding.state, "found": finding.found, "do": finding.do})
        else:
            advice = f" → {finding.do}" if finding.do else ""
            print(f"{finding.state:<6} {finding.check}: {finding.found}{advice}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    say(
        f"{wrong} of {len(findings)} checks need something done."
        if wrong
        else "Everything is as it should be."
    )
    if wrong:
        raise typer.Exit(FAILED)


def examine(where: env.Home) -> Iterator[_Finding]:
    """Every check in the order in which one depends on another; stops where nothing further can be known."""
    yield _variables()
    if not where.exists():
        yield Finding("home", "wrong", f"{where.root} holds no installation.", "Run `evergreen init`.")
        return
    yield _secret(where)
    start_django()
    from django.utils import translation

    from evergreen.flow import examination

    with translation.override("en"):
        yield from examination.examine(where)


def _variables() -> Finding:
    from evergreen.base import env

    if unknown := env.unknown_variables():
        return Finding(
            "environment",
            "wrong",
            f"{', '.join(unknown)} mean nothing.",
            f"Remove or correct them; known are {', '.join(env.KNOWN)}.",
        )
    return Finding("environment", "ok", "Every EVERGREEN_ variable is known.")


def _secret(where: env.Home) -> Finding:
    if where.secret.stat().st_mode & 0o077:
        return Finding(
            "home", "wrong", f"Others may read {where.secret}.", f"Run `chmod 600 {where.secret}`."
        )
    return Finding("home", "ok", str(where.root))
