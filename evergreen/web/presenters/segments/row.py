"""One test as a row of the form: a field, then the signs it allows, then its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from evergreen.base.conditions import OPS, Field, Kind, Op, Test, checked
from evergreen.base.conditions.tree import OF_DAYS, VALUES, Value
from evergreen.base.models import User
from evergreen.metrics.segments import fields as catalogue
from evergreen.web import formats


class TestRow:
    """What stands in the row."""

    def __init__(self, user: User, told: Mapping[str, str]) -> None:
        self._fields = catalogue.all_fields()
        shown = [one for one in self._fields.values() if user.sees_money or not one.is_money]
        self.groups: dict[str, list[tuple[str, str]]] = {}
        for one in shown:
            self.groups.setdefault(one.group, []).append((one.key, one.label(formats.language())))
        key = told.get("field", "")
        self.field = self._fields[key] if key in self._fields else shown[0]
        asked = told.get("op", "")
        self.op = Op(asked) if asked in OPS[self.field.kind] else OPS[self.field.kind][0]
        self.value = told.get("value", "")[:1_000]
        self.other = told.get("other", "")[:200]

    @classmethod
    def of(cls, user: User, test: Test) -> TestRow:
        """The row that makes a checked test."""
        field = catalogue.all_fields()[test.field]
        given = [_typed(one, field) for one in test.values]
        told = {"field": test.field, "op": test.op.value, "value": ", ".join(given)}
        if test.op == Op.BETWEEN:
            told |= {"value": given[0], "other": given[1]}
        return cls(user, told)

    @property
    def key(self) -> str:
        return self.field.key

    @property
    def ops(self) -> list[tuple[str, str]]:
        return [(op.value, op_words(op, self.field.kind)) for op in OPS[self.field.kind]]

    @property
    def takes(self) -> str:
        """What is asked for beside the sign: nothing, days, two values, several, or one."""
        if self.op in OF_DAYS:
            return "days"
        return {0: "nothing", 2: "two", -1: "several"}.get(VALUES.get(self.op, 1), "one")

    @property
    def input_type(self) -> str:
        kinds = {Kind.DATE: "date", Kind.WHOLE: "number"}
        return kinds.get(self.field.kind, "text") if self.takes in {"one", "two"} else "text"

    @property
    def choices(self) -> list[tuple[str, str]]:
        language = "zh" if formats.is_zh() else "en"
        if self.field.kind == Kind.FLAG:
            return [("true", _("yes")), ("false", _("no"))]
        return [(value, names[language]) for value, names in self.field.choices.items()]

    @property
    def hint(self) -> str:
        return {
            Kind.SHARE: _("such as 80%"),
            Kind.MONEY: _("such as 100000, in %(currency)s") % {"currency": self.field.unit},
            Kind.DATE: "2026-11-30",
        }.get(self.field.kind, self.field.unit)

    def made(self, fields: Mapping[str, Field]) -> Test:
        """The test, checked. Raises ConditionError."""
        given: list[str] = []
        match self.takes:
            case "two":
                given = [self.value, self.other]
            case "several":
                given = list(self._several())
            case "one" | "days":
                given = [self.value]
        found = checked(Test(self.field.key, self.op, tuple(given)), fields)
        assert isinstance(found, Test)
        return found

    def _several(self) -> Iterator[str]:
        for one in self.value.replace("，", ",").replace("、", ",").split(","):
            if one.strip():
                yield one.strip()


def _typed(value: Value, field: Field) -> str:
    """A value as one types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.kind == Kind.SHARE and isinstance(value, int | Decimal):
        return f"{(Decimal(value) * 100).normalize():f}%"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def op_words(op: Op, kind: Kind) -> str:
    """A sign as the form offers it."""
    is_date, is_text = kind == Kind.DATE, kind in {Kind.TEXT, Kind.CHOICE, Kind.FLAG}
    match op:
        case Op.IS:
            return _("includes") if kind == Kind.TAGS else _("is") if is_text or is_date else "="
        case Op.IS_NOT:
            return _("does not include") if kind == Kind.TAGS else _("is not") if is_text or is_date else "≠"
        case Op.BELOW:
            return _("is before") if is_date else "<"
        case Op.AT_MOST:
            return _("is at the latest") if is_date else "≤"
        case Op.ABOVE:
            return _("is after") if is_date else ">"
        case Op.AT_LEAST:
            return _("is at the earliest") if is_date else "≥"
        case Op.BETWEEN:
            return _("is from … to …")
        case Op.IN:
            return _("is one of")
        case Op.NOT_IN:
            return _("is none of")
        case Op.CONTAINS:
            return _("contains")
        case Op.BEGINS:
            return _("begins with")
        case Op.EMPTY:
            return _("is missing")
        case Op.FILLED:
            return _("is known")
        case Op.IN_LAST:
            return _("in the last … days")
        case Op.IN_NEXT:
            return _("in the next … days")
        case Op.BEFORE_LAST:
            return _("more than … days ago")
    return _("more than … days ahead")
