"""The accounts page: who sees what, filters, order, columns, pages, views."""

from __future__ import annotations

import csv
import datetime as dt
import io
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evergreen.base.models import User
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.metrics.models import Newest
from evergreen.web.models import SavedView
from tests.web.reading import names

pytestmark = pytest.mark.usefixtures("at_the_casts_time")


@pytest.mark.parametrize(("who", "title"), [("owner", "Accounts"), ("mate", "客户")])
def test_the_page_opens_in_both_languages(
    book: SimpleNamespace, as_person: Any, who: str, title: str
) -> None:
    answer = as_person(getattr(book, who)).get("/accounts/")
    assert answer.status_code == 200
    assert f"<h1>{title}</h1>" in answer.content.decode()
    assert set(names(answer)) == {"恒岳机械", "澄明财税科技", "云杉物业"}


def test_an_outsider_sees_no_row_and_no_sum(book: SimpleNamespace, as_person: Any) -> None:
    answer = as_person(book.outsider).get("/accounts/")
    assert names(answer) == []
    assert "0 accounts" in answer.content.decode()


def test_the_head_sums_the_list_in_words(book: SimpleNamespace, as_person: Any) -> None:
    page = as_person(book.owner).get("/accounts/").content.decode()
    assert "3 accounts" in page
    assert "¥610k" in page
    assert "green 33% red 33% insufficient data 33%" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stage=adoption", {"澄明财税科技"}),
        ("stage=adoption&stage=steady", {"澄明财税科技", "恒岳机械"}),
        ("band=red", {"澄明财税科技"}),
        ("band=insufficient_data", {"云杉物业"}),
        ("score_max=60", {"澄明财税科技"}),
        ("renewal_max=90", {"澄明财税科技"}),
        ("renewal_min=0&renewal_max=400", {"澄明财税科技", "恒岳机械"}),
        ("arr_min=300000", {"恒岳机械"}),
        ("arr_max=300000", {"澄明财税科技"}),
        ("industry=财税", {"澄明财税科技"}),
        ("q=恒岳", {"恒岳机械"}),
        ("q=A-sl", {"澄明财税科技"}),
        ("owner=none", set()),
        ("tag=灯塔", {"恒岳机械"}),
        ("tag=灯", set()),
        ("tier=none", {"澄明财税科技", "云杉物业"}),
        ("tier=strategic", {"恒岳机械"}),
        ("alerts=yes", set()),
        ("stage=nonsense&score_min=x", {"恒岳机械", "澄明财税科技", "云杉物业"}),
    ],
)
def test_filters_stand_in_the_address(
    book: SimpleNamespace, as_person: Any, query: str, expected: set[str]
) -> None:
    Account.objects.filter(pk=book.well.pk).update(tags=["灯塔", "KA"], tier="strategic")
    assert set(names(as_person(book.boss).get(f"/accounts/?{query}"))) == expected


def test_my_accounts_and_those_of_colleagues(book: SimpleNamespace, as_person: Any) -> None:
    book.gone.owner = book.mate
    book.gone.save()
    client = as_person(book.mate)
    assert names(client.get("/accounts/?owner=me")) == ["云杉物业"]
    assert len(names(client.get(f"/accounts/?owner=me&owner={book.owner.pk}"))) == 3


def test_the_tier_filter_counts_open_alerts(book: SimpleNamespace, as_person: Any) -> None:
    Account.objects.filter(pk=book.slipping.pk).update(open_alerts=2)
    client = as_person(book.boss)
    assert names(client.get("/accounts/?alerts=yes")) == ["澄明财税科技"]
    assert len(names(client.get("/accounts/?alerts=no"))) == 2


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("-arr", "恒岳机械", "云杉物业"),
        ("arr", "澄明财税科技", "云杉物业"),
        ("health", "澄明财税科技", "云杉物业"),
        ("-health", "恒岳机械", "云杉物业"),
        ("renewal", "澄明财税科技", "云杉物业"),
        ("name", "澄明财税科技", "云杉物业"),
        ("stage", "澄明财税科技", "云杉物业"),
    ],
)
@pytest.mark.parametrize("narrowed", ["", "&stage=steady&stage=adoption&stage=churned"])
def test_each_order_puts_unknown_values_last_and_names_by_pinyin(
    book: SimpleNamespace, as_person: Any, sort: str, first: str, last: str, narrowed: str
) -> None:
    found = names(as_person(book.boss).get(f"/accounts/?sort={sort}{narrowed}"))
    assert (found[0], found[-1]) == (first, last)


@pytest.mark.postgres
def test_every_column_sorts_and_an_unknown_order_is_the_default(
    book: SimpleNamespace, as_person: Any
) -> None:
    from evergreen.customers.listing import SORTS

    client = as_person(book.boss)
    for key in SORTS:
        for sort in (key, f"-{key}"):
            assert len(names(client.get(f"/accounts/?sort={sort}"))) == 3, sort
    assert names(client.get("/accounts/?sort=password")) == names(client.get("/accounts/?sort=-arr"))


def test_chosen_columns_stand_in_the_address(book: SimpleNamespace, as_person: Any) -> None:
    page = as_person(book.owner).get("/accounts/?cols=industry&cols=external_id").content.decode()
    assert "A-slipping" in page
    assert 'class="arr' not in page


