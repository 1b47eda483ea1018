"""What customers write: themes of answers and tickets on the Voice page, an account's comments on its page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.customers.models import Account
from evergreen.desk.actions import open_ticket
from evergreen.events import store
from evergreen.outcomes.portfolio.hearing import remarks
from tests.conftest import NOW, TODAY

AsPerson = Callable[..., Client]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_the_casts_time", "home")]


def _answer(con: Any, account: Account, days_ago: int, score: float, comment: str, **more: Any) -> None:
    """An answer as a file or a survey of ours brings it: its event, and its row as the night rolls it up."""
    at = dt.datetime.combine(TODAY - dt.timedelta(days=days_ago), dt.time(4))
    said = {"kind": "nps", "score": score, "comment": comment, **more}
    con.execute(
        "INSERT INTO lake.events (source, kind, name, account_id, tenant, end_user, occurred_at, received_at, known_at, day, known_on,"
        " message_id, properties, count, backfilled) VALUES ('file', 'track', 'survey.answered', ?, '', NULL, ?, ?, ?, ?, ?, ?, ?, 1, true)",
        [
            account.pk,
            at,
            at,
            at,
            at.date(),
            at.date(),
            f"{account.pk}:{days_ago}:{comment}",
            json.dumps(said),
        ],
    )
    con.execute(
        "INSERT INTO lake.answers VALUES (?, '', 'nps', 'c', ?, ?, ?, ?)",
        [account.pk, score, at, at.date(), at.date()],
    )


@pytest.fixture
def _written(cast: SimpleNamespace, home: Any) -> None:
    with store.session() as con:
        _answer(con, cast.well, 40, 9, "客服很专业")
        _answer(con, cast.slipping, 30, 2, "系统太卡，加载很慢")
        _answer(con, cast.slipping, 20, 1, "报表加载太慢", ask=7)
        _answer(con, cast.slipping, 19, 3, "现在快多了", ask=7)
        _answer(con, cast.well, 10, 10, "")
        _answer(con, cast.well, 500, 0, "从前很慢")
    open_ticket(cast.slipping, subject="导出很慢", now=NOW - dt.timedelta(days=3), by=None)


@pytest.mark.usefixtures("_written")
def test_what_was_written_in_a_span_comes_from_answers_and_tickets_the_newest_first(
    cast: SimpleNamespace,
) -> None:
    found = remarks(TODAY - dt.timedelta(days=90), TODAY + dt.timedelta(days=1), None, 10)
    assert [(one.text, one.kind, one.score) for one in found] == [
        ("导出很慢", "ticket", None),
        ("现在快多了", "nps", 3.0),  # as it stands: what it said before counts no more
        ("系统太卡，加载很慢", "nps", 2.0),
        ("客服很专业", "nps", 9.0),
    ]
    assert [one.text for one in remarks(TODAY - dt.timedelta(days=90), TODAY, {cast.well.pk}, 10)] == [
        "客服很专业"
    ]
    span = TODAY - dt.timedelta(days=90), TODAY + dt.timedelta(days=1)
    assert len(remarks(*span, None, 2)) == 2
    assert {one.account for one in remarks(*span, None, 10, one=cast.slipping.pk)} == {cast.slipping.pk}


@pytest.mark.usefixtures("_written")
def test_the_voice_page_groups_them_and_shows_only_what_the_reader_may_see(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    assert "/portfolio/voice/remarks/" in client.get("/portfolio/voice/").content.decode()
    page = client.get("/portfolio/voice/remarks/?theme=theme:speed").content.decode()
    assert "速度" in page or "Speed" in page
    assert "系统太卡，加载很慢" in page and "导出很慢" in page and "客服很专业" not in page
    assert cast.slipping.name in page and "NPS 2" in page
    outsider = as_person(cast.outsider).get("/portfolio/voice/remarks/?theme=theme:speed").content.decode()
    assert "系统太卡" not in outsider and cast.slipping.name not in outsider
    assert client.get("/portfolio/voice/remarks/?theme=nothing&page=99").status_code == 200


@pytest.mark.usefixtures("_written")
def test_an_accounts_page_shows_its_comments_and_how_they_sound(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    page = client.get(f"/accounts/{cast.slipping.pk}/remarks/").content.decode()
    assert "系统太卡，加载很慢" in page and "导出很慢" in page and 'class="row bad"' in page
    assert "客服很专业" not in page
    well = client.get(f"/accounts/{cast.well.pk}/remarks/").content.decode()
    assert "从前很慢" in well and 'class="row good"' in well
    assert as_person(cast.outsider).get(f"/accounts/{cast.well.pk}/remarks/").status_code == 404
    assert "<li" not in client.get(f"/accounts/{cast.gone.pk}/remarks/").content.decode()
