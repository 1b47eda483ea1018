"""Two accounts made one, in every room and in the lake, and given back exactly."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import translation

from evergreen.alerts import actions as alerts
from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.base.env import Home
from evergreen.base.models import AuditEntry
from evergreen.customers import actions as customers
from evergreen.customers.models import (
    Account,
    Contact,
    ContactId,
    Contract,
    ExternalId,
    FieldChange,
    Note,
    Receivable,
    Tenant,
)
from evergreen.desk.models import Ticket
from evergreen.events import identity, journal, matching, merging, mover, rollup, store
from evergreen.events.journal import Record
from evergreen.events.kpis.models import Kpi, KpiValue
from evergreen.events.models import EndUser, Membership, Source
from evergreen.flow import merging as flow
from evergreen.metrics.models import Newest
from evergreen.work.models import Conversation, Task

ROOMS = ("customers", "work", "desk", "alerts", "health", "metrics", "playbooks", "events")
# What an undo writes itself: work for the lake.
NOT_COMPARED = {"events.unmerged", "events.unsettledkey"}


def standing() -> dict[str, list[dict[str, Any]]]:
    """Every row of every room."""
    return {
        model._meta.label_lower: list(models.QuerySet(model).order_by("pk").values())
        for room in ROOMS
        for model in apps.get_app_config(room).get_models(include_auto_created=True)
        if model._meta.label_lower not in NOT_COMPARED
    }


def populate(rng: random.Random, cast: SimpleNamespace, now: dt.datetime) -> list[Account]:
    """Accounts with a random mix of records of every room, among them such that only one of the two can have."""
    accounts = [
        Account.objects.create(
            external_id=f"R-{n}", name=f"R {n}", owner=cast.owner, created_at=now, known_at=now,
            industry=rng.choice(["", "制造"]), size=rng.choice([None, 30]), live_on=rng.choice([None, dt.date(2026, 1, 1)]),
        )
        for n in range(4)
    ]  # fmt: skip
    for account in accounts[1:]:
        account.parent = rng.choice([None, *accounts[: account.pk - accounts[0].pk]])
        account.save()
    kpi = Kpi.objects.create(key="turnover", name={"en": "Turnover"}, period="month", created_at=now)
    rules = [
        Rule.objects.create(key=f"rule-{n}", name={"en": "R"}, created_at=now, changed_at=now)
        for n in range(2)
    ]
    source = Source.objects.create(name="web", created_at=now)
    day = dt.date(2026, 10, 1)
    for n in range(rng.randrange(10, 60)):
        account, key = rng.choice(accounts), f"{n}"
        what = rng.randrange(14)
        own = list(account.contacts.all())
        if what == 0:
            boss = rng.choice([None, *own])
            Contact.objects.create(account=account, external_id=key, name=key, reports_to=boss, known_at=now)
        elif what == 1:
            Contract.objects.create(account=account, external_id=key, currency="CNY", known_at=now)
        elif what == 2:
            Receivable.objects.create(
                account=account, external_id=key, currency="CNY", amount_cents=1, due_on=day, known_at=now
            )
        elif what == 3:
            Tenant.objects.create(account=account, external_id=key)
        elif what == 4:
            ExternalId.objects.create(account=account, system=rng.choice(["crm", "web"]), value=key)
        elif what == 5:
            note = Note.objects.create(account=account, by=cast.owner, body=key, at=now)
            note.mentions.set(rng.sample([cast.mate, cast.boss], rng.randrange(3)))
        elif what == 6:
            Ticket.objects.create(
                account=account,
                external_id=key,
                opened_at=now,
                known_at=now,
                requester=rng.choice([None, *own]),
            )
        elif what == 7:
            Task.objects.create(account=account, title={"text": key}, created_at=now)
        elif what == 8:
            talk = Conversation.objects.create(account=account, kind="call", at=now, known_at=now)
            talk.contacts.set(rng.sample(own, rng.randrange(len(own) + 1)))
        elif what == 9:
            rule = rng.choice(rules)
            state = rng.choice(["open", "closed"])
            if (
                state == "closed"
                or not Alert.objects.filter(rule=rule, account=account, state="open").exists()
            ):
                Alert.objects.create(
                    rule=rule, account=account, state=state, opened_on=day, opened_at=now, seen_on=day
                )
        elif what == 10:
            starts = dt.date(2026, rng.randrange(1, 4), 1)
            KpiValue.objects.filter(account=account, starts_on=starts).update(stands=False)
            KpiValue.objects.create(account=account, kpi=kpi, starts_on=starts, value=n, known_at=now)
        elif what == 11:
            FieldChange.objects.create(account=account, field="tier", new="basic", known_at=now)
        elif what == 12:
            who = EndUser.objects.create(
                source=source, key=key, account=account, account_key=account.external_id, known_at=now,
                contact=rng.choice([None, *own]),
            )  # fmt: skip
            Membership.objects.create(
                source=source, end_user=who, account_key=account.external_id, told_us=n, message_id=key
            )
        else:
            Newest.objects.get_or_create(account=account, defaults={"day": day})
    return accounts


@pytest.mark.parametrize("seed", range(25))
def test_an_undo_gives_both_accounts_back_exactly(
    cast: SimpleNamespace, now: dt.datetime, seed: int, home: Home
) -> None:
    rng = random.Random(seed)
    accounts = populate(rng, cast, now)
    alerts.fold(now=now)
    flow_recount(accounts)
    stood = standing()
    merges: list[AuditEntry] = []
    for _ in range(rng.randrange(1, 4)):
        living = list(Account.objects.filter(pk__in=[account.pk for account in accounts]))
        if len(living) < 2:
            break
        merged, into = rng.sample(living, 2)
        moved = {name: len(rows) for name, rows in stood.items()}
        merges.append(flow.merge(merged, into, by=cast.boss, now=now + dt.timedelta(minutes=len(merges))))
        assert {name: len(rows) for name, rows in standing().items()} == moved, "nothing is lost or doubled"
        assert not Account.objects.filter(pk=merged.pk).exists()
        assert identity.places({("web", merged.external_id)})["web", merged.external_id].account_id == into.pk
        assert not Contact.objects.filter(account=merged.pk).exists()
        assert not Alert.objects.filter(account=merged.pk, state="open").exists()
        assert not WorkOrder.objects.unresolved().filter(account=merged.pk).exists()
        kept = Alert.objects.filter(account=into, state="open")
        assert all(alert.order and alert.order.account_id == into.pk for alert in kept)
        assert standing() != stood
    for entry in reversed(merges):
        flow.undo(entry, by=cast.boss, now=now + dt.timedelta(hours=1))
    after = standing()
    for name, rows in stood.items():
        assert after[name] == rows, name
    journal.close_all()


def flow_recount(accounts: list[Account]) -> None:
    for account in accounts:
        flow._count_alerts(account.pk)


def test_a_merge_says_what_moves_and_keeps_what_only_one_can_have(
    cast: SimpleNamespace, now: dt.datetime, home: Home
) -> None:
    rule = Rule.objects.create(key="r", name={"en": "R"}, created_at=now, changed_at=now)
    for account in (cast.well, cast.gone):
        Alert.objects.create(
            rule=rule, account=account, opened_on=now.date(), opened_at=now, seen_on=now.date()
        )
    Task.objects.create(account=cast.gone, title={"text": "x"}, created_at=now)
    ExternalId.objects.create(account=cast.gone, system="crm", value="7")
    counts = {one.model._meta.model_name: one.count for one in customers.preview(cast.gone)}
    assert counts == {"alert": 1, "task": 1, "externalid": 1}
    entry = flow.merge(cast.gone, cast.well, by=cast.boss, now=now)
    assert entry.after["stayed"] == {"alerts.alert.account": 1}
    assert Alert.objects.filter(account=cast.well, state="open").count() == 1
    assert Alert.objects.get(account=cast.gone.pk).state == "closed"
    assert Account.objects.get(pk=cast.well.pk).open_alerts == 1
    journal.close_all()


def test_what_was_merged_can_not_be_merged_again_and_later_merges_are_undone_first(
    cast: SimpleNamespace, now: dt.datetime, home: Home
) -> None:
    first = flow.merge(cast.gone, cast.slipping, by=cast.boss, now=now)
    with pytest.raises(ValidationError, match="no longer exists"):
        flow.merge(cast.gone, cast.well, by=cast.boss, now=now)
    with pytest.raises(ValidationError, match="the same already"):
        flow.merge(cast.well, cast.well, by=cast.boss, now=now)
    second = flow.merge(cast.slipping, cast.well, by=cast.boss, now=now)
    assert identity.places({("web", "A-gone")})["web", "A-gone"].account_id == cast.well.pk
    with pytest.raises(ValidationError, match="Undo that merge first"), transaction.atomic():
        flow.undo(first, by=cast.boss, now=now)
    flow.undo(second, by=cast.boss, now=now)
    flow.undo(first, by=cast.boss, now=now)
    with pytest.raises(ValidationError, match="undone already"), transaction.atomic():
        flow.undo(first, by=cast.boss, now=now)
    assert Account.objects.count() == 3


def test_files_that_still_name_a_merged_account_reach_the_other_one(
    cast: SimpleNamespace, now: dt.datetime, home: Home
) -> None:
    from evergreen.customers.actions.loading import load_accounts
    from evergreen.events.imports import references

    flow.merge(cast.gone, cast.well, by=cast.boss, now=now)
    loaded = load_accounts(
        [{"external_id": "A-gone", "name": "New name", "tenants": [{"external_id": "T-1"}]}], by=None, now=now
    )
    assert not loaded.refused
    assert Account.objects.get(pk=cast.well.pk).name == cast.well.name
    assert Account.objects.count() == 2
    assert Tenant.objects.get(external_id="T-1").account == cast.well
    lookup = references.accounts()
    lookup.learn(["A-gone"])
    found = lookup.get("A-gone")
    assert found is not None
    assert (found.pk, found.key) == (cast.well.pk, "A-well")
    with pytest.raises(ValidationError, match=f"was merged into {cast.well.name}"):
        customers.create_account(external_id="A-gone", name="x", by=None, now=now)


def test_contacts_are_merged_without_their_data_in_the_audit(cast: SimpleNamespace, now: dt.datetime) -> None:
    li = customers.add_contact(cast.well, name="Li", email="li@x.cn", by=None, now=now)
    double = customers.add_contact(
        cast.well,
        name="Li Lei",
        email="li.lei@x.cn",
        phone="13800138000",
        external_id="C-9",
        by=None,
        now=now,
    )
    boss = customers.add_contact(cast.well, name="Wang", reports_to=double, by=None, now=now)
    customers.update_contact(li, {"reports_to": boss}, by=None, now=now)
    ContactId.objects.create(contact=double, system="crm", value="77")
    talk = Conversation.objects.create(account=cast.well, kind="call", at=now, known_at=now)
    talk.contacts.set([li, double])
    stood = standing()
    entry = customers.merge_contacts(double, li, by=cast.boss, now=now)
    assert "13800138000" not in json.dumps([entry.before, entry.after])
    li.refresh_from_db()
    assert (li.email, li.phone, li.reports_to) == ("li@x.cn", "13800138000", None)
    assert Contact.objects.get(pk=boss.pk).reports_to == li
    assert list(talk.contacts.all()) == [li]
    assert ContactId.objects.get().contact == li
    customers.undo_merge(entry, by=cast.boss, now=now)
    assert standing() == stood
    with pytest.raises(ValidationError, match="different accounts"):
        other = customers.add_contact(cast.gone, name="Z", by=None, now=now)
        customers.merge_contacts(other, li, by=cast.boss, now=now)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def lake(home: Home) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    yield lambda sql: store.reading(home).execute(sql).fetchall()
    journal.close_all()


FIGURES = {
    "usage": "SELECT account_id, source, end_user, day, event, sum(count)::BIGINT FROM lake.usage GROUP BY ALL ORDER BY ALL",
    "account_days": "SELECT * FROM lake.account_days ORDER BY ALL",
    "first_uses": "SELECT account_id, source, end_user, min(day) FROM lake.first_uses GROUP BY ALL ORDER BY ALL",
    "answers": "SELECT * FROM lake.answers ORDER BY ALL",
}


def test_the_lake_follows_a_merge_at_once_and_an_undo_by_the_next_roll_up(
    home: Home, cast: SimpleNamespace, now: dt.datetime, lake: Callable[..., list[tuple[Any, ...]]]
) -> None:
    numbers = itertools.count()

    def send(day: int, *calls: dict[str, Any]) -> None:
        at = int((now - dt.timedelta(days=day)).timestamp() * 1_000_000)
        body = json.dumps({"batch": list(calls)}).encode()
        journal.process_journal(home).write_now(Record("web", "segment/batch", at, body))

    def sold(account: str, who: str) -> dict[str, Any]:
        own = {"type": "track", "event": "Sold", "messageId": f"m{next(numbers)}"}
        return own | {"userId": who, "context": {"groupId": account}}

    for day in (5, 3):
        send(day, sold("A-well", "u1"), sold("A-gone", "u1"), sold("A-gone", "u2"), sold("A-slipping", "u3"))
    mover.move(now=now, home=home)
    with store.session(home) as con:
        until = now.date()
        rollup.roll_up(con, until)
        before = {name: lake(sql) for name, sql in FIGURES.items()}
        events = lake("SELECT message_id, account_id FROM lake.events ORDER BY 1")

        entry = flow.merge(cast.gone, cast.well, by=cast.boss, now=now)
        assert merging.follow_mergers(con, now=now, home=home) == 4
        assert merging.follow_mergers(con, now=now, home=home) == 0
        at_once = {name: lake(sql) for name, sql in FIGURES.items()}
        assert cast.gone.pk not in {row[0] for rows in at_once.values() for row in rows}
        assert rollup.stale_days(con, until) == [], "the night's cost is still the new day"
        rollup.mark_stale(con, until - dt.timedelta(days=30))
        rollup.roll_up(con, until)
        assert {name: lake(sql) for name, sql in FIGURES.items()} == at_once

        send(1, sold("A-gone", "late"))
        mover.move(now=now, home=home)
        flow.undo(entry, by=cast.boss, now=now)
        assert merging.follow_mergers(con, now=now, home=home) == 4
        matching.match_waiting_events(con, now=now, home=home)
        rollup.roll_up(con, until - dt.timedelta(days=2))
        assert {name: lake(sql) for name, sql in FIGURES.items()} == before
        after = dict(lake("SELECT message_id, account_id FROM lake.events"))
        assert dict(events).items() <= after.items()
        late = lake("SELECT account_id FROM lake.events WHERE end_user = 'late'")
        assert late == [(cast.gone.pk,)], "what came in between by its key is its own"
        assert lake("SELECT count(*) FROM lake.merged_events") == [(0,)]


def test_what_arrives_late_under_a_merged_account_follows(
    home: Home, cast: SimpleNamespace, now: dt.datetime, lake: Callable[..., list[tuple[Any, ...]]]
) -> None:
    flow.merge(cast.gone, cast.well, by=cast.boss, now=now)
    told: journal.SystemEvent = {"name": "task.finished", "message_id": "t:1", "account_id": cast.gone.pk}
    journal.write_system_events([told], home=home)
    mover.move(now=now, home=home)
    with store.session(home) as con:
        assert merging.follow_mergers(con, now=now, home=home) == 1
    assert lake("SELECT account_id FROM lake.events") == [(cast.well.pk,)]
    assert AuditEntry.objects.filter(kind="merger").count() == 1
