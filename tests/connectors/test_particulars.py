"""What only one of the systems does."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from evergreen.base import vault
from evergreen.customers.models import Account, ContractLine, Receivable
from evergreen.desk.models import Ticket
from evergreen.events.connections import actions
from evergreen.events.connections.models import Connection
from tests.connectors import fake as faults
from tests.connectors.systems import Hubspot, Salesforce, Stripe, System, Zendesk

pytestmark = pytest.mark.django_db


def connect(source: System, now: Any) -> Connection:
    return actions.add_connection(source.kind, "the source", source.config(), by=None, now=now)


def test_a_salesforce_token_that_runs_out_is_fetched_again(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Salesforce({2: faults.EXPIRE, 5: faults.EXPIRE}))
    run = run_it(connect(source, now))
    assert (run.state, run.error, source.tokens_given) == ("done", "", 3)


def test_a_salesforce_query_that_expires_is_asked_again_from_there(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Salesforce())

    def forget(number: int) -> None:
        if number in {2, 6}:
            source.queries.clear()

    source.before_each = forget
    run = run_it(connect(source, now))
    assert (run.state, run.error) == ("done", "")
    assert set(Account.objects.values_list("external_id", flat=True)) == set(source.truth()["accounts"])


def test_salesforces_daily_limit_pauses_the_run(serving: Any, run_it: Any, now: Any) -> None:
    from tests.connectors.fake import Answer

    source = serving(Salesforce())
    source.routes["/services/data/v60.0/queryAll"] = lambda asked: Answer([{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], 403)  # fmt: skip
    assert run_it(connect(source, now)).state == "paused"


def test_a_field_of_ones_own_is_selected_when_it_is_mapped(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Salesforce())
    for one in source.objects["Account"]:
        one["Level__c"] = "VIP"
    connection = connect(source, now)
    mapping = {"columns": {"id": "Id", "name": "Name"}, "custom": {"level": "Level__c"}}
    actions.set_feed(connection, "accounts", is_on=True, mapping=mapping, by=None, now=now)
    run_it(connection)
    first = Account.objects.order_by("pk").first()
    assert first is not None and first.custom["level"] == "VIP"


def test_a_stream_that_is_switched_off_is_not_read(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Zendesk())
    connection = connect(source, now)
    actions.set_feed(connection, "tickets", is_on=False, mapping=None, by=None, now=now)
    run = run_it(connection)
    assert set(run.streams) == {"organizations", "users"}
    assert Ticket.objects.count() == 0


def test_zendesk_organizations_keep_the_name_that_the_crm_gave_them(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Zendesk())
    run_it(connect(source, now))
    ticket = Ticket.objects.filter(account__external_id="CRM-1").first()
    assert ticket is not None
    assert set(Ticket.objects.values_list("state", flat=True)) <= {
        "open",
        "pending",
        "closed",
    }


@pytest.mark.postgres
def test_stripe_subscriptions_become_revenue_by_the_month(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Stripe())
    item = source.objects["subscriptions"][3]["items"]["data"][0]
    item["price"]["recurring"] |= {"interval": "year", "interval_count": 1}
    item["current_period_end"] = 1_731_536_000
    run_it(connect(source, now))
    monthly = ContractLine.objects.get(external_id="si_2")
    assert (monthly.mrr_cents, monthly.seats, monthly.end_on) == (3_000, 3, None)
    yearly = ContractLine.objects.get(external_id="si_3")
    assert (yearly.mrr_cents, yearly.end_on) == (333, dt.date(2024, 11, 14))


def test_a_stripe_subscription_that_is_cancelled_ends(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Stripe())
    connection = connect(source, now)
    run_it(connection)
    one = source.objects["subscriptions"][4]
    one |= {"status": "canceled", "ended_at": 1_763_000_200}
    source.events.append({"id": "evt_9", "type": "customer.subscription.deleted", "created": 1_763_000_200, "data": {"object": one}})  # fmt: skip
    assert run_it(connection).total("updated") == 1
    assert ContractLine.objects.get(external_id="si_4").end_on == dt.date(2025, 11, 13)


def test_a_stripe_invoice_that_is_voided_is_no_longer_due(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Stripe())
    connection = connect(source, now)
    run_it(connection)
    assert Receivable.objects.get(external_id="in_1").amount_cents == 1_000
    one = source.objects["invoices"][1]
    one["status"] = "void"
    source.events.append(
        {"id": "evt_9", "type": "invoice.voided", "created": 1_763_000_200, "data": {"object": one}}
    )
    run_it(connection)
    assert Receivable.objects.get(external_id="in_1").amount_cents == 0


def test_stripe_is_listed_anew_when_its_events_reach_no_longer_back(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Stripe())
    connection = connect(source, now)
    run_it(connection)
    source.objects["customers"][0]["name"] = "改了名"  # its event is gone
    source.events = [{"id": "evt_5", "type": "ping", "created": 1_763_000_000 + 40 * 86_400, "data": {"object": {"id": "x"}}}]  # fmt: skip
    assert run_it(connection).total("updated") == 1


def test_hubspots_owner_becomes_ours_and_many_changes_of_one_moment_arrive(
    serving: Any, run_it: Any, now: Any
) -> None:
    from evergreen.base.actions import add_staff

    owner = add_staff("lu@example.com")
    source = serving(Hubspot())
    for one in source.objects["companies"]:
        one["properties"] |= {"hs_lastmodifieddate": "2024-01-01T00:00:00.000Z", "hubspot_owner_id": "1"}
    run_it(connect(source, now))
    assert Account.objects.filter(owner=owner).count() == len(source.objects["companies"])


def test_a_lost_secret_key_is_told_and_nothing_is_sent(
    serving: Any, run_it: Any, now: Any, settings: Any
) -> None:
    source = serving(Zendesk())
    connection = connect(source, now)
    settings.SECRET_KEY = "another"
    run = run_it(connection)
    assert run.state == "failed" and source.asked == []
    with pytest.raises(vault.SealError):
        vault.unseal(connection.credentials)
