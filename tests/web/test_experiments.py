"""Experiments: a table brought in, set up, compared and decided by those who configure; read by everybody."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from evergreen.outcomes.models import Experiment

AsPerson = Callable[..., Client]
pytestmark = pytest.mark.usefixtures("home")


def _table(n: int = 400, ratio: int = 2) -> bytes:
    chance = np.random.default_rng(2)
    lines = ["unit,arm,kept,spent"]
    for unit in range(n):
        is_new = unit % ratio == 0
        kept = chance.random() < (0.8 if is_new else 0.4)
        lines.append(
            f"u{unit},{'new' if is_new else 'old'},{str(bool(kept)).lower()},{chance.exponential(20):.2f}"
        )
    return "\n".join(lines).encode()


def _brought(client: Client, data: bytes, name: str = "trial.csv", **fields: Any) -> Experiment:
    answer = client.post(
        "/experiments/", {"name": "Onboarding call", "file": SimpleUploadedFile(name, data), **fields}
    )
    assert answer.status_code == 302
    return Experiment.objects.latest("pk")


def _files(home: Any) -> list[Path]:
    return list(home.files.glob("upload-*"))


SETUP: dict[str, Any] = {"arm": "arm", "control": "old", "outcomes": ["kept", "spent"], "covariate": ""}


def test_a_table_is_brought_set_up_compared_and_decided(cast: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cast.boss)
    experiment = _brought(client, _table(), hypothesis="More of them stay.")
    address = f"/experiments/{experiment.pk}/"
    assert "arm: new / old" in client.get(address).content.decode()
    assert client.post(address, SETUP).status_code == 302
    page = client.get(address).content.decode()
    assert "also for whoever looked every day" in page and "points" in page and "More of them stay." in page
    assert "no difference can be told apart from chance" in page  # what they spent is the same
    experiment.refresh_from_db()
    kept = experiment.result["readings"][0]
    assert kept["outcome"] == "kept" and 0.3 < kept["absolute"]["value"] < 0.5
    client.post(f"{address}decision/", {"decision": "change", "reason": ""})
    assert Experiment.objects.get().state == "compared"
    client.post(f"{address}decision/", {"decision": "change", "reason": "It keeps them."})
    assert "It keeps them." in client.get("/experiments/").content.decode()
    assert client.post(address, SETUP).status_code == 422  # what a decision rests on stays
    text = client.post(f"{address}export/").content.decode("utf-8-sig")
    assert "kept" in text and "Welch" not in text and text.count("\n") > 5


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_everybody_reads_and_only_those_who_configure_change(
    cast: SimpleNamespace, as_person: AsPerson, language: str, home: Any
) -> None:
    experiment = _brought(as_person(cast.boss), _table())
    cast.owner.language = language
    cast.owner.save()
    client = as_person(cast.owner)
    assert (
        client.get("/experiments/").status_code
        == client.get(f"/experiments/{experiment.pk}/").status_code
        == 200
    )
    before = len(_files(home))
    for address in (
        "/experiments/",
        f"/experiments/{experiment.pk}/",
        f"/experiments/{experiment.pk}/removal/",
        f"/experiments/{experiment.pk}/decision/",
    ):
        assert (
            client.post(address, {**SETUP, "file": SimpleUploadedFile("x.csv", _table())}).status_code == 404
        )
    assert len(_files(home)) == before == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arm": "unit"}, "allowed: arm, kept"),
        ({"control": "none"}, "allowed: new, old"),
        ({"outcomes": []}, "allowed: kept, spent"),
        ({"decides": "unit"}, "allowed: kept, spent"),
        ({"outcomes": ["unit"]}, "allowed: kept, spent"),
        ({"covariate": "arm"}, "allowed: kept, spent"),
    ],
)
def test_what_cannot_be_compared_is_said_and_nothing_is_changed(
    cast: SimpleNamespace, as_person: AsPerson, changes: dict[str, Any], says: str
) -> None:
    client = as_person(cast.boss)
    experiment = _brought(client, _table())
    answer = client.post(f"/experiments/{experiment.pk}/", {**SETUP, **changes})
    assert answer.status_code == 422 and says in answer.content.decode()
    experiment.refresh_from_db()
    assert experiment.state == "draft" and not experiment.result


@pytest.mark.parametrize(
    ("name", "data"), [("a.txt", b"x"), ("a.csv", b"a,b\n"), ("a.parquet", b"no parquet"), ("a.xlsx", b"PK")]
)
def test_a_file_that_is_no_table_leaves_nothing_behind(
    cast: SimpleNamespace, as_person: AsPerson, name: str, data: bytes, home: Any
) -> None:
    client = as_person(cast.boss)
    client.post("/experiments/", {"file": SimpleUploadedFile(name, data)})
    assert not Experiment.objects.exists() and not _files(home)


def test_deleted_its_file_goes_too(cast: SimpleNamespace, as_person: AsPerson, home: Any) -> None:
    client = as_person(cast.boss)
    experiment = _brought(client, _table())
    assert len(_files(home)) == 1
    client.post(f"/experiments/{experiment.pk}/removal/")
    assert not Experiment.objects.exists() and not _files(home)


def test_uneven_arms_are_flagged_before_anything_is_believed(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cast.boss)
    experiment = _brought(client, _table(600, ratio=3))
    client.post(f"/experiments/{experiment.pk}/", SETUP)
    page = client.get(f"/experiments/{experiment.pk}/").content.decode()
    assert "not of the sizes that were planned" in page and "also for whoever looked" not in page


def test_the_cookie_cats_are_read_as_they_were(
    cast: SimpleNamespace, as_person: AsPerson, datasets: Path
) -> None:
    (path,) = (datasets / "cookie_cats").glob("*.parquet")
    client = as_person(cast.boss)
    told = io.BytesIO()
    pq.write_table(pq.read_table(path), told)
    experiment = _brought(client, told.getvalue(), "cats.parquet")
    setup = {
        "arm": "test_version",
        "control": "gate_30",
        "outcomes": ["retention_7", "retention_1", "sum_gamerounds"],
    }
    assert client.post(f"/experiments/{experiment.pk}/", setup).status_code == 302
    experiment.refresh_from_db()
    week, day, rounds = experiment.result["readings"]
    assert week["outcome"] == "retention_7"
    assert [round(100 * week["absolute"][key], 2) for key in ("value", "low", "high")] == [
        -0.82,
        -1.33,
        -0.31,
    ]
    assert week["absolute"]["p"] == pytest.approx(0.0016, abs=5e-5)
    assert week["sequential"]["p"] == pytest.approx(0.067, abs=1e-3)
    assert experiment.result["ratios"]["gate_40"] == pytest.approx(0.0086, abs=5e-5)
    assert day["absolute"]["p"] == pytest.approx(0.0744, abs=5e-5)
    # One player with 49,854 rounds: shown without it beside.
    assert rounds["capped"] is not None and rounds["capped"]["p"] > 0.8
    page = client.get(f"/experiments/{experiment.pk}/").content.decode()
    assert "−0.82 points" in page and "0.0086" in page and "not of the sizes that were planned" in page


def test_three_arms_are_each_held_against_the_control(cast: SimpleNamespace, as_person: AsPerson) -> None:
    client, told = as_person(cast.boss), io.BytesIO()
    arms = ["a", "b", "c"] * 40
    pq.write_table(pa.table({"arm": arms, "x": [float(n % 7) for n in range(120)]}), told)
    experiment = _brought(client, told.getvalue(), "three.parquet")
    client.post(f"/experiments/{experiment.pk}/", {"arm": "arm", "control": "b", "outcomes": ["x"]})
    experiment.refresh_from_db()
    assert [one["arm"] for one in experiment.result["readings"]] == ["a", "c"]
    assert next(one["name"] for one in experiment.result["arms"]) == "b"
