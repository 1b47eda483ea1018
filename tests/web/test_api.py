"""The REST API: keys with rights, values in with five marks for every bad row, limits said and kept."""

from __future__ import annotations

import datetime as dt
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from evergreen.base.actions import change_setting
from evergreen.base.models import AuditEntry
from evergreen.base.roles import Role
from evergreen.customers.actions import merge_accounts
from evergreen.events.kpis.actions import declare_kpi
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue
from evergreen.web.api.keys import create_api_key, revoke_api_key
from evergreen.web.api.models import ApiAnswer, ApiKey
from tests.conftest import NOW

pytestmark = pytest.mark.usefixtures("at_the_casts_time")
MARKS = {"asked", "found", "allowed", "saved", "next"}
GOOD = {"account": "A-well", "kpi": "auto_share", "period": "2026-10", "value": 0.84}


@pytest.fixture
def share(cast: SimpleNamespace, now: dt.datetime) -> Kpi:
    name = {"zh": "自动对账率", "en": "Auto-reconciled share"}
    return declare_kpi("auto_share", name, unit="share", least=0.0, most=1.0, by=cast.boss, now=now)


@pytest.fixture
def key(cast: SimpleNamespace, now: dt.datetime) -> str:
    return create_api_key("ERP", ["kpis.write", "kpis.read"], by=cast.boss, now=now)


def post(key: str, body: Any, path: str = "kpis", **headers: str) -> Any:
    said = {"Authorization": f"Bearer {key}"} if key else {}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client(enforce_csrf_checks=True).post(
        f"/api/v1/{path}", content, content_type="application/json", headers={**said, **headers}
    )


def get(key: str, path: str, **query: str) -> Any:
    return Client().get(f"/api/v1/{path}", query, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.postgres
def test_good_rows_are_stored_and_each_bad_one_says_what_to_do(share: Kpi, key: str) -> None:
    rows = [
        GOOD,
        {**GOOD, "account": "A-none"},
        {**GOOD, "value": 84},
        {**GOOD, "period": "2026-Q3"},
        {**GOOD, "period": "2026-09", "value": "0.5"},
        {**GOOD, "kpi": "share"},
        {"account": "A-well", "kpi": "auto_share", "period": "2026-09"},
        {**GOOD, "note": "x"},
        [1],
        {**GOOD, "account": {"id": 1}},
        {**GOOD, "account": "A-gone"},
    ]
    answer = post(key, {"values": rows})
    assert answer.status_code == 200
    said = answer.json()
    errors = said.pop("errors")
    assert said == {"rows": 11, "created": 2, "updated": 0, "unchanged": 0, "duplicates": 0, "rejected": 9}
    assert [error["row"] for error in errors] == list(range(1, 10))
    assert [error["field"] for error in errors] == [
        "account", "value", "period", "value", "kpi", "value", "note", "", "account",
    ]  # fmt: skip
    for error in errors:
        assert set(error) == {"row", "field", *MARKS}
        assert all(error[mark] for mark in ("asked", "allowed", "saved", "next")), error
    assert errors[1]["allowed"] == "0 to 1"
    assert "2 of the other rows are stored" in errors[1]["saved"]
    assert KpiValue.objects.filter(source="ERP").count() == 2


def test_the_same_request_again_changes_nothing(share: Kpi, key: str) -> None:
    assert post(key, {"values": [GOOD]}).json()["created"] == 1
    assert post(key, {"values": [GOOD, GOOD]}).json() == {
        "rows": 2, "created": 0, "updated": 0, "unchanged": 1, "duplicates": 1, "rejected": 0, "errors": [],
    }  # fmt: skip
    assert KpiValue.objects.count() == 1


def test_a_late_repeat_under_its_own_name_does_not_bring_an_old_value_back(share: Kpi, key: str) -> None:
    first = post(key, {"values": [GOOD]}, **{"Idempotency-Key": "run 1"})
    newer = {**GOOD, "value": 0.9}
    post(key, {"values": [newer]}, **{"Idempotency-Key": "run 2"})
    again = post(key, {"values": [GOOD]}, **{"Idempotency-Key": "run 1"})
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert not first.has_header("Idempotency-Replayed")
    assert KpiValue.objects.get(stands=True).value == 0.9
    other = post(key, {"values": [newer]}, **{"Idempotency-Key": "run 1"})
    assert other.status_code == 422
    assert set(other.json()["error"]) == {"code", *MARKS}
    assert other.json()["error"]["code"] == "idempotency_key"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_request_sent_twice_at_once_is_done_once(share: Kpi, key: str) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time by SQLite's own lock; the test database in memory has no other")
    answers: list[Any] = []

    def send() -> None:
        try:
            answers.append(post(key, {"values": [GOOD]}, **{"Idempotency-Key": "run 1"}))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json()["created"] for answer in answers] == [1] * 4
    assert sum(answer.has_header("Idempotency-Replayed") for answer in answers) == 3
    assert KpiValue.objects.count() == 1


