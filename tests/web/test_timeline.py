"""Charts of an account and the one line of everything that happened with it."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.customers import actions as customers
from evergreen.customers.models import Receivable
from evergreen.events import store
from tests.web.reading import page, titles

pytestmark = pytest.mark.usefixtures("at_the_casts_time")


def _scored(account: Any) -> None:
    with store.writing() as con:
        for day, score, version in (
            ("2026-09-20", 67.0, 1),
            ("2026-10-20", 60.0, 1),
            ("2026-11-19", 53.2, 2),
        ):
            con.execute(
                "INSERT INTO lake.scores VALUES (?, ?, '', 'standard', ?, ?, 'red', 0.9, NULL, '[]')",
                [day, account.pk, version, score],
            )


def test_the_chart_of_the_score_marks_where_a_new_version_began(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    _scored(told.slipping)
    text = as_person(told.owner).get(f"/accounts/{told.slipping.pk}/charts/health/?days=90").content.decode()
    assert '["2026-10-20", 60.0]' in text
    assert '"formatter": "v2"' in text
    assert 'aria-label="From 67 to 53"' in text
    assert "style=" not in text


def test_a_chart_without_history_says_so_and_one_without_the_lake_offers_to_try_again(
    told: SimpleNamespace, as_person: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, base = as_person(told.owner), f"/accounts/{told.slipping.pk}/charts/"
    for name in ("health", "users", "use"):
        assert "No history in this span" in client.get(f"{base}{name}/").content.decode() or name == "users"

    def broken(*_: Any) -> Any:
        raise store.LakeError("gone")

    monkeypatch.setattr(store, "reading", broken)
    for name in ("health", "users", "use"):
        assert "Try again" in client.get(f"{base}{name}/").content.decode()
    assert client.get(f"{base}secret/").status_code == 404
    assert page(client, told.slipping, "?tab=usage")
    assert "cannot be read" in client.get(f"/accounts/{told.slipping.pk}/timeline/").content.decode()
    assert "cannot be read" in client.get(f"/accounts/{told.slipping.pk}/features/").content.decode()


def test_everything_stands_on_one_line_newest_first(told: SimpleNamespace, as_person: Any, home: Any) -> None:
    client = as_person(told.owner)
    found_titles = titles(page(client, told.slipping, "?tab=timeline"))
    assert found_titles == titles(page(client, told.slipping, "timeline/"))
    order = [
        "Alert opened: Health in the red",
        "Ticket #3182 solved: Export fails",
        "Ticket #3182 opened: Export fails",
        "¥72k fell due",
        "Contract CQ-1 signed",
    ]
    found = [title for title in found_titles if title in order]
    assert found == order
    assert any(title.startswith("Note by owner") for title in found_titles)


@pytest.mark.postgres
def test_the_line_is_narrowed_by_kind_and_read_page_by_page_without_gaps(
    told: SimpleNamespace, as_person: Any, home: Any, now: dt.datetime, today: dt.date
) -> None:
    for n in range(95):
        customers.add_note(told.slipping, f"n{n:03}", by=told.owner, now=now - dt.timedelta(hours=n + 1))
    client = as_person(told.owner)
    text = page(client, told.slipping, "?tab=timeline&kind=note")
    seen = re.findall(r"n\d{3}", text)
    while further := re.search(r'hx-get="([^"]+timeline/[^"]+)"', text):
        text = client.get(further[1].replace("&amp;", "&")).content.decode()
        seen += re.findall(r"n\d{3}", text)
    assert seen == [f"n{n:03}" for n in range(95)]


def test_use_is_told_by_the_week_and_answers_and_leaving_come_from_the_history(
    told: SimpleNamespace, as_person: Any, home: Any
) -> None:
    pk = told.slipping.pk
    with store.writing() as con:
        for day, users, events in (("2026-11-10", 5, 40), ("2026-11-12", 7, 60)):
            con.execute(
                "INSERT INTO lake.account_days (account_id, tenant, day, known_on, users, events, seconds)"
                " VALUES (?, '', ?, ?, ?, ?, 0)",
                [pk, day, day, users, events],
            )
        con.execute(
            "INSERT INTO lake.answers VALUES (?, '', 'nps', 'c1', 4, '2026-11-11 08:00', '2026-11-11', '2026-11-11')",
            [pk],
        )
    text = page(as_person(told.owner), told.slipping, "timeline/")
    assert "100 uses in the week, up to 7 users a day" in text
    assert "NPS answer: 4" in text


def test_a_paid_receivable_says_how_late_it_was(
    told: SimpleNamespace, as_person: Any, home: Any, now: dt.datetime, today: dt.date
) -> None:
    due = Receivable.objects.get()
    customers.record_payment(due, due.amount_cents, dt.date(2026, 11, 13), by=told.owner, now=now)
    client = as_person(told.owner)
    assert "paid, 12 days late" in page(client, told.slipping, "?tab=contracts")
    assert "¥72k paid" in page(client, told.slipping, "?tab=timeline&kind=money")


def test_what_came_in_today_stands_on_the_line_before_any_night(
    told: SimpleNamespace, as_person: Any, home: Any, now: dt.datetime, today: dt.date
) -> None:
    with store.writing() as con:
        for minutes, name, kind, user in (
            (30, "Report viewed", "track", "u1"),
            (20, "Month closed", "track", "u2"),
            (10, "identify", "identify", "u3"),
        ):
            at = (now - dt.timedelta(minutes=minutes)).replace(tzinfo=None)
            con.execute(
                "INSERT INTO lake.events (source, kind, name, account_id, tenant, end_user, occurred_at, received_at,"
                " known_at, day, known_on, count, message_id, backfilled)"
                " VALUES ('web', ?, ?, ?, '', ?, ?, ?, ?, ?, ?, 3, ?, false)",
                [kind, name, told.slipping.pk, user, at, at, at, today, today, name],
            )
    text = page(as_person(told.owner), told.slipping, "timeline/?kind=usage")
    assert "6 uses on the day" in text
    assert "2 users" in text
    assert "last: Month closed" in text
    other = page(as_person(told.owner), told.well, "timeline/?kind=usage")
    assert "on the day" not in other
