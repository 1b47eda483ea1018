"""The pages of splits and branches: read by everybody, a reading kept and decided on by those who configure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.test import Client

from evergreen.health.actions import install_shipped
from evergreen.outcomes.models import Experiment
from evergreen.playbooks import actions
from evergreen.playbooks.models import Passage, Playbook
from tests.conftest import NOW
from tests.outcomes.nights import book, write
from tests.playbooks.building import enter, published, task

AsPerson = Callable[..., Client]
pytestmark = pytest.mark.usefixtures("home")
BEGAN = NOW - dt.timedelta(days=60)
SPLIT = {"key": "toss", "kind": "split", "arms": [{"share": 50, "to": "over"}, {"share": 50, "to": "call"}]}
BRANCH = {
    "key": "look",
    "kind": "branch",
    "ways": [{"when": "tier = growth", "to": "over"}],
    "otherwise": "toss",
}


def _divided(cast: SimpleNamespace, n: int = 60) -> Playbook:
    install_shipped(now=NOW)
    made = book(cast.owner, n)
    playbook = published(BRANCH, SPLIT, task("call"), now=BEGAN, holdout=10)
    enter(playbook, *made, now=BEGAN)
    actions.tick(now=BEGAN)
    called = set(Passage.objects.filter(way="call").values_list("account_id", flat=True))
    write(
        (BEGAN.date() + dt.timedelta(days=after), one.pk, k % 9, 50 + k % 9 + (30 if after > 0 and one.pk in called else 0) + (after * k) % 5)
        for k, one in enumerate(made)
        for after in (-1, 28, 59)
    )  # fmt: skip
    return playbook


@pytest.mark.parametrize(("language", "drawn", "sorted_"), [("en", "Health score: +", "This proves nothing"), ("zh-hans", "健康度：call ", "这什么也证明不了")])  # fmt: skip
def test_a_split_has_a_verdict_and_a_branch_says_that_it_proves_nothing(
    cast: SimpleNamespace, as_person: AsPerson, language: str, drawn: str, sorted_: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    _divided(cast)
    client = as_person(cast.owner)
    page = client.get("/playbooks/care/splits/toss/?days=28").content.decode()
    assert drawn in page and "p = " in page and "5,000" in page
    page = client.get("/playbooks/care/splits/look/?days=28").content.decode()
    assert sorted_ in page and "p = " not in page and "p &lt;" not in page
    assert client.get("/playbooks/care/splits/toss/?days=90").status_code == 200
    index = client.get("/experiments/").content.decode()
    assert "/playbooks/care/splits/toss/" in index and "/playbooks/care/splits/look/" not in index
    shown = client.get("/playbooks/care/").content.decode()
    assert "/playbooks/care/splits/toss/" in shown and "/playbooks/care/splits/look/" in shown


def test_a_reading_is_kept_with_its_figures_and_decided_on(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    playbook = _divided(cast)
    asked = "/playbooks/care/splits/toss/readings/"
    assert as_person(cast.owner).post(asked, {"days": "28"}).status_code == 404
    client = as_person(cast.boss)
    answer = client.post(asked, {"days": "28"})
    kept = Experiment.objects.get()
    assert answer["Location"] == f"/experiments/{kept.pk}/" and kept.origin_id == "care/toss/28"
    figures = kept.result
    # More accounts come later: what was kept stays as it was.
    enter(playbook, *book(cast.owner, 0), now=BEGAN)
    page = client.get(f"/experiments/{kept.pk}/").content.decode()
    assert (
        "Health score" in page and "/playbooks/care/splits/toss/" in page and "Column of the arm" not in page
    )
    assert client.post(f"/experiments/{kept.pk}/", {"arm": "x"}).status_code == 422
    client.post(f"/experiments/{kept.pk}/decision/", {"decision": "change", "reason": "It helps."})
    kept.refresh_from_db()
    assert kept.state == "decided" and kept.result == figures
    client.post(f"/experiments/{kept.pk}/removal/")
    assert not Experiment.objects.exists()


def test_what_is_no_split_is_not_found_and_what_nobody_went_through_keeps_nothing(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    published(BRANCH, SPLIT, task("call"))
    client = as_person(cast.boss)
    for step in ("call", "over", "nowhere"):
        assert client.get(f"/playbooks/care/splits/{step}/").status_code == 404
    assert client.post("/playbooks/care/splits/look/readings/").status_code == 404
    assert "Nothing to compare yet" in client.get("/playbooks/care/splits/toss/").content.decode()
    assert "Nobody to show yet" in client.get("/playbooks/care/splits/look/").content.decode()
    client.post("/playbooks/care/splits/toss/readings/")
    assert not Experiment.objects.exists()


def test_passages_of_runs_from_before_are_read_from_their_trails(cast: SimpleNamespace) -> None:
    _divided(cast, 20)
    kept = set(Passage.objects.values_list("step", "account_id", "way", "at"))
    assert len(kept) == 40
    Passage.objects.all().delete()
    import_module("evergreen.playbooks.migrations.0007_passages_of_before").fill(apps, None)
    assert set(Passage.objects.values_list("step", "account_id", "way", "at")) == kept
