"""`evergreen twin account`: the year by lever as a table and as JSON, and every way to be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from evergreen.customers.models import Account
from evergreen.foresight.models import Effect, LeverCost
from evergreen.launch.commands import twin
from tests.foresight.twin.test_asking import NOW, planted


@pytest.fixture
def installed(home: Any, db: None) -> Any:
    """A home that was initialised: the command asks for it."""
    home.secret.touch()
    return home


def test_an_account_s_year_is_told_as_a_table_and_as_json(
    installed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    planted()
    Effect.objects.create(
        lever="training", figure=Effect.Figure.USAGE, estimate=0.3, low=0.2, high=0.4, accounts=200, known_at=NOW, origin_kind="experiment"
    )  # fmt: skip
    LeverCost.objects.create(lever="training", cost_cents=30_000, currency="CNY", changed_at=NOW)
    twin.account("T-1", cost=[], home=installed.root, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["account"], told["name"], told["on"]) == ("T-1", "客户1", "2026-11-16")
    assert 0 < told["stays"] < 1 and len(told["nothing"]["usage"]) == 13
    rows = {row["lever"]: row for row in told["levers"]}
    assert set(rows) == {"features", "users", "training", "touches"}
    one = rows["training"]
    # What is kept on the page counts, and what is given on the line comes before it.
    assert (one["rests_on"], one["cost_cents"]) == ("experiment", 30_000)
    assert one["roi"] == pytest.approx([(kept - 30_000) / 30_000 for kept in one["kept_cents"]], abs=1e-3)
    assert rows["touches"]["told"] is False and rows["touches"]["roi"] is None
    twin.account("T-1", cost=["training=60000"], home=installed.root, as_json=False)
    shown = capsys.readouterr()
    assert "As of 2026-11-16" in shown.err
    line = next(text for text in shown.out.splitlines() if text.startswith("training"))
    assert "experiment" in line and f"{(one['kept_cents'][1] - 60_000) / 60_000:.0%} (" in line
    assert "(30 needed)" in shown.out


@pytest.mark.parametrize(
    ("external_id", "cost", "says"),
    [
        ("nobody", [], "No account has the external id 'nobody'"),
        ("T-1", ["sleep=5"], "one of features, users, training, touches"),
        ("T-1", ["training=0"], "a whole amount above 0"),
        ("T-1", ["training=1.5"], "a whole amount above 0"),
        ("T-1", [], "There is no snapshot yet"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_a_reason(
    installed: Any, capsys: pytest.CaptureFixture[str], external_id: str, cost: list[str], says: str
) -> None:
    Account.objects.create(
        external_id="T-1", name="客户1", stage=Account.Stage.STEADY, created_at=NOW, known_at=NOW
    )
    with pytest.raises(typer.Exit) as end:
        twin.account(external_id, cost=cost, home=installed.root, as_json=True)
    shown = capsys.readouterr()
    assert end.value.exit_code == 2 and says in shown.err and not shown.out


def test_who_left_is_not_simulated(installed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    planted()
    with pytest.raises(typer.Exit):
        twin.account("T-4", cost=None, home=installed.root, as_json=False)
    assert "nothing of this account was in force" in capsys.readouterr().err
