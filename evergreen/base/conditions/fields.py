"""What conditions may ask about: fields with their kind, and which questions each kind allows."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from evergreen.base.conditions.tree import OF_DAYS, Op
from evergreen.base.languages import spoken


class Kind(enum.StrEnum):
    """What the values of a field are."""

    NUMBER = "number"
    WHOLE = "whole"  # a count, or days
    SHARE = "share"  # 0.8, written 80% too
    MONEY = "money"  # in whole units of the vendor's currency, such as 100000 for ¥100,000
    DATE = "date"
    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    TAGS = "tags"  # any number of texts: a test holds where one of them does


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``name`` is {zh, en}; ``choices`` {value: {zh, en}}; ``hides``: its values are dots in words."""

    key: str
    kind: Kind
    name: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unit: str = ""
    group: str = ""
    is_money: bool = False
    hides: bool = False

    def label(self, language: str) -> str:
        return self.name[spoken(language)]


Fields = Mapping[str, Field]

_PRESENCE = (Op.EMPTY, Op.FILLED)
_ORDER = (Op.IS, Op.IS_NOT, Op.BELOW, Op.AT_MOST, Op.ABOVE, Op.AT_LEAST, Op.BETWEEN, *_PRESENCE)
OPS: Mapping[Kind, tuple[Op, ...]] = {
    **dict.fromkeys((Kind.NUMBER, Kind.WHOLE, Kind.SHARE, Kind.MONEY), _ORDER),
    Kind.DATE: (*_ORDER[:-2], *sorted(OF_DAYS), *_PRESENCE),
    Kind.TEXT: (Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN, Op.CONTAINS, Op.BEGINS, *_PRESENCE),
    Kind.CHOICE: (Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN, *_PRESENCE),
    Kind.TAGS: (Op.IS, Op.IS_NOT, Op.IN, Op.NOT_IN, *_PRESENCE),
    Kind.FLAG: (Op.IS, Op.IS_NOT, *_PRESENCE),
}
