"""Settings: only for those who configure; every change kept, said, audited; secrets shown once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.base import queries as base
from evergreen.base.models import AuditEntry, CalendarDay, ExchangeRate, Job, Setting, Team, User
from evergreen.base.options import OPTIONS
from evergreen.customers.models import Account, Edition, Feature, Product
from evergreen.events import store
from evergreen.events.ingest.keys import key_hash
from evergreen.events.models import Source, WriteKey
from evergreen.web.forms.settings.catalogue import matcher_lines

AsPerson = Callable[..., Client]
PAGES = (
    "/settings/vendor/",
    "/settings/rates/",
    "/settings/staff/",
    "/settings/teams/",
    "/settings/sources/",
    "/unmatched/",
    "/settings/sources/rejected/",
    "/settings/products/",
    "/settings/calendar/",
    "/settings/jobs/",
    "/settings/audit/",
    "/settings/about/",
    "/settings/about/findings/",
)


@pytest.fixture
def boss(cast: SimpleNamespace, as_person: AsPerson, home: Any) -> Client:
    return as_person(cast.boss)


def values(**changed: str) -> dict[str, str]:
    """The form as a browser sends it: a box that is not ticked is not sent."""
    kept = {key: str(value) for key, value in base.all_settings().items() if value is not False}
    return {**kept, **changed}


@pytest.mark.postgres
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_opens_in_both_languages(cast: SimpleNamespace, boss: Client, language: str) -> None:
    cast.boss.language = language
    cast.boss.save()
    person = f"/settings/staff/{cast.owner.pk}/"
    for address in (*PAGES, person):
        assert boss.get(address).status_code == 200, address
    page = boss.get("/settings/vendor/").content.decode()
    assert ("设置" in page) == (language == "zh-hans")


def test_others_find_no_settings_but_their_own_profile(
    cast: SimpleNamespace, boss: Client, as_person: AsPerson
) -> None:
    client = as_person(cast.owner)
    assert client.get("/settings/")["Location"] == "/profile/"
    for address in (*PAGES, f"/settings/staff/{cast.boss.pk}/"):
        assert client.get(address).status_code == 404, address
    for address in (
        f"/settings/staff/{cast.boss.pk}/password/",
        f"/settings/staff/{cast.boss.pk}/access/",
        "/settings/teams/",
        "/settings/calendar/removal/",
        "/settings/sources/",
    ):
        assert client.post(address, {"name": "x"}).status_code == 404, address


def test_the_settings_show_every_option_there_is(boss: Client) -> None:
    page = boss.get("/settings/vendor/").content.decode()
    assert all(f'id="{key}"' in page for key in OPTIONS)


def test_only_what_differs_is_kept_and_audited(cast: SimpleNamespace, boss: Client) -> None:
    answer = boss.post("/settings/vendor/", values(vendor_name="云账科技", night_hour="3"))
    assert answer.status_code == 302
    assert set(Setting.objects.values_list("key", flat=True)) == {"vendor_name", "night_hour"}
    assert base.setting("night_hour") == 3
    assert AuditEntry.objects.filter(verb="setting.changed", by=cast.boss).count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"night_hour": "24"},
        {"night_hour": "two"},
        {"timezone": "Mars/Base"},
        {"currency": "yuan"},
        {"language": "fr"},
        {"workday_starts": "9"},
        {"workday_starts": "19:00"},
        {"page_rows": "5"},
    ],
)
def test_a_setting_that_is_not_allowed_changes_nothing_and_stays_as_typed(
    boss: Client, wrong: dict[str, str]
) -> None:
    answer = boss.post("/settings/vendor/", values(vendor_name="New", **wrong))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'value="New"' in page
    assert 'role="alert"' in page
    assert not Setting.objects.exists()


@pytest.mark.parametrize(("starts", "ends"), [("20:00", "23:00"), ("01:00", "08:00")])
def test_both_ends_of_the_working_day_move_at_once(boss: Client, starts: str, ends: str) -> None:
    boss.post("/settings/vendor/", values(workday_starts=starts, workday_ends=ends))
    assert (base.setting("workday_starts"), base.setting("workday_ends")) == (starts, ends)


def test_the_time_zone_is_fixed_once_events_have_come_in(boss: Client, now: dt.datetime) -> None:
    with store.session() as con:
        con.execute(
            "INSERT INTO lake.events (source, kind, name, tenant, occurred_at, received_at, known_at, day,"
            " known_on, count, message_id, backfilled) VALUES ('s', 'track', 'x', '', now()::TIMESTAMP,"
            " now()::TIMESTAMP, now()::TIMESTAMP, current_date, current_date, 1, 'm', false)"
        )
    boss.post("/settings/vendor/", values(timezone="UTC"))
    assert base.setting("timezone") == "Asia/Shanghai"


def test_a_rate_is_kept_and_what_lacks_one_is_said(cast: SimpleNamespace, boss: Client) -> None:
    Account.objects.filter(pk=cast.well.pk).update(currency="USD")
    assert "No rate is known for USD" in boss.get("/settings/rates/").content.decode()
    boss.post("/settings/rates/", {"currency": "USD", "rate": "7.1", "valid_from": "2024-01-01"})
    assert "No rate is known" not in boss.get("/settings/rates/").content.decode()
    boss.post(f"/settings/rates/{ExchangeRate.objects.get().pk}/removal/")
    assert not ExchangeRate.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"rate": "0"}, {"rate": "-1"}, {"currency": "usd"}, {"valid_from": "x"}, {"rate": "NaN"}]
)
def test_a_wrong_rate_is_said(boss: Client, wrong: dict[str, str]) -> None:
    fields = {"currency": "USD", "rate": "7", "valid_from": "2024-01-01", **wrong}
    assert boss.post("/settings/rates/", fields).status_code == 422
    assert not ExchangeRate.objects.exists()


def add(client: Client, **changed: str) -> Any:
    fields = {"name": "新人", "email": "new@vendor.example", "role": "csm", "scope": "", **changed}
    return client.post("/settings/staff/", fields)


def test_somebody_added_gets_a_one_time_password_that_is_shown_once(
    cast: SimpleNamespace, boss: Client
) -> None:
    page = add(boss, teams=str(cast.north.pk)).content.decode()
    found = re.search(r"[a-z0-9]{4}(?:-[a-z0-9]{4}){3}", page)
    assert found
    person = User.objects.get(email="new@vendor.example")
    assert (person.has_one_time_password, list(person.teams.all())) == (True, [cast.north])
    assert found.group() not in boss.get("/settings/staff/").content.decode()
    fresh = Client()
    signed = fresh.post("/sign-in/", {"email": "new@vendor.example", "password": found.group()})
    assert signed.status_code == 302
    assert fresh.get("/")["Location"] == "/profile/"


@pytest.mark.parametrize(
    "wrong", [{"email": "owner@vendor.example"}, {"email": "x"}, {"role": "king"}, {"name": ""}]
)
def test_wrong_staff_is_not_added(boss: Client, wrong: dict[str, str]) -> None:
    before = User.objects.count()
    assert add(boss, **wrong).status_code == 422
    assert User.objects.count() == before


def test_a_person_is_changed(cast: SimpleNamespace, boss: Client) -> None:
    fields = {"name": "Olga", "email": "Olga@vendor.example", "role": "renewal", "scope": "own"}
    boss.post(f"/settings/staff/{cast.owner.pk}/", {**fields, "teams": str(cast.south.pk)})
    cast.owner.refresh_from_db()
    assert (cast.owner.name, cast.owner.email, cast.owner.role) == ("Olga", "olga@vendor.example", "renewal")
    assert list(cast.owner.teams.all()) == [cast.south]


@pytest.mark.postgres
def test_the_last_administrator_cannot_be_demoted_or_leave(cast: SimpleNamespace, boss: Client) -> None:
    fields = {"name": "boss", "email": "boss@vendor.example", "role": "csm", "scope": ""}
    assert boss.post(f"/settings/staff/{cast.boss.pk}/", fields).status_code == 422
    boss.post(f"/settings/staff/{cast.boss.pk}/access/")
    cast.boss.refresh_from_db()
    assert (cast.boss.role, cast.boss.is_active) == ("administrator", True)


def test_who_leaves_is_out_at_once_and_what_is_to_hand_over_is_listed(
    cast: SimpleNamespace, boss: Client, as_person: AsPerson
) -> None:
    theirs = as_person(cast.owner)
    boss.post(f"/settings/staff/{cast.owner.pk}/access/")
    assert theirs.get("/").status_code == 302
    page = boss.get("/settings/staff/").content.decode()
    assert "has left and still holds 2 accounts" in page
    assert f"/accounts/?owner={cast.owner.pk}" in page
    boss.post(f"/settings/staff/{cast.owner.pk}/access/", {"open": "1"})
    cast.owner.refresh_from_db()
    assert cast.owner.is_active


def test_a_new_password_ends_the_sessions_of_the_person(
    cast: SimpleNamespace, boss: Client, as_person: AsPerson
) -> None:
    theirs = as_person(cast.owner)
    assert boss.post(f"/settings/staff/{cast.owner.pk}/password/").status_code == 200
    assert theirs.get("/").status_code == 302
    assert boss.post(f"/settings/staff/{cast.boss.pk}/password/")["Location"] == "/profile/"


def test_teams_are_added_renamed_and_removed(cast: SimpleNamespace, boss: Client) -> None:
    boss.post("/settings/teams/", {"name": " East "})
    team = Team.objects.get(name="East")
    assert boss.post("/settings/teams/", {"name": "East"}).status_code == 422
    boss.post(f"/settings/teams/{team.pk}/name/", {"name": "West"})
    assert Team.objects.filter(name="West").exists()
    boss.post(f"/settings/teams/{cast.north.pk}/removal/")
    assert not Team.objects.filter(pk=cast.north.pk).exists()
    assert Account.objects.filter(pk=cast.well.pk).exists()


def test_a_write_key_is_shown_once_and_taken_back(boss: Client, home: Any) -> None:
    page = boss.post("/settings/sources/", {"name": "web"}).content.decode()
    key = re.search(r'class="secret">([A-Za-z0-9]{32})<', page)
    assert key
    row = WriteKey.objects.get()
    assert row.hash == key_hash(key.group(1))
    assert key.group(1) not in boss.get("/settings/sources/").content.decode()
    boss.post(f"/settings/sources/{row.source_id}/keys/")
    assert Source.objects.get().keys.count() == 2
    boss.post(f"/settings/sources/keys/{row.pk}/revocation/")
    row.refresh_from_db()
    assert row.revoked_at


@pytest.mark.parametrize("name", ["", "  ", "evergreen", "x" * 61])
def test_a_source_needs_a_name_of_its_own(boss: Client, name: str) -> None:
    assert boss.post("/settings/sources/", {"name": name}).status_code == 422
    assert not Source.objects.exists()


@pytest.fixture
def product(db: None) -> Product:
    return Product.objects.create(key="yun", name={"zh": "云账", "en": "Yun"})


def feature_fields(**changed: str) -> dict[str, str]:
    return {"key": "export", "zh": "导出", "en": "Export", "matchers": "", **changed}


def test_a_feature_is_written_with_its_events(boss: Client, product: Product) -> None:
    lines = "export_done\nreport_* where format = pdf\n"
    boss.post(f"/settings/products/{product.pk}/features/", feature_fields(matchers=lines, is_core="on"))
    feature = Feature.objects.get()
    assert feature.is_core
    assert feature.matchers == [
        {"event": "export_done"},
        {"event": "report_*", "property": "format", "value": "pdf"},
    ]
    assert matcher_lines(feature.matchers) == lines.strip()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_changed_events_have_every_day_rolled_up_again_and_other_changes_do_not(
    boss: Client, product: Product
) -> None:
    feature = Feature.objects.create(product=product, key="export", name={"en": "Export"}, matchers=[])

    def rolled() -> int:
        return int(store.scalar(store.reading(), "SELECT count(*) FROM lake.rolled") or 0)

    with store.session() as con:
        con.execute("INSERT INTO lake.rolled VALUES (DATE '2026-11-01', 1), (DATE '2026-11-02', 1)")
    boss.post(f"/settings/features/{feature.pk}/", feature_fields(en="Exports"))
    assert rolled() == 2
    boss.post(f"/settings/features/{feature.pk}/", feature_fields(matchers="export_done"))
    assert rolled() == 0


@pytest.mark.parametrize(
    "wrong", [{"key": "with space"}, {"zh": "", "en": ""}, {"matchers": "a where b"}, {"key": ""}]
)
def test_a_wrong_feature_is_said_and_stays_as_typed(
    boss: Client, product: Product, wrong: dict[str, str]
) -> None:
    fields = feature_fields(**{"matchers": "kept_event", **wrong})
    answer = boss.post(f"/settings/products/{product.pk}/features/", fields)
    assert answer.status_code == 422
    assert fields["matchers"] in answer.content.decode()
    assert not Feature.objects.exists()


def test_an_edition_holds_the_features_that_were_ticked(boss: Client, product: Product) -> None:
    feature = Feature.objects.create(product=product, key="export", name={"en": "Export"})
    fields = {"key": "pro", "zh": "专业版", "en": "Pro"}
    boss.post(f"/settings/products/{product.pk}/editions/", {**fields, "features": str(feature.pk)})
    edition = Edition.objects.get()
    assert list(edition.features.all()) == [feature]
    boss.post(f"/settings/editions/{edition.pk}/", {**fields, "holds_all": "on"})
    edition.refresh_from_db()
    assert (edition.holds_all_features, edition.features.count()) == (True, 0)


def test_products_cost_as_many_queries_for_three_features_as_for_thirty(
    boss: Client, product: Product
) -> None:
    counts = []
    for rows in (3, 30):
        Feature.objects.all().delete()
        edition = Edition.objects.create(product=product, key=f"e{rows}", name={"en": "E"})
        for n in range(rows):
            edition.features.add(Feature.objects.create(product=product, key=f"f{n}", name={"en": f"F{n}"}))
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            boss.get("/settings/products/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_days_are_shown_before_they_are_loaded(boss: Client) -> None:
    fields = {"source": "company", "days": "2026-11-23,off,Anniversary"}
    page = boss.post("/settings/calendar/", fields).content.decode()
    assert "1 day would be worked otherwise" in page
    assert not CalendarDay.objects.exists()
    boss.post("/settings/calendar/", {**fields, "sure": "1"})
    assert CalendarDay.objects.get().name == "Anniversary"
    boss.post("/settings/calendar/removal/", {"day": "2026-11-23", "source": "company"})
    assert not CalendarDay.objects.exists()


@pytest.mark.parametrize("days", ["tomorrow,off,x", "", "2026-11-23,maybe,x"])
def test_days_that_cannot_be_read_are_said_and_stay_as_typed(boss: Client, days: str) -> None:
    answer = boss.post("/settings/calendar/", {"source": "company", "days": days, "sure": "1"})
    assert answer.status_code == 422
    assert days in answer.content.decode()


def test_jobs_of_everybody_stand_in_the_list(cast: SimpleNamespace, boss: Client, now: dt.datetime) -> None:
    Job.objects.create(kind="import", title="A file", created_by=cast.owner, created_at=now, state="failed")
    assert "A file" in boss.get("/settings/jobs/").content.decode()
    assert "A file" not in boss.get("/settings/jobs/?state=running").content.decode()


@pytest.mark.postgres
def test_the_audit_log_is_narrowed_by_person_kind_and_day(cast: SimpleNamespace, boss: Client) -> None:
    boss.post("/settings/teams/", {"name": "East"})
    boss.post("/settings/vendor/", values(vendor_name="Yun"))
    shown = boss.get("/settings/audit/").content.decode()
    assert "team.added" in shown
    assert "team: added" in shown
    assert "setting.changed" in shown

    def verbs(query: str) -> set[str]:
        page = boss.get(f"/settings/audit/?{query}").content.decode().split("<tbody>")[-1]
        return set(re.findall(r'class="muted">([a-z]+\.[a-z_]+)<', page))

    assert verbs("kind=team") == {"team.added"}
    assert verbs(f"by={cast.owner.pk}") == set()
    assert verbs("verb=setting.changed") == {"setting.changed"}
    assert verbs("from=2999-01-01") == set()
    assert verbs("from=nonsense&by=x&page=99") == {"team.added", "setting.changed"}


def test_the_audit_log_costs_as_many_queries_for_three_entries_as_for_thirty(
    cast: SimpleNamespace, boss: Client, now: dt.datetime
) -> None:
    counts = []
    for rows in (3, 30):
        AuditEntry.objects.all().delete()
        AuditEntry.objects.bulk_create(
            AuditEntry(at=now, by=cast.owner, verb="team.added", kind="team", object_ids=[n])
            for n in range(rows)
        )
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            boss.get("/settings/audit/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_about_says_the_version_and_what_doctor_finds(boss: Client, home: Any) -> None:
    page = boss.get("/settings/about/").content.decode()
    assert "0.1.0" in page
    assert str(home.root) in page
    assert "Records" in boss.get("/settings/about/findings/").content.decode()