def test_any_metric_is_a_column_and_goes_into_the_file(book: SimpleNamespace, as_person: Any) -> None:
    Newest.objects.filter(account=book.well).update(
        values={"users_opened": 12, "overdue_cents": 1234_00}, currency="JPY"
    )
    client = as_person(book.owner)
    chosen = "cols=tier&cols=metric.users_opened&cols=metric.overdue_cents&cols=metric.nonsense"
    page = client.get(f"/accounts/?{chosen}").content.decode()
    assert "Users opened" in page
    assert '<td class="metric.users_opened num">12</td>' in page
    assert '<td class="metric.users_opened num">—</td>' in page
    text = client.post("/accounts/exports/", {"kind": "csv", "query": chosen}).content.decode("utf-8-sig")
    row = next(row for row in csv.DictReader(io.StringIO(text)) if row["Account"] == book.well.name)
    # Yen have no minor unit.
    assert (row["Users opened"], row["Amount overdue (currency of the account)"]) == ("12", "123400")
    trainer = User.objects.create_user("t@vendor.example", role=Role.TRAINER, scope="all", language="en")
    page = as_person(trainer).get(f"/accounts/?{chosen}").content.decode()
    assert "Users opened" in page
    assert "Amount overdue" not in page


@pytest.mark.postgres
def test_the_list_is_sorted_by_any_metric_but_amounts(book: SimpleNamespace, as_person: Any) -> None:
    for account, values in (
        (book.well, {"users_opened": 9, "last_active_on": "2026-11-02", "overdue_cents": 5}),
        (book.slipping, {"users_opened": 100, "last_active_on": "2026-10-30", "overdue_cents": 7}),
        (book.gone, {"users_opened": None, "last_active_on": None}),
    ):
        Newest.objects.filter(account=account).update(values=values)
    client = as_person(book.boss)
    well, slipping, gone = book.well.name, book.slipping.name, book.gone.name

    def sorted_by(key: str) -> list[str]:
        return names(client.get(f"/accounts/?cols={key.removeprefix('-')}&sort={key}"))

    assert sorted_by("-metric.users_opened") == [slipping, well, gone]
    assert sorted_by("metric.users_opened") == [well, slipping, gone]
    assert sorted_by("-metric.last_active_on") == [well, slipping, gone]
    assert sorted_by("metric.last_active_on") == [slipping, well, gone]
    # Amounts stand in the accounts' own currencies and have no order; what is no metric has none either.
    assert sorted_by("metric.overdue_cents") == sorted_by("metric.nonsense") == sorted_by("-arr")
    page = client.get("/accounts/?cols=metric.users_opened&cols=metric.overdue_cents").content.decode()
    assert "sort=-metric.users_opened" in page
    assert "sort=-metric.overdue_cents" not in page
    sent = {"kind": "csv", "query": "cols=metric.users_opened&sort=metric.users_opened"}
    text = client.post("/accounts/exports/", sent).content.decode("utf-8-sig")
    assert [row["Account"] for row in csv.DictReader(io.StringIO(text))][:2] == [well, slipping]


def test_who_sees_no_money_neither_reads_sorts_nor_filters_by_it(
    book: SimpleNamespace, as_person: Any
) -> None:
    trainer = User.objects.create_user("t@vendor.example", role=Role.TRAINER, scope="all", language="en")
    client = as_person(trainer)
    page = client.get("/accounts/?cols=arr&cols=tier").content.decode()
    assert "ARR" not in page
    assert "286k" not in page
    assert len(names(client.get("/accounts/?arr_min=300000"))) == 3
    assert names(client.get("/accounts/?sort=-arr")) == names(client.get("/accounts/?sort=name"))
    filters = client.get("/accounts/filters/").content.decode()
    assert "arr_min" not in filters


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?stage=steady&sort=health&owner=me&cols=owner&cols=team&cols=edition",
        "?cols=metric.nps&cols=metric.fit",
    ],
)
def test_the_page_asks_as_often_for_thirty_rows_as_for_three(
    book: SimpleNamespace, as_person: Any, now: dt.datetime, query: str
) -> None:
    client = as_person(book.owner)

    def asked() -> int:
        from django.core.cache import cache

        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"/accounts/{query}").status_code == 200
        return len(queries)

    few = asked()
    for n in range(30):
        Account.objects.create(
            external_id=f"B-{n}", name=f"B{n}", owner=book.owner, team=book.north, stage="steady",
            created_at=now, known_at=now, score=50, band="red",
        )  # fmt: skip
    assert asked() == few


def test_pages_follow_each_other_without_gaps(
    book: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    for n in range(120):
        Account.objects.create(
            external_id=f"B-{n:03}", name=f"B{n:03}", owner=book.owner, created_at=now, known_at=now
        )
    client = as_person(book.boss)
    found = [name for page in (1, 2, 3) for name in names(client.get(f"/accounts/?sort=name&page={page}"))]
    assert len(found) == len(set(found)) == 123
    assert names(client.get("/accounts/?sort=name&page=99")) == names(
        client.get("/accounts/?sort=name&page=3")
    )


@pytest.mark.postgres
def test_a_view_keeps_the_address_for_oneself_or_for_everyone(book: SimpleNamespace, as_person: Any) -> None:
    client = as_person(book.owner)
    form = {"name": "Red ones", "query": "band=red&sort=name"}
    address = client.post("/accounts/views/", form, headers={"HX-Request": "true"})["HX-Redirect"]
    view = SavedView.objects.get()
    assert address == f"/accounts/?band=red&sort=name&view={view.pk}"
    assert names(client.get(address)) == ["澄明财税科技"]
    assert "View: Red ones" in client.get(address).content.decode()
    assert "Red ones" not in as_person(book.mate).get("/accounts/").content.decode()
    client.post("/accounts/views/", {**form, "shared": "1"})
    assert "Red ones" in as_person(book.mate).get("/accounts/").content.decode()
    assert as_person(book.mate).post(f"/accounts/views/{view.pk}/removal/").status_code == 404
    client.post(f"/accounts/views/{view.pk}/removal/")
    assert not SavedView.objects.exists()
