"""Changes of one account in its cell and of many at once, with undo; new accounts."""

from __future__ import annotations

import datetime as dt
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account, FieldChange

pytestmark = pytest.mark.usefixtures("at_the_casts_time")


def test_a_stage_is_changed_in_its_cell_and_leaves_a_change_row(
    book: SimpleNamespace, as_person: Any
) -> None:
    address = f"/accounts/{book.slipping.pk}/fields/stage/"
    client = as_person(book.owner)
    assert '<option value="adoption" selected>' in client.get(address).content.decode()
    answer = client.post(address, {"value": "steady"}, headers={"HX-Request": "true"})
    assert "Steady" in answer.content.decode()
    book.slipping.refresh_from_db()
    assert book.slipping.stage == "steady"
    assert FieldChange.objects.filter(account=book.slipping, field="stage", new="steady").count() == 1


def test_an_outsider_can_neither_read_nor_change_a_cell(book: SimpleNamespace, as_person: Any) -> None:
    client = as_person(book.outsider)
    address = f"/accounts/{book.slipping.pk}/fields/stage/"
    assert client.get(address).status_code == 404
    assert client.post(address, {"value": "steady"}).status_code == 404
    assert client.get(f"/accounts/{book.slipping.pk}/fields/external_id/").status_code == 404


def test_only_the_owner_or_who_assigns_gives_an_account_away(book: SimpleNamespace, as_person: Any) -> None:
    address = f"/accounts/{book.well.pk}/fields/owner/"
    refused = as_person(book.mate).post(address, {"value": book.mate.pk}, headers={"HX-Request": "true"})
    assert '"tone": "error"' in refused["HX-Trigger"]
    as_person(book.owner).post(address, {"value": book.mate.pk})
    book.well.refresh_from_db()
    assert book.well.owner == book.mate


@pytest.mark.postgres
def test_many_get_an_owner_at_once_and_undo_gives_them_back(book: SimpleNamespace, as_person: Any) -> None:
    client = as_person(book.boss)
    ids = [book.well.pk, book.slipping.pk]
    form = {"field": "owner", "value": str(book.mate.pk), "ids": ids}
    answer = client.post("/accounts/changes/", form, headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert Account.objects.filter(owner=book.mate).count() == 2
    page = client.get("/accounts/").content.decode()
    undo = re.search(r'data-undo-url="([^"]+)"', page)
    assert undo and "2 accounts changed" in page
    client.post(undo[1], headers={"HX-Request": "true"})
    assert Account.objects.filter(owner=book.mate).count() == 0
    assert AuditEntry.objects.filter(verb="account.owner_assigned").get().objects_count == 2


def test_stage_tier_and_tags_of_many_change_with_undo(book: SimpleNamespace, as_person: Any) -> None:
    Account.objects.filter(pk=book.well.pk).update(tags=["KA"])
    client = as_person(book.owner)
    ids = [book.well.pk, book.slipping.pk]
    for field, value in (("tier", "strategic"), ("stage", "renewal"), ("tag", "灯塔")):
        client.post("/accounts/changes/", {"field": field, "value": value, "ids": ids})
    rows = {a.pk: a for a in Account.objects.filter(pk__in=ids)}
    assert {a.tier for a in rows.values()} == {"strategic"}
    assert {a.stage for a in rows.values()} == {"renewal"}
    assert rows[book.well.pk].tags == ["KA", "灯塔"]
    assert rows[book.slipping.pk].tags == ["灯塔"]
    entries = AuditEntry.objects.filter(verb="account.tags_set").values_list("pk", flat=True)
    client.post("/undo/?entries=" + ",".join(map(str, entries)))
    book.well.refresh_from_db()
    assert book.well.tags == ["KA"]


def test_a_csm_cannot_assign_in_bulk_and_nobody_changes_what_they_do_not_see(
    book: SimpleNamespace, as_person: Any
) -> None:
    form = {"field": "owner", "value": str(book.mate.pk), "ids": [book.well.pk]}
    assert as_person(book.owner).post("/accounts/changes/", form).status_code == 403
    form = {"field": "stage", "value": "churned", "ids": [book.well.pk]}
    as_person(book.outsider).post("/accounts/changes/", form)
    book.well.refresh_from_db()
    assert (book.well.owner, book.well.stage) == (book.owner, "steady")


def test_the_whole_filtered_list_can_be_changed_not_only_the_page(
    book: SimpleNamespace, as_person: Any
) -> None:
    form = {"field": "tier", "value": "growth", "whole": "1", "query": "stage=steady&stage=adoption"}
    as_person(book.owner).post("/accounts/changes/", form)
    assert set(Account.objects.filter(tier="growth").values_list("name", flat=True)) == {
        "恒岳机械",
        "澄明财税科技",
    }


@pytest.mark.postgres
def test_very_many_are_changed_by_the_worker_with_progress(
    book: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    from evergreen.base import jobs
    from evergreen.base.actions import change_setting

    change_setting("direct_change_rows", 50, by=None, now=now)
    for n in range(60):
        Account.objects.create(external_id=f"B-{n}", name=f"B{n}", created_at=now, known_at=now)
    client = as_person(book.boss)
    page = client.post("/accounts/changes/", {"field": "tier", "value": "basic", "whole": "1", "query": ""})
    assert "hx-get" in page.content.decode()
    job = jobs.claim_job("test", now=now)
    assert job is not None
    jobs.run_job(job, now=now)
    assert Account.objects.filter(tier="basic").count() == 63
    assert "done" in client.get(f"/jobs/{job.pk}/").content.decode()
    assert as_person(book.owner).get(f"/jobs/{job.pk}/").status_code == 404


def test_a_new_account_gets_its_page_and_a_taken_id_is_refused_in_words(
    book: SimpleNamespace, as_person: Any
) -> None:
    client = as_person(book.owner)
    form = {"name": "启明教育", "external_id": "A-new", "stage": "onboarding", "tags": "KA，灯塔"}
    answer = client.post("/accounts/", form, headers={"HX-Request": "true"})
    made = Account.objects.get(external_id="A-new")
    assert answer["HX-Redirect"] == f"/accounts/{made.pk}/"
    assert made.tags == ["KA", "灯塔"]
    page = client.post("/accounts/", form, headers={"HX-Request": "true"}).content.decode()
    assert "Another account has this id already" in page


def test_undo_belongs_to_the_person_who_did_it(book: SimpleNamespace, as_person: Any) -> None:
    as_person(book.boss).post(
        "/accounts/changes/", {"field": "tier", "value": "basic", "ids": [book.well.pk, book.gone.pk]}
    )
    entry = AuditEntry.objects.get(verb="account.tier_set")
    assert as_person(book.owner).post(f"/undo/?entries={entry.pk}").status_code == 404
    answer = as_person(book.boss).post(f"/undo/?entries={entry.pk}", headers={"HX-Request": "true"})
    assert json.loads(answer["HX-Trigger"])["rows-changed"] is True
    assert not Account.objects.filter(tier="basic").exists()