def test_kept_answers_go_after_their_days(
    share: Kpi, key: str, cast: SimpleNamespace, now: dt.datetime
) -> None:
    post(key, {"values": [GOOD]}, **{"Idempotency-Key": "old"})
    with time_machine.travel(now + dt.timedelta(days=8), tick=False):
        post(key, {"values": [GOOD]}, **{"Idempotency-Key": "new"})
    assert list(ApiAnswer.objects.values_list("name", flat=True)) == ["new"]


def test_a_request_with_no_good_row_is_422_and_stores_nothing(share: Kpi, key: str) -> None:
    answer = post(key, {"values": [{**GOOD, "value": 84}]})
    assert (answer.status_code, answer.json()["rejected"]) == (422, 1)
    assert not KpiValue.objects.exists()
    assert post(key, {"values": []}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"rows": []}', b'{"values": 1}', b'{"values": [], "extra": 1}', b'{"values": [NaN]}',
     b'{"values": [], "history": "yes"}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_a_body_of_another_shape_is_422_with_the_right_shape(share: Kpi, key: str, body: bytes) -> None:
    answer = post(key, body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert set(error) == {"code", *MARKS}
    assert '"values"' in error["allowed"]
    assert error["saved"] == "Nothing was saved."


def test_too_many_rows_and_too_many_bytes_are_413_with_the_limit(
    share: Kpi, key: str, cast: SimpleNamespace, now: dt.datetime
) -> None:
    change_setting("api_rows", 3, by=cast.boss, now=now)
    answer = post(key, {"values": [GOOD] * 4})
    assert (answer.status_code, answer.json()["error"]["allowed"]) == (413, "3 rows a request")
    large = post(key, b" " * ((1 << 20) + 1))
    assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
    assert not KpiValue.objects.exists()


@pytest.mark.postgres
def test_a_key_waits_when_it_has_sent_its_requests_of_the_minute(
    share: Kpi, key: str, cast: SimpleNamespace, now: dt.datetime
) -> None:
    change_setting("api_requests_minute", 2, by=cast.boss, now=now)
    other = create_api_key("CRM", ["kpis.write"], by=cast.boss, now=now)
    with time_machine.travel(now + dt.timedelta(seconds=20), tick=False):
        assert [post(key, {"values": [GOOD]}).status_code for _n in range(3)] == [200, 200, 429]
        refused = post(key, {"values": [GOOD]})
        assert refused["Retry-After"] == "40"
        assert refused.json()["error"]["allowed"] == "2 requests a minute and key"
        assert post(other, {"values": [GOOD]}).status_code == 200
    with time_machine.travel(now + dt.timedelta(seconds=60), tick=False):
        assert post(key, {"values": [GOOD]}).status_code == 200


def test_without_a_key_in_force_nothing_is_told_or_stored(
    share: Kpi, key: str, cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    from evergreen.events.actions import create_key, create_source

    answers = [post(other, {"values": [GOOD]}) for other in ("", "ega_" + "x" * 40, "ключ")]
    signed_in = as_person(cast.boss).post("/api/v1/kpis", {"values": []}, content_type="application/json")
    for answer in (*answers, signed_in):
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
        assert set(answer.json()["error"]) == {"code", *MARKS}
    revoke_api_key(ApiKey.objects.get(), by=cast.boss, now=now)
    assert post(key, {"values": [GOOD]}).status_code == 401
    assert post(create_key(create_source("web", now=now), now=now), {"values": [GOOD]}).status_code == 401
    assert not KpiValue.objects.exists()


def test_a_key_does_only_what_its_rights_say(share: Kpi, cast: SimpleNamespace, now: dt.datetime) -> None:
    reads = create_api_key("BI", ["kpis.read"], by=cast.boss, now=now)
    writes = create_api_key("ERP", ["kpis.write"], by=cast.boss, now=now)
    refused = post(reads, {"values": [GOOD]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "right_missing")
    assert post(writes, {"values": [GOOD]}).status_code == 200
    assert get(writes, "kpis/values", account="A-well").status_code == 403
    assert get(writes, "kpis").json()[0]["key"] == "auto_share"
    assert len(get(reads, "kpis/values", account="A-well").json()) == 1


def test_a_persons_key_reaches_what_the_person_reaches(
    share: Kpi, cast: SimpleNamespace, now: dt.datetime
) -> None:
    rights = ["kpis.write", "kpis.read"]
    far = create_api_key("mine", rights, staff=cast.outsider, by=cast.boss, now=now)
    answer = post(far, {"values": [GOOD]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "account")
    assert get(far, "kpis/values", account="A-well").status_code == 404
    near = create_api_key("mine", rights, staff=cast.owner, by=cast.boss, now=now)
    assert post(near, {"values": [GOOD]}).status_code == 200
    assert KpiValue.objects.get().by == cast.owner
    cast.owner.role = Role.PARTNER
    cast.owner.save()
    assert post(near, {"values": [GOOD]}).status_code == 403
    cast.owner.is_active = False
    cast.owner.save()
    assert post(near, {"values": [GOOD]}).status_code == 401


def test_values_are_read_as_they_were_known(share: Kpi, key: str, now: dt.datetime) -> None:
    post(key, {"values": [GOOD, {**GOOD, "period": "2026-08", "value": 0.7}], "history": True})
    with time_machine.travel(now + dt.timedelta(days=1), tick=False):
        post(key, {"values": [{**GOOD, "value": 0.9}]})
    values = get(key, "kpis/values", account="A-well", kpi="auto_share").json()
    assert [(one["period"], one["value"]) for one in values] == [("2026-08", 0.7), ("2026-10", 0.9)]
    known = get(key, "kpis/values", account="A-well", known_before="2026-10-31T00:00:00+08:00").json()
    assert [(one["period"], one["value"]) for one in known] == [("2026-08", 0.7)]
    wrong = get(key, "kpis/values")
    assert (wrong.status_code, set(wrong.json()["error"])) == (422, {"code", *MARKS})


@pytest.mark.postgres
def test_an_account_that_was_merged_away_answers_as_the_one_that_stays(
    cast: SimpleNamespace, share: Kpi, key: str, now: dt.datetime
) -> None:
    merge_accounts(cast.slipping, cast.gone, by=cast.boss, now=now)
    merge_accounts(cast.gone, cast.well, by=cast.boss, now=now)
    assert post(key, {"values": [{**GOOD, "account": "A-slipping"}]}).json()["created"] == 1
    (value,) = get(key, "kpis/values", account="A-slipping").json()
    assert (value["account"], value["value"]) == ("A-well", GOOD["value"])
    assert get(key, "kpis/values", account="A-well").json() == [value]


@pytest.mark.postgres
def test_targets_are_set_corrected_and_read(cast: SimpleNamespace, share: Kpi, key: str) -> None:
    aim = {"account": "A-well", "kpi": "auto_share", "value": 0.9, "from": "2026-10-01", "by": "2026-12-31"}
    bad = [{**aim, "from": "soon"}, {**aim, "by": "2026-09-01"}, {**aim, "value": 90}, {**aim, "until": 1}, 7]
    answer = post(
        key, {"targets": [aim, *bad, {**aim, "from": "2027-01-01", "by": None}]}, path="kpis/targets"
    )
    said = answer.json()
    assert (answer.status_code, said["rows"], said["created"], said["rejected"]) == (200, 7, 2, 5)
    assert [one["field"] for one in said["errors"]] == ["from", "target_by", "target", "until", ""]
    assert all(set(one) >= MARKS for one in said["errors"])
    assert post(key, {"targets": [aim]}, path="kpis/targets").json()["unchanged"] == 1
    assert post(key, {"targets": [{**aim, "value": 0.95}]}, path="kpis/targets").json()["updated"] == 1
    first, second = get(key, "kpis/targets", account="A-well").json()
    assert (first["value"], first["from"], first["by"]) == (0.95, "2026-10-01", "2026-12-31")
    assert (second["from"], second["by"], second["source"]) == ("2027-01-01", None, "ERP")
    assert post(key, {"values": []}, path="kpis/targets").status_code == 422
    assert get(key, "kpis/targets", account="A-nowhere").status_code == 404
    assert KpiTarget.objects.count() == 3
    reader = create_api_key("BI", ["kpis.read"], by=cast.boss, now=NOW)
    assert post(reader, {"targets": [aim]}, path="kpis/targets").status_code == 403


def test_errors_speak_the_language_that_is_asked_for(share: Kpi, key: str) -> None:
    body = {"values": [{**GOOD, "value": 84}]}
    answer = post(key, body, **{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert answer["Content-Language"] == "zh-hans"
    assert answer.json()["errors"][0]["allowed"] == "0 到 1"
    assert post(key, body)["Content-Language"] == "en"


def test_a_key_is_kept_as_a_hash_and_named_in_the_audit(cast: SimpleNamespace, now: dt.datetime) -> None:
    text = create_api_key("ERP", ["kpis.write"], by=cast.boss, now=now)
    kept = ApiKey.objects.get()
    assert text.startswith("ega_")
    assert text not in json.dumps([kept.hash, kept.hint])
    revoke_api_key(kept, by=cast.boss, now=now)
    revoke_api_key(kept, by=cast.boss, now=now)
    verbs = AuditEntry.objects.filter(kind="apikey").order_by("pk").values_list("verb", "by")
    assert list(verbs) == [("apikey.created", cast.boss.pk), ("apikey.revoked", cast.boss.pk)]
    for name, rights in (("", ["kpis.write"]), ("x", []), ("x", ["all"])):
        with pytest.raises(ValidationError):
            create_api_key(name, rights, by=cast.boss, now=now)


def test_the_description_names_every_answer_and_is_for_people_who_are_signed_in(
    cast: SimpleNamespace, as_person: Any
) -> None:
    client = as_person(cast.mate)
    told = client.get("/api/v1/openapi.json").json()
    post = told["paths"]["/api/v1/kpis"]["post"]
    assert set(post["responses"]) == {"200", "401", "403", "413", "422", "429"}
    row = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["values"]["items"]
    assert set(row["required"]) == {"account", "kpi", "period", "value"}
    assert "$defs" not in json.dumps(post)
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "cdn" not in page.content.decode()
    for path in ("docs", "openapi.json"):
        assert Client().get(f"/api/v1/{path}").status_code == 302
