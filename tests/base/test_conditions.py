"""The condition language: read, written, checked, told in words, decided."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base import conditions
from evergreen.base.conditions import AllOf, AnyOf, Condition, ConditionError, Field, Kind, Not, Op, editing
from evergreen.base.conditions import Test as Asked
from evergreen.base.conditions.tree import DEEPEST, MOST_TESTS, OF_DAYS, VALUES

TODAY = dt.date(2026, 11, 22)
TIERS = {"strategic": {"zh": "战略", "en": "Strategic"}, "growth": {"zh": "成长", "en": "Growth"}}
FIELDS = {
    field.key: field
    for field in (
        Field("active_users_28d", Kind.WHOLE, {"zh": "月活用户", "en": "Monthly active users"}),
        Field("stickiness", Kind.SHARE, {"zh": "粘性", "en": "Stickiness"}),
        Field("arr", Kind.MONEY, {"zh": "年费", "en": "ARR"}, unit="CNY", is_money=True),
        Field("nps", Kind.NUMBER, {"zh": "NPS", "en": "NPS"}),
        Field("renewal_on", Kind.DATE, {"zh": "到期日", "en": "Renewal date"}),
        Field("name", Kind.TEXT, {"zh": "名称", "en": "Name"}),
        Field("industry", Kind.TEXT, {"zh": "行业", "en": "Industry"}),
        Field("tier", Kind.CHOICE, {"zh": "分层", "en": "Tier"}, choices=TIERS),
        Field("auto_renews", Kind.FLAG, {"zh": "自动续约", "en": "Renews by itself"}),
        Field("tags", Kind.TAGS, {"zh": "标签", "en": "Tags"}),
    )
}


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def read(text: str) -> Condition:
    return conditions.checked(conditions.parse(text), FIELDS)


_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
_names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).map("f_".__add__)
_plain_values = st.one_of(
    _texts,
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.decimals(-1000, 1000, places=3, allow_nan=False),
    st.dates(dt.date(1990, 1, 1), dt.date(2099, 1, 1)),
)


@st.composite
def _tests(draw: st.DrawFn) -> Asked:
    op = draw(st.sampled_from(Op))
    if op in OF_DAYS:
        return Asked(draw(_names), op, (draw(st.integers(0, 400)),))
    wanted = VALUES.get(op, 1)
    size = draw(st.integers(1, 4)) if wanted == -1 else wanted
    return Asked(draw(_names), op, tuple(draw(_plain_values) for _ in range(size)))


_conditions = st.recursive(
    _tests(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(tuple).map(AllOf),
        st.lists(inner, min_size=1, max_size=4).map(tuple).map(AnyOf),
        inner.map(Not),
    ),
    max_leaves=12,
)


@given(_conditions)
@settings(max_examples=300, deadline=None)
def test_text_and_data_say_the_same_tree(condition: Condition) -> None:
    flat = conditions.flat(condition)
    assert conditions.parse(conditions.written(condition)) == flat
    if conditions.depth(flat) <= DEEPEST:
        texts = conditions.from_data(conditions.to_data(flat))
        # Dates and fractions are texts in data; what they are the field's kind says.
        assert _as_text(texts) == _as_text(flat)


def _as_text(condition: Condition) -> Condition:
    match condition:
        case Not(part):
            return Not(_as_text(part))
        case AllOf(parts) | AnyOf(parts):
            return type(condition)(tuple(map(_as_text, parts)))
    said = (str(one) if isinstance(one, Decimal | dt.date) else one for one in condition.values)
    return Asked(condition.field, condition.op, tuple(said))


def test_and_binds_closer_than_or_and_brackets_say_otherwise() -> None:
    one, two, three = (Asked(name, Op.IS, (1,)) for name in "abc")
    assert conditions.parse("a = 1 or b = 1 and c = 1") == AnyOf((one, AllOf((two, three))))
    assert conditions.parse("(a = 1 or b = 1) and not c = 1") == AllOf((AnyOf((one, two)), Not(three)))
    assert conditions.parse("not (a = 1 and b = 1)") == Not(AllOf((one, two)))
    assert conditions.parse("  ") == AllOf(())


def test_values_become_what_their_field_holds() -> None:
    found = read(
        "stickiness < 20% and arr >= 100000 and tier in (战略, Growth) and renewal_on between 2026-12-01 and 2026-12-31"
        ' and industry = "金融 租赁" and auto_renews = true and active_users_28d = 3.0'
    )
    assert [test.values for test in conditions.tests(found)] == [
        (Decimal("0.2"),), (Decimal(100_000),), ("strategic", "growth"), (dt.date(2026, 12, 1), dt.date(2026, 12, 31)),
        ("金融 租赁",), (True,), (3,),
    ]  # fmt: skip
    from_data = conditions.from_data(
        {"all": [{"field": "renewal_on", "op": "<", "value": "2026-12-01"}, "tier = 战略"]}
    )
    assert conditions.checked(from_data, FIELDS) == AllOf(
        (Asked("renewal_on", Op.BELOW, (dt.date(2026, 12, 1),)), Asked("tier", Op.IS, ("strategic",)))
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tier =", "At character 7: found the end; allowed: a value."),
        ("tier == strategic", "At character 7: found “= strategic”; allowed: a value."),
        ("and tier = x", "At character 1: found “and tier = x”; allowed: the name of a field."),
        ("(tier = x", "At character 10: found the end; allowed: )."),
        ("tier = x arr > 1", "At character 10: found “arr > 1”; allowed: and, or, or the end."),
        ("renewal_on in next x days", "At character 20: found “x days”; allowed: a number of days."),
        ("renewal_on in next 5", "At character 21: found the end; allowed: days."),
        ("renewal_on > 2026-02-30", "At character 14: found “2026-02-30”; allowed: a date that exists."),
        ('name = "half', "At character 7: found “\"half”; allowed: a field, a sign or a value."),
        ("tiers = strategic", "There is no field tiers. Did you mean tier?"),
        ("zzz = 1", "There is no field zzz."),
        ("tier > strategic", "tier: found >; allowed: =, !=, in, not in, is empty, is not empty."),
        ("tier = big", "tier: found big; allowed: strategic, growth."),
        ("active_users_28d < 2.5", "active_users_28d: found 2.5; allowed: a whole number."),
        ("arr > lots", "arr: found lots; allowed: an amount in the vendor's currency, such as 100000."),
        ("stickiness > 2026-01-01", "stickiness: found 2026-01-01; allowed: a share such as 0.8 or 80%."),
        ("renewal_on < soon", "renewal_on: found soon; allowed: a date such as 2026-11-30."),
        ("auto_renews = maybe", "auto_renews: found maybe; allowed: true, false."),
        ("nps between 9 and 1", "nps: found 9 – 1; allowed: the smaller value first."),
        ("renewal_on in last 99999 days", "renewal_on: found 99999; allowed: a number of days from 0 to 36500."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ConditionError) as told:
        read(text)
    assert told.value.problems == [said]


def test_all_mistakes_are_told_at_once_and_sizes_have_limits() -> None:
    with pytest.raises(ConditionError) as told:
        read("tier = big and arr > lots and nope = 1")
    assert len(told.value.problems) == 3
    with pytest.raises(ConditionError, match=f"{MOST_TESTS + 1} tests"):
        read(" and ".join(["nps > 1"] * (MOST_TESTS + 1)))
    with pytest.raises(ConditionError, match="nested more than"):
        conditions.parse("not (" * 2_000 + "nps > 1" + ")" * 2_000)
    deep: Any = {"field": "nps", "op": ">", "value": 1}
    for level in range(DEEPEST + 2):
        deep = {("all", "any")[level % 2]: [deep, {"field": "nps", "op": "<", "value": 5}]}
    with pytest.raises(ConditionError, match="nested more than"):
        conditions.from_data(deep)
    with pytest.raises(ConditionError, match="A group without any test"):
        conditions.checked(Not(AllOf(())), FIELDS)
    mistaken: list[Any] = [
        {"all": 3},
        {"field": "nps"},
        {"nonsense": []},
        7,
        {"field": "nps", "op": "~", "value": 1},
    ]
    for wrong in mistaken:
        with pytest.raises(ConditionError, match="allowed:"):
            conditions.from_data(wrong)


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("active_users_28d < 3", {"active_users_28d": 2}, True),
    ("active_users_28d < 3", {"active_users_28d": 3}, False),
    ("active_users_28d < 3", {}, False),
    ("not active_users_28d < 3", {}, True),
    ("nps between 1 and 3", {"nps": 3.0}, True),
    ("nps = 0.1", {"nps": 0.1}, True),
    ("tier != strategic", {"tier": None}, True),
    ("tier != strategic", {"tier": "strategic"}, False),
    ("tier not in (strategic, growth)", {"tier": ""}, True),
    ("tier is empty", {"tier": ""}, True),
    ("tier is not empty", {"tier": "growth"}, True),
    ("name contains 科技", {"name": "澄明科技"}, True),
    ("name contains ACME", {"name": "The acme co"}, True),
    ("name begins with a", {"name": "Bea"}, False),
    ("tags = vip", {"tags": ["new", "vip"]}, True),
    ("tags != vip", {"tags": ["new", "vip"]}, False),
    ("tags != vip", {"tags": []}, True),
    ("tags is empty", {"tags": []}, True),
    ("tags in (a, b)", {"tags": ["b"]}, True),
    ("renewal_on in next 30 days", {"renewal_on": dt.date(2026, 12, 22)}, True),
    ("renewal_on in next 30 days", {"renewal_on": dt.date(2026, 12, 23)}, False),
    ("renewal_on in next 30 days", {"renewal_on": dt.date(2026, 11, 21)}, False),
    ("renewal_on in last 0 days", {"renewal_on": TODAY}, True),
    ("renewal_on before last 7 days", {"renewal_on": dt.date(2026, 11, 14)}, True),
    ("renewal_on before last 7 days", {"renewal_on": dt.date(2026, 11, 15)}, False),
    ("renewal_on after next 7 days", {"renewal_on": dt.date(2026, 11, 30)}, True),
    ("renewal_on after next 7 days", {"renewal_on": None}, False),
    ("auto_renews = false", {"auto_renews": False}, True),
    ("auto_renews != true", {"auto_renews": None}, True),
    ("", {}, True),
]


@pytest.mark.parametrize(("text", "values", "expected"), CASES)
def test_a_condition_is_true_or_false_of_an_account_never_unknown(
    text: str, values: dict[str, Any], expected: bool
) -> None:
    assert conditions.holds(read(text), values, TODAY) is expected


def test_a_condition_is_told_in_the_readers_language() -> None:
    found = read(
        "active_users_28d < 3 and (tier = strategic or industry in (制造, 零售)) and not renewal_on in next 30 days"
    )
    assert conditions.explained(found, FIELDS) == (
        "Monthly active users < 3 and (Tier is Strategic or Industry is one of “制造”, “零售”)"
        " and not (Renewal date lies in the next 30 days)"
    )
    assert (
        conditions.explained(read("arr > 5 and nps > 5"), FIELDS, hides_money=True) == "ARR > ••• and NPS > 5"
    )
    with translation.override("zh-hans"):
        assert conditions.explained(found, FIELDS) == (
            "月活用户 < 3 且 （分层为战略 或 行业为“制造”、“零售”之一） 且 不满足（到期日在未来 30 天内）"
        )
        assert (
            conditions.explained(read("stickiness >= 12.5% and arr > 100000"), FIELDS)
            == "粘性 ≥ 12.5% 且 年费 > 100,000 CNY"
        )
        assert conditions.explained(read(""), FIELDS) == "所有客户"


def places(condition: Condition, here: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """Where a builder's buttons stand: on every part, and on a ``not`` with what it turns round as one."""
    if isinstance(condition, Not):
        return [here, *places(condition.part, (*here, 0))[1:]]
    parts = getattr(condition, "parts", ())
    return [here, *(one for at, part in enumerate(parts) for one in places(part, (*here, at)))]


@given(_conditions)
def test_a_part_changed_back_gives_the_same_condition(condition: Condition) -> None:
    whole = conditions.flat(condition)
    extra = Asked("f_extra", Op.EMPTY)
    for place in places(whole):
        part = editing.part_at(whole, place)
        assert editing.with_part(whole, place, part) == whole
        assert editing.negated(editing.negated(whole, place), place) == whole
        asked = list(conditions.tests(editing.joined(whole, place, AnyOf, extra)))
        left = list(conditions.tests(editing.without(whole, place)))
        assert Counter(asked) == Counter([*conditions.tests(whole), extra])
        assert Counter(left) == Counter(conditions.tests(whole)) - Counter(conditions.tests(part))
