"""Segments in the browser: listed, read, made, changed, put away."""

from __future__ import annotations

import datetime as dt
import html
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from evergreen.base.roles import Role
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.metrics import actions as metrics
from evergreen.metrics.models import Segment
from evergreen.metrics.segments.actions import refresh_segments, save_segment
from evergreen.web.api.keys import create_api_key

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 11, 18)


@pytest.fixture
def book(home: Any, cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """The cast with figures of a day."""
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with store.session() as con:
        metrics.take_snapshot(con, DAY, now=now)
        metrics.write_newest(con, DAY)
    return cast


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def made(key: str, condition: str, now: dt.datetime) -> Segment:
    segment = save_segment(
        key, name={"zh": "稳定客户", "en": "Steady ones"}, condition=condition, by=None, now=now
    )
    refresh_segments(store.reading(), DAY, keys=[key])
    return segment


@pytest.mark.postgres
def test_a_segment_is_made_with_a_preview_and_its_accounts_stand_at_once(book: SimpleNamespace) -> None:
    client = signed_in(book.boss)
    assert "No segments yet" in client.get("/segments/").content.decode()
    asked = {"name_en": "Steady ones", "condition": "stage = steady"}
    preview = client.post("/segments/preview/", asked).content.decode()
    assert "Lifecycle" not in preview
    assert "Stage is Steady" in preview
    assert book.well.name in preview
    assert re.search(r"<dd>1</dd>.*<dd>33%</dd>", preview, re.S)
    assert not Segment.objects.exists()
    answer = client.post("/segments/new/", asked)
    segment = Segment.objects.get()
    assert answer["Location"] == f"/segments/{segment.key}/"
    page = client.get(answer["Location"]).content.decode()
    assert "1 account as of" in page
    assert book.well.name in page
    assert book.gone.name not in page
    listed = client.get("/segments/").content.decode()
    assert "Steady ones" in listed
    assert "Stage is Steady" in listed


def test_what_cannot_be_used_stands_at_the_condition_and_loses_nothing(book: SimpleNamespace) -> None:
    client = signed_in(book.boss)
    asked = {"name_en": "Mine", "note": "for the review", "condition": "stag = steady and tier = big"}
    answer = client.post("/segments/new/", asked)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Did you mean stage" in page
    assert "found big; allowed: strategic, growth, basic" in page
    for kept in ("Mine", "for the review", "stag = steady and tier = big"):
        assert kept in page
    assert "Did you mean stage" in client.post("/segments/preview/", asked).content.decode()
    assert not Segment.objects.exists()


def test_a_test_is_added_from_the_form_and_joined_as_asked(book: SimpleNamespace) -> None:
    client = signed_in(book.boss)

    def added(text: str, **row: str) -> str:
        answer = client.post("/segments/tests/", {"condition": text, **row})
        assert answer["HX-Trigger-After-Settle"] == "tests-changed"
        found = re.search(
            r'<textarea[^>]*name="condition"[^>]*>(.*?)</textarea>', answer.content.decode(), re.S
        )
        assert found
        return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')

    text = added("", field="stage", op="in", value="稳定，流失")
    assert text == "stage in (steady, churned)"
    text = added(text, field="renewal_on", op="in next", value="60")
    assert text == "stage in (steady, churned) and renewal_on in next 60 days"
    text = added(text, field="tags", op="is empty", join="or")
    assert text == "stage in (steady, churned) and renewal_on in next 60 days or tags is empty"
    text = added(text, field="feature_adoption", op="between", value="10%", other="0.4", join="and")
    assert text == (
        "(stage in (steady, churned) and renewal_on in next 60 days or tags is empty)"
        " and feature_adoption between 0.1 and 0.4"
    )
    wrong = client.post(
        "/segments/tests/", {"condition": text, "field": "renewal_on", "op": "in next", "value": "soon"}
    )
    assert "found soon; allowed: a number of days" in wrong.content.decode()
    row = client.get("/segments/test/?field=stage&op=%3D").content.decode()
    assert "Steady" in row
    assert "begins with" not in row


def test_changing_and_putting_away(book: SimpleNamespace, now: dt.datetime) -> None:
    segment = made("steady", "stage = steady", now)
    client = signed_in(book.boss)
    form = client.get("/segments/steady/condition/").content.decode()
    assert "stage = steady" in form
    asked = {"name_zh": "", "name_en": "Gone", "condition": "stage = churned"}
    client.post("/segments/steady/condition/", asked)
    segment.refresh_from_db()
    assert (segment.name, segment.version) == ({"en": "Gone"}, 2)
    assert [one.account_id for one in SegmentMember.objects.all()] == [book.gone.pk]
    assert client.post("/segments/steady/archive/")["Location"] == "/segments/"
    assert "No segments yet" in client.get("/segments/").content.decode()
    assert "was put away" in client.get("/segments/steady/").content.decode()


@pytest.mark.postgres
def test_who_sees_less_sees_less_of_a_segment_and_nobody_else_changes_it(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    made("all", "stage is not empty", now)
    outsider = signed_in(book.outsider)
    page = outsider.get("/segments/all/").content.decode()
    assert "None of your accounts fits now" in page
    assert "0 accounts as of" in page
    assert book.well.name not in page
    assert re.search(r'<td class="num">0</td>', outsider.get("/segments/").content.decode())
    assert re.search(r'<td class="num">3</td>', signed_in(book.mate).get("/segments/").content.decode())
    assert re.search(r'<td class="num">3</td>', signed_in(book.boss).get("/segments/").content.decode())
    assert book.well.name in signed_in(book.mate).get("/segments/all/").content.decode()
    for address in ("/segments/new/", "/segments/all/condition/", "/segments/test/"):
        assert outsider.get(address).status_code == 404
    for address in ("/segments/preview/", "/segments/tests/", "/segments/all/archive/", "/segments/new/"):
        assert outsider.post(address, {"condition": "stage = steady"}).status_code == 404
    assert outsider.get("/segments/none/").status_code == 404


@pytest.mark.postgres
def test_the_list_of_accounts_narrows_by_a_segment(book: SimpleNamespace, now: dt.datetime) -> None:
    made("steady", "stage = steady", now)
    client = signed_in(book.boss)
    assert "/accounts/?segment=steady" in client.get("/segments/steady/").content.decode()
    page = client.get("/accounts/?segment=steady").content.decode()
    assert book.well.name in page
    assert book.gone.name not in page
    assert "Segment: Steady ones" in page
    exported = client.post("/accounts/exports/", {"kind": "csv", "query": "segment=steady"})
    rows = b"".join(exported).decode()
    assert book.well.external_id in rows
    assert book.gone.external_id not in rows


def test_amounts_in_a_condition_are_dots_for_those_who_may_not_see_them(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    made("rich", "mrr > 1234 or stage = steady", now)
    book.mate.role = "trainer"
    book.mate.save(update_fields=["role"])
    client = signed_in(book.mate)
    for address in ("/segments/", "/segments/rich/"):
        page = client.get(address).content.decode()
        assert "•••" in page
        assert "1,234" not in page
        assert "1234" not in page


def test_a_metrics_page_names_the_segments_that_use_it(book: SimpleNamespace, now: dt.datetime) -> None:
    made("quiet", "active_days_28d < 3", now)
    page = signed_in(book.boss).get("/metrics/active_days_28d/").content.decode()
    assert 'href="/segments/quiet/"' in page
    assert "segment Steady ones" in page


def test_the_number_of_queries_does_not_grow_with_members(
    book: SimpleNamespace, now: dt.datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        Account.objects.create(
            external_id=f"M-{number}", name=f"客户 {number}", owner=book.owner, created_at=now, known_at=DAY_START, stage="steady",
        )  # fmt: skip
    with store.session() as con:
        metrics.take_snapshot(con, DAY, now=now)
    made("many", "stage = steady", now)
    client = signed_in(book.boss)
    client.get("/segments/many/")
    with django_assert_max_num_queries(24):
        page = client.get("/segments/many/").content.decode()
    assert page.count("<tr data-row>") == 41


DAY_START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def test_what_is_kept_in_files_is_changed_there_until_it_is_detached(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    segment = made("filed", "stage = steady", now)
    Segment.objects.filter(pk=segment.pk).update(origin=Segment.Origin.FILE)
    client = signed_in(book.boss)
    asked = {"name_zh": "", "name_en": "Mine", "condition": "stage = churned"}
    for address in ("/segments/filed/condition/", "/segments/filed/archive/"):
        assert client.post(address, asked)["Location"] == "/segments/filed/"
    segment.refresh_from_db()
    assert (segment.version, segment.is_archived) == (1, False)
    assert "Kept in files (segments/filed.yaml)" in client.get("/segments/filed/").content.decode()
    assert client.post("/segments/filed/detachment/")["Location"] == "/segments/filed/condition/"
    client.post("/segments/filed/condition/", asked)
    segment.refresh_from_db()
    assert (segment.version, segment.name) == (2, {"en": "Mine"})


def test_the_builder_changes_one_block_and_leaves_the_others(book: SimpleNamespace) -> None:
    client = signed_in(book.boss)

    def changed(text: str, **told: str) -> tuple[str, str]:
        page = client.post("/segments/tests/", {"condition": text, **told}).content.decode()
        found = re.search(r'<textarea[^>]*name="condition"[^>]*>(.*?)</textarea>', page, re.S)
        assert found
        return html.unescape(found[1]), page

    text = "stage = steady and (tier = growth or tags is empty)"
    assert changed(text, act="add", aim="1.0", join="and", field="open_alerts", op=">", value="2")[0] == (
        "stage = steady and (tier = growth and open_alerts > 2 or tags is empty)"
    )
    assert changed(text, act="switch", at="1")[0] == "stage = steady and tier = growth and tags is empty"
    assert changed(text, act="negate", at="1")[0] == "stage = steady and not (tier = growth or tags is empty)"
    assert changed("not stage = steady", act="negate", at="")[0] == "stage = steady"
    assert changed(text, act="remove", at="1.0")[0] == "stage = steady and tags is empty"
    assert changed("stage = steady", act="remove", at="")[0] == ""
    kept, page = changed("feature_adoption between 10% and 40%", act="edit", at="")
    assert kept == "feature_adoption between 10% and 40%"
    assert 'name="editing" value=""' in page
    assert 'value="10%"' in page
    assert 'value="40%"' in page
    replaced = {"act": "add", "editing": "1.1", "field": "tags", "op": "=", "value": "VIP"}
    assert changed(text, **replaced)[0] == "stage = steady and (tier = growth or tags = VIP)"
    kept, page = changed(text, act="remove", at="7.1")
    assert kept == text
    assert "this part is not there any more" in page


@pytest.mark.postgres
def test_programs_read_segments_within_what_their_key_reaches(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    made("everybody", "", now)
    made("worth_it", "arr > 1", now)
    own, all_of_them = (
        {
            "Authorization": f"Bearer {create_api_key('bi', ['segments.read'], staff=staff, by=book.boss, now=now)}"
        }
        for staff in (book.outsider, None)
    )
    client = Client()
    told = {one["key"]: one for one in client.get("/api/v1/segments", headers=all_of_them).json()}
    inside = SegmentMember.objects.filter(segment="everybody")
    assert told["everybody"]["accounts"] == inside.count() > 2
    assert told["worth_it"]["condition"] == "arr > 1.0"
    assert {one["accounts"] for one in client.get("/api/v1/segments", headers=own).json()} == {0}
    walked: list[str] = []
    after: str | None = ""
    while after is not None:
        address = f"/api/v1/segments/everybody/accounts?limit=2&after={after}"
        page = client.get(address, headers=all_of_them).json()
        walked += [one["account"] for one in page["accounts"]]
        after = page["next"]
    assert walked == sorted(inside.values_list("account__external_id", flat=True))
    assert client.get("/api/v1/segments/everybody/accounts", headers=own).json() == {
        "accounts": [],
        "next": None,
    }
    missing = client.get("/api/v1/segments/nobody/accounts", headers=own)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_such_segment")
    assert client.get("/api/v1/segments/everybody/accounts?limit=0", headers=own).status_code == 422
    book.outsider.role, book.outsider.scope = Role.TRAINER, "all"
    book.outsider.save()
    blind = {one["key"]: one for one in client.get("/api/v1/segments", headers=own).json()}
    assert (blind["worth_it"]["condition"], blind["worth_it"]["arr_cents"]) == ("", None)
    assert blind["everybody"]["accounts"] == inside.count()
