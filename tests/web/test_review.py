"""The page of the service review: read, decided, exported, by those who configure."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from django.test import Client

from evergreen.outcomes.models import ReviewDecision
from tests.playbooks.building import enter, published, task, wait

AsPerson = Callable[..., Client]


def test_a_quarter_is_read_decided_and_exported(cast: SimpleNamespace, as_person: AsPerson) -> None:
    enter(published(task("call"), wait("rest", days=9)), cast.well)
    boss = as_person(cast.boss)
    page = boss.get("/review/?quarter=2026-Q4").content.decode()
    assert "Entered" in page and "care" in page and "Oct 1" in page
    assert "Nothing of this kind" in boss.get("/review/?quarter=2026-Q4&kind=rule").content.decode()
    where = "/review/decision/?quarter=2026-Q4&kind=playbook"
    assert (
        boss.post(where, {"what": "playbook|care", "decision": "change", "note": "shorter"}).status_code
        == 302
    )
    assert "shorter" in boss.get("/review/?quarter=2026-Q4").content.decode()
    boss.post(where, {"what": "playbook|care", "decision": "burn"})
    assert ReviewDecision.objects.get().decision == "change"
    assert boss.post(where, {"what": "playbook|gone", "decision": "keep"}).status_code == 404
    rows = boss.post("/review/export/?quarter=2026-Q4").content.decode("utf-8-sig").splitlines()
    assert len(rows) == 2 and "shorter" in rows[1]
    assert boss.get("/review/?quarter=2026-Q9").status_code == 404
    assert as_person(cast.owner).get("/review/").status_code == 404
