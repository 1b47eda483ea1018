"""The language of templates: what it says, what it refuses, and what it never does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from evergreen.touches.language import (
    MOST_CHARACTERS,
    MissingError,
    TemplateError,
    Value,
    parse,
    render,
)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


VALUES: dict[str, Value] = {
    "contact.name": "王芳",
    "contact.title": None,
    "account.name": "晨光科技",
    "account.tier": "strategic",
    "account.currency": "CNY",
    "arr": Decimal("123456.5"),
    "share": 0.256,
    "renewal_on": dt.date(2026, 5, 1),
    "features": ("对账", "报表"),
    "seats": 20,
    "is_trial": False,
}


def said(text: str, language: str = "en", **changed: Value) -> str:
    return render(parse(text, VALUES), {**VALUES, **changed}, language=language)


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("{{ contact.name }}，您好", "王芳，您好", "王芳，您好"),
        ('{{ contact.title | default:"there" }}', "there", "there"),
        ("{{ renewal_on }}", "2026年5月1日", "1 May 2026"),
        ('{{ renewal_on | date:"short" }}', "5月1日", "1 May"),
        ('{{renewal_on|date:"iso"}}', "2026-05-01", "2026-05-01"),
        ("{{ arr | money:account.currency }}", "CNY 123,456.50", "CNY 123,456.50"),
        ("{{ share | percent:1 }}", "25.6%", "25.6%"),
        ("{{ features | join }}", "对账、报表", "对账, 报表"),
        ("{{ account.name | truncate:3 }}", "晨光…", "晨光…"),
        ("{{ arr | number }}", "123,456.5", "123,456.5"),
        ("{% if seats >= 20 and not is_trial %}a{% elif seats > 5 %}b{% else %}c{% endif %}", "a", "a"),
        ('{% if account.tier == "basic" or (share > 0.2 and seats < 30) %}x{% endif %}', "x", "x"),
        ('{% if renewal_on < "2026-06-01" %}soon{% endif %}', "soon", "soon"),
        ("{% if contact.title %}{{ contact.title }}{% else %}-{% endif %}", "-", "-"),
        ('{{ "{{" }} stays', "{{ stays", "{{ stays"),
    ],
)
def test_a_template_says_its_values_in_the_readers_language(text: str, zh: str, en: str) -> None:
    assert (said(text, "zh-hans"), said(text, "en")) == (zh, en)


def test_a_value_that_is_not_there_is_told_and_nothing_is_rendered() -> None:
    with pytest.raises(MissingError) as told:
        said("Dear {{ contact.title }} {{ contact.name }}{{ contact.title }}")
    assert told.value.paths == ["contact.title"]


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ 7 * 7 }}", "{{ contact.__class__ }}", "{{ contact['name'] }}", "{{ config }}", "{% include 'x' %}",
        "{% for a in features %}{% endfor %}", "{{ account.name.upper() }}", "{% load os %}", "{{ request.user.password }}",
        "{{ ''.__class__.__mro__ }}", "{% debug %}", "{{ account.name | safe }}", "{{ account.name | attr:'x' }}",
        "{{ self }}", "{% extends 'a' %}", "{{ lipsum.__globals__ }}", "{% if %}{% endif %}", "{{ }}", "{{ a", "%}",
        "{% if seats %}", "{% endif %}", "{% if seats %}{% else %}{% else %}{% endif %}", "{{ seats | truncate }}",
        "{{ seats | number:99 }}", '{{ renewal_on | date:"%Y" }}', "{{ arr | money }}", "{{ (seats }}", "{{ seats seats }}",
    ],
)  # fmt: skip
def test_what_is_not_in_the_language_is_refused_when_it_is_saved(hostile: str) -> None:
    with pytest.raises(TemplateError) as told:
        parse(hostile, VALUES)
    assert all(problem.startswith("Line 1: ") for problem in told.value.problems)


def test_a_value_is_never_read_as_a_template() -> None:
    evil = "{{ account.name }}{% if seats %}x{% endif %}"
    assert said("{{ contact.name }}", **{"contact.name": evil}) == evil


def test_each_value_passes_the_channels_escape_once_and_the_text_around_it_does_not() -> None:
    found = render(
        parse("<b>{{ contact.name }}</b>"),
        {"contact.name": "<i>"},
        language="en",
        escape=lambda text: f"[{text}]",
    )
    assert found == "<b>[<i>]</b>"


def test_every_mistake_is_told_with_its_line_and_what_is_near() -> None:
    with pytest.raises(TemplateError) as told:
        parse("a\n{{ contact.nam }}\n{{ seats | uper }}\n{% if seats %}", VALUES)
    first, second, third = told.value.problems
    assert first.startswith("Line 2") and "contact.name" in first
    assert second.startswith("Line 3") and "upper" in second
    assert third.startswith("Line 4") and "endif" in third


def test_limits_of_size_and_depth_hold() -> None:
    long: Any = "x" * (MOST_CHARACTERS + 1)
    for text in (long, "{% if seats %}" * 11 + "{% endif %}" * 11, "{{ seats }}" * 1_001):
        with pytest.raises(TemplateError):
            parse(text, VALUES)
    with pytest.raises(TemplateError):
        render(parse("{{ a }}" * 300), {"a": "x" * 1_000}, language="en")


def test_a_text_is_neither_more_nor_less_than_a_number() -> None:
    assert said('{% if seats > "many" %}a{% else %}b{% endif %}') == "b"
    assert said("{% if contact.title > 3 %}a{% else %}b{% endif %}") == "b"


def test_an_empty_default_says_that_nothing_may_stand_there() -> None:
    assert render(parse('a{{ x | default:"" }}b', frozenset({"x"})), {"x": None}, language="en") == "ab"
    with pytest.raises(MissingError):
        render(parse("a{{ x }}b", frozenset({"x"})), {"x": ""}, language="en")
