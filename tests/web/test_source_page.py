"""The page of a source: its sums, its chart, what its events hold, and rejected events read again."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.module_loading import autodiscover_modules

from evergreen.base import jobs
from evergreen.base.env import Home
from evergreen.base.models import Job
from evergreen.events import journal, mover, source_traffic, store
from evergreen.events.actions import create_source
from evergreen.events.journal import Record
from evergreen.events.models import Source


def text_of(answer: Any) -> str:
    """What a page says, without its tags and with single blanks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


AsPerson = Callable[[Any], Any]
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def web(cast: SimpleNamespace, home: Home) -> Source:
    """A source with seven stored events, two duplicates of which one differs, and two rejected ones."""
    source = create_source("web", now=NOW)
    create_source("app", now=NOW)
    calls: list[dict[str, Any]] = [
        {"type": "track", "event": "Report viewed", "userId": "u", "messageId": f"m{n}", "properties": {"rows": n, "title": "月报", "deep": {"a": 1}}}
        for n in range(6)
    ]  # fmt: skip
    calls += [
        calls[0],
        {**calls[1], "event": "Other"},
        {"type": "track", "userId": "u", "messageId": "bad"},
        {"type": "nothing", "messageId": "worse"},
    ]
    calls.append({"type": "page", "name": "Home", "userId": "u", "messageId": "p"})
    body = json.dumps({"batch": calls}).encode()
    journal.process_journal(home).write_now(
        Record("web", "segment/batch", time.time_ns() // 1000, body),
        Record(
            "app",
            "segment/track",
            time.time_ns() // 1000,
            b'{"event":"Elsewhere","userId":"u","messageId":"m0"}',
        ),
    )
    mover.move(now=NOW, home=home)
    store.close()
    return source


def test_the_sums_of_a_source_add_up(web: Source) -> None:
    since = NOW - dt.timedelta(days=1)
    sums = source_traffic.sums("web", since)
    assert sums == (7, 2, 1, 2)
    assert sums.received == 11
    assert source_traffic.sums("app", since).received == 1
    assert source_traffic.together(source_traffic.by_minute("web", NOW)) == sums
    assert source_traffic.together(source_traffic.by_hour("web", NOW)) == sums
    assert source_traffic.by_minute("web", NOW)[-1] == sums
    assert source_traffic.lag().waiting_bytes == 0


def test_a_sources_events_are_told_with_the_types_and_examples_of_their_properties(web: Source) -> None:
    seen = {event.name: event for event in source_traffic.seen("web", NOW.date() - dt.timedelta(days=2))}
    assert {name: event.events for name, event in seen.items()} == {"Report viewed": 6, "page": 1}
    held = seen["Report viewed"].properties
    assert held["rows"].types == {"number": 6}
    assert held["deep"].types == {"object": 6}
    assert held["title"].examples == ["月报"]
    assert len(held["rows"].examples) == 3


@pytest.mark.postgres
def test_the_page_shows_what_came_and_why_some_was_rejected(
    web: Source, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    page = client.get(f"/settings/sources/{web.pk}/")
    said = text_of(page)
    assert page.status_code == 200
    assert "Report viewed" in said and "event is empty" in said and "type is 'nothing'" in said
    assert "Received 11 Stored 7" in said
    assert "Elsewhere" not in said
    narrowed = client.get(f"/settings/sources/{web.pk}/", {"by": "hour", "reason": "no such reason"})
    assert narrowed.context["page"].rejected == []


@pytest.mark.postgres
def test_a_rejected_event_is_corrected_and_stored(
    web: Source, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    rejected = client.get(f"/settings/sources/{web.pk}/").context["page"].rejected
    bad = next(row for row in rejected if "event is empty" in row.reason)
    body = json.dumps({"type": "track", "event": "Put right", "userId": "u", "messageId": "bad"})
    asked = {"origin": bad.origin, "position": bad.position, "item": bad.item, "body": body}
    assert client.post(f"/settings/sources/{web.pk}/replays/", asked).status_code == 302
    job = Job.objects.get(kind="replay")
    autodiscover_modules("jobs")
    claimed = jobs.claim_job("test", now=NOW)
    assert claimed is not None
    jobs.run_job(claimed, now=NOW)
    job.refresh_from_db()
    assert job.error == ""
    assert (job.state, job.result["stored"], job.result["still"]) == (Job.State.DONE, 1, 0)
    store.close()
    assert source_traffic.sums("web", NOW - dt.timedelta(days=1)).stored == 8
    assert len(client.get(f"/settings/sources/{web.pk}/").context["page"].rejected) == 1


def test_an_unreadable_correction_is_refused_in_words(
    web: Source, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    answer = client.post(f"/settings/sources/{web.pk}/replays/", {"body": "{}", "position": "x"}, follow=True)
    assert "could not be read from the form" in text_of(answer)
    assert not Job.objects.exists()


def test_who_may_not_configure_finds_no_such_page(
    web: Source, cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    refused = client.get("/settings/sources/").status_code
    assert client.get(f"/settings/sources/{web.pk}/").status_code == refused >= 400
    assert client.post(f"/settings/sources/{web.pk}/replays/", {}).status_code == refused
