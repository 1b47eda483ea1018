"""Rules of messages inside the product, apart from any record: settings, sites, what is due, addresses."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.touches.channels.in_app import InAppConfig
from evergreen.touches.in_app import rules
from tests.touches.stage import DAY

SECRET = "a secret of the product's own server"


def test_settings_of_the_channel_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"app\.example\.com/x") as raised:
        InAppConfig(
            sites="app.example.com https://app.example.com/x", secret="short", colour="green", pause_minutes=-1, keep_days=91
        )  # fmt: skip
    assert len(str(raised.value).splitlines()) == 6
    InAppConfig(sites="https://*.vendor.example\nhttp://localhost:3000/", secret=SECRET)


@pytest.mark.parametrize(
    ("origin", "fits"),
    [
        ("https://a.vendor.example", True), ("https://A.b.vendor.example", True), ("https://vendor.example", False),
        ("https://evilvendor.example", False), ("http://a.vendor.example", False), ("https://a.vendor.example:444", False),
        ("https://a.vendor.example.evil.example", False), ("null", False), ("", False), ("https://*.vendor.example", False),
        ("https://one.example:8443", True), ("https://one.example", False), ("https://a/.vendor.example", False),
    ],
)  # fmt: skip
def test_sites_are_compared_as_origins(origin: str, fits: bool) -> None:
    assert rules.is_site(origin, ["https://*.vendor.example", "https://one.example:8443"]) is fits


DAYS = st.integers(0, 40)


@given(
    st.lists(st.tuples(st.booleans(), DAYS, st.lists(DAYS, max_size=4), st.booleans()), max_size=7),
    st.integers(0, 3),
    st.integers(1, 4),
    st.integers(1, 20),
)
def test_what_is_due_against_a_naive_look(
    told: list[tuple[bool, int, list[int], bool]], pause: int, shows: int, keep: int
) -> None:
    """Days count back from now; every message is asked alone, by the words of docs/touches.md."""
    now = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    rows = []
    for number, (urgent, sent, seen, over) in enumerate(told):
        days = sorted({day for day in seen if day <= sent})
        rows.append(
            rules.Waiting(
                number, urgent, now - sent * DAY, frozenset((now - day * DAY).date() for day in days), now - max(days) * DAY if days else None, over
            )
        )  # fmt: skip
    found = rules.due(rows, rules.Pace(pause * DAY, shows, keep * DAY), now, now.date())
    rests = any(row.first_shown and (now - row.first_shown).days < pause for row in rows)
    expected = set()
    for row in rows:
        if row.is_over or (now - row.sent_at).days >= keep:
            continue
        if row.days:
            if len(row.days) < shows or now.date() in row.days:
                expected.add(row.number)
        elif row.is_urgent or not rests:
            expected.add(row.number)
    assert set(found) <= expected and len(found) == min(len(expected), 5)
    order = [(not rows[n].is_urgent, not rows[n].days, rows[n].sent_at, n) for n in found]
    assert order == sorted(order)


@given(st.text(max_size=60))
def test_no_text_becomes_an_address_that_runs(text: str) -> None:
    for parts in rules.drawn(f"[x]({text}) {text} <{text}>"):
        for run in next(iter(parts.values())):
            address = str(run.get("a", "https://"))
            assert address.lower().startswith(("http://", "https://", "mailto:")) or address[0] == "/"
            assert not address.startswith(("//", "/\\"))
