"""The page on which a playbook is let in little by little."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from evergreen.customers.models import Account
from evergreen.health.actions import install_shipped
from evergreen.outcomes.models import Experiment
from evergreen.playbooks.models import Pilot, Rollout
from tests.conftest import NOW
from tests.outcomes.nights import book
from tests.playbooks.building import published, task

AsPerson = Callable[..., Client]
pytestmark = pytest.mark.usefixtures("home")
PAGE, ROLLOUT, PILOT = (f"/playbooks/care/{one}/" for one in ("staging", "rollout", "pilot"))


@pytest.fixture(autouse=True)
def _care(cast: SimpleNamespace) -> None:
    install_shipped(now=NOW)
    made = book(cast.owner, 80)
    for k, one in enumerate(made):
        one.arr_base_cents = 1_000_000 + k
    Account.objects.bulk_update(made, ["arr_base_cents"])
    published(task("call"))


@pytest.mark.parametrize(
    ("language", "word"), [("en", "most valuable fifth"), ("zh-hans", "价值最高的五分之一")]
)
def test_everybody_sees_what_could_be_started_and_only_those_who_configure_start_it(
    cast: SimpleNamespace, as_person: AsPerson, language: str, word: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    client = as_person(cast.owner)
    page = client.get(PAGE).content.decode()
    assert word in page and 'name="do" value="start"' not in page.split("new-rollout")[1]
    assert client.get(f"{PAGE}?strategic=1").status_code == 200
    for address in (ROLLOUT, PILOT, f"{PAGE}readings/"):
        assert (
            client.post(
                address, {"do": "start", "shares": "10 100", "days": "28", "holdout": "50"}
            ).status_code
            == 404
        )
    assert not Rollout.objects.exists() and not Pilot.objects.exists()
    assert client.get("/playbooks/nothing/staging/").status_code == 404


def test_a_rollout_is_started_raised_stopped_and_gone_on_with(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    client.post(ROLLOUT, {"do": "start", "shares": "5", "days": "28"})
    assert not Rollout.objects.exists()
    client.post(ROLLOUT, {"do": "start", "shares": "10, 50, 100", "days": "28"})
    page = client.get(PAGE).content.decode()
    assert "Wait: each side needs 20 accounts" in page and "Let in 50%" in page
    assert "10% of the accounts now" in client.get("/playbooks/care/").content.decode()
    client.post(ROLLOUT, {"do": "raise"})
    assert Rollout.objects.get().share == 50
    client.post(ROLLOUT, {"do": "stop", "why": "Too many calls."})
    assert "Too many calls." in client.get(PAGE).content.decode()
    client.post(ROLLOUT, {"do": "resume"})
    client.post(f"{PAGE}readings/", {"of": "rollout"})
    assert not Experiment.objects.exists()  # nobody to read yet
    client.post(ROLLOUT, {"do": "raise"})
    assert Rollout.objects.get().state == "done"
    assert "10 → 50 → 100%" in client.get(PAGE).content.decode()
    assert client.post(ROLLOUT, {"do": "raise"}).status_code == 404


def test_a_pilot_is_started_and_ended(cast: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cast.boss)
    assert client.post(PILOT, {"do": "off"}).status_code == 404
    client.post(PILOT, {"do": "start", "holdout": "50"})
    pilot = Pilot.objects.get()
    page = client.get(PAGE).content.decode()
    assert (
        f"{pilot.accounts.filter(is_held_out=False).count()} of the most valuable accounts were let in"
        in page
    )
    assert "A pilot runs" in client.get("/playbooks/care/").content.decode()
    client.post(PILOT, {"do": "off"})
    pilot.refresh_from_db()
    assert pilot.ended_at is not None and not pilot.playbook.is_on
    assert "The last pilot" in client.get(f"{PAGE}?days=56").content.decode()
