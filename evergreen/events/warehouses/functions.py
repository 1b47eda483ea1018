"""Functions of ours in expressions: each engine has them by these names (``vocabulary``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis

_Function = Callable[..., Any]


def _of_the_engine(takes: tuple[str, ...], gives: str) -> Callable[[_Function], _Function]:
    """The declared function as one that an expression calls and the engine computes."""
    builtin: Any = ibis.udf.scalar.builtin

    def declare(function: _Function) -> _Function:
        declared: _Function = builtin(function, name=function.__name__, signature=(takes, gives))
        return declared

    return declare


@_of_the_engine(("int64",), "int64")
def bit_count(mask: Any) -> Any:
    """How many bits of a whole number are set."""


@_of_the_engine(("int64",), "string")
def bits_of(mask: Any) -> Any:
    """The bits of a whole number as text, the highest set one first."""


@_of_the_engine(("string", "string"), "string")
def said_text(properties: Any, under: Any) -> Any:
    """The text under a name; null when there is none or it is no text."""


@_of_the_engine(("string", "string"), "string")
def said_json(properties: Any, under: Any) -> Any:
    """What stands under a name, as it is written in JSON; null when there is none."""


@_of_the_engine(("string", "string"), "float64")
def said_number(properties: Any, under: Any) -> Any:
    """The number under a name; null when there is none or it is no number."""


@_of_the_engine(("string", "string"), "date")
def said_day(properties: Any, under: Any) -> Any:
    """The day under a name (2026-03-06); null when there is none or it is no day."""


@_of_the_engine(("int64", "string", "string"), "uint64")
def person_hash(account: Any, source: Any, end_user: Any) -> Any:
    """64 bits of an end user. Sorting by one number takes 0.4 of the time of sorting by three columns (measured); two of a
    million end users share theirs once in 37 million cases."""


@_of_the_engine(("int64",), "uint64")
def account_hash(account: Any) -> Any:
    """64 bits of an account, spread evenly for samples."""
