"""WeCom: whose contact a person is, who owns an account, and what its codes mean in words."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen.base.actions import add_staff
from evergreen.customers.actions import create_account
from evergreen.customers.models import Account, Contact
from evergreen.events.connections import actions, running
from evergreen.events.sources.adapter import SourceError
from evergreen.events.sources.registry import adapter
from tests.connectors.fake import Answer
from tests.connectors.systems import Wecom

pytestmark = pytest.mark.django_db


def test_contacts_go_to_the_accounts_that_their_companies_name(serving: Any, run_it: Any, now: Any) -> None:
    create_account(external_id="A1", name="恒岳机械", by=None, now=now)
    create_account(external_id="A2", name="上海澄明财税科技", by=None, now=now)
    source = serving(Wecom())
    source.follows["wo002"][0]["remark_corp_name"] = "A1"
    source.follows["wo004"][0].pop("remark_corp_name")
    connection = actions.add_connection("wecom", "企微", source.config(), by=None, now=now)
    run = run_it(connection)
    assert run.state == "done" and "companies" not in run.streams, "accounts that stand come from elsewhere"
    found = dict(Contact.objects.values_list("external_id", "account__external_id"))
    assert found["wecom:wo000"] == "A1", "by the tag"
    assert found["wecom:wo002"] == "A1", "by an account's id in the remark"
    assert found["wecom:wo001"] == "A2", "by the company's name without its form, its place written elsewhere"
    assert "wecom:wo005" not in found and "wecom:wo004" not in found, "no account, or no company"
    assert run.total("rejected") == 10 - len(found)
    person = Contact.objects.get(external_id="wecom:wo001")
    assert (person.name, person.title, person.phone) == ("客户1", "经理", "13900000000")
    create_account(external_id="A3", name="云杉物业股份有限公司", by=None, now=now)
    again = run_it(connection)
    assert again.total("created") > 0 and again.total("rejected") == 1, (
        "found as soon as the account is there"
    )


def test_a_name_that_two_accounts_have_names_none(serving: Any, run_it: Any, now: Any) -> None:
    for key in ("A1", "A2"):
        create_account(external_id=key, name="恒岳机械有限公司", by=None, now=now)
    source = serving(Wecom())
    run_it(actions.add_connection("wecom", "企微", source.config(), by=None, now=now))
    assert not Contact.objects.filter(account__external_id__in=("A1", "A2")).exists()


def test_who_added_most_owns_the_company_and_no_account_is_made_twice(
    serving: Any, run_it: Any, now: Any
) -> None:
    lu = add_staff("lu.heng@example.com")
    zhou = add_staff("zhou.min@example.com")
    create_account(external_id="A1", name="上海恒岳机械有限公司", by=None, now=now)
    source = serving(Wecom())
    connection = actions.add_connection("wecom", "企微", source.config(), by=None, now=now)
    connection.feeds = {}
    connection.save(update_fields=["feeds"])
    run = run_it(connection)
    assert (run.state, run.error, run.total("rejected")) == ("done", "", 0)
    known = Account.objects.get(external_id="A1")
    assert (known.name, known.owner) == ("上海恒岳机械有限公司", lu), "it keeps its own name"
    assert Account.objects.count() == 3
    assert Account.objects.filter(owner=zhou).count() == 1, "a member who is listed with an address"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"errcode": 60020, "errmsg": "not allow to access from your ip, from ip: 203.0.113.7, more"},
            "203.0.113.7",
        ),
        ({"errcode": 48002, "errmsg": "forbidden canary"}, "可调用接口的应用"),
        ({"errcode": 40096, "errmsg": "canary"}, "40096"),
    ],
)
def test_a_refusal_says_where_to_mend_it(serving: Any, now: Any, told: dict[str, Any], said: str) -> None:
    source = serving(Wecom())
    source.routes["/cgi-bin/externalcontact/get_follow_user_list"] = lambda asked: Answer(told)
    found = actions.add_connection("wecom", "企微", source.config(), by=None, now=now)
    with pytest.raises(SourceError, match=said) as error:
        running.tried(found)
    assert "canary" not in str(error.value) and "access_token" not in str(error.value)


def test_the_test_button_works_and_mistakes_in_members_name_their_line(serving: Any, now: Any) -> None:
    source = serving(Wecom())
    found = actions.add_connection("wecom", "企微", source.config(), by=None, now=now)
    assert "3" in running.tried(found)
    with pytest.raises(SourceError, match="2"):
        adapter("wecom", {**source.config(), "members": "zhou: z@example.com\nwang"})
