"""Who is erased leaves the tables of experiments too."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.base.models import AuditEntry
from evergreen.customers.models import Contact
from evergreen.outcomes.experiments import actions, forgetting
from evergreen.outcomes.models import Experiment
from tests.conftest import NOW

ROWS = [
    ("ann@well.example ", "new", "1.50", "2026-01-02"),
    ("ANN@well.example", "old", "2.00", "2026-01-03"),
    ("bob@well.example", "new", "3.10", "2026-01-04"),
    ("eve@other.example", "old", "4.00", "2026-01-05"),
    ("ann", "old", "5.00", "2026-01-06"),
]


def _brought(home: Any, name: str) -> Experiment:
    home.files.mkdir(parents=True, exist_ok=True)
    stored = f"upload-{name}"
    heads = ("mail", "arm", "spent", "on")
    if name.endswith(".parquet"):
        told = io.BytesIO()
        pq.write_table(
            pa.table(
                {head: list(column) for head, column in zip(heads, zip(*ROWS, strict=True), strict=True)}
            ),
            told,
        )
        (home.files / stored).write_bytes(told.getvalue())
    else:
        mark = "\t" if name.endswith(".tsv") else ","
        (home.files / stored).write_text("\n".join(mark.join(row) for row in (heads, *ROWS)))
    return actions.bring(stored, name, name=name, by=None, now=NOW)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
def test_rows_that_name_a_contact_go_and_the_others_stay_as_they_were(
    cast: SimpleNamespace, home: Any, name: str
) -> None:
    experiment = _brought(home, name)
    if name != "a.parquet":  # whose amounts are texts
        actions.compare(experiment, arm="arm", control="old", outcomes=["spent"], by=None, now=NOW)
    contact = Contact.objects.create(account=cast.well, external_id="C-ann", name="Ann", email="ann@well.example", known_at=NOW)  # fmt: skip
    before = experiment.result
    assert forgetting.forget(forgetting.names_of_contact(contact), by=None, now=NOW) == 2
    experiment.refresh_from_db()
    assert experiment.rows == 3 and experiment.result == before
    kept = home.files / experiment.file
    assert not list(home.files.glob("*.new")) and kept.stat().st_mode & 0o777 == 0o600
    if name.endswith(".parquet"):
        assert pq.read_table(kept)["mail"].to_pylist() == ["bob@well.example", "eve@other.example", "ann"]
    else:
        text = kept.read_text()
        # Amounts and days are written as they were; a name that others bear too is no ground to go.
        assert (
            "well.example" in text and "ann@" not in text.lower() and "3.10" in text and "2026-01-04" in text
        )
        assert text.splitlines()[0].replace("\t", ",") == "mail,arm,spent,on" and "\nann" in text
    assert AuditEntry.objects.get(verb="experiment.rows_erased").after == {"rows": 2}
    assert forgetting.forget(forgetting.names_of_contact(contact), by=None, now=NOW) == 0


def test_an_accounts_rows_go_by_its_ids_and_those_of_its_people(cast: SimpleNamespace, home: Any) -> None:
    experiment = _brought(home, "a.csv")
    Contact.objects.create(
        account=cast.well, external_id="C-bob", name="Bob", email="bob@well.example", known_at=NOW
    )
    assert {cast.well.external_id, cast.well.name, "bob@well.example"} <= forgetting.names_of_account(
        cast.well
    )
    assert forgetting.forget(forgetting.names_of_account(cast.well), by=None, now=NOW) == 1
    (home.files / experiment.file).unlink()
    assert forgetting.forget({"eve@other.example"}, by=None, now=NOW) == 0
    assert forgetting.forget({" ", ""}, by=None, now=NOW) == 0
