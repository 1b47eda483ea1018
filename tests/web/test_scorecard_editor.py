"""The editor of scorecards: form and YAML, preview before saving, versions, files, and who may."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.test import Client

from evergreen.health import definitions, queries
from evergreen.health.actions import install_shipped
from evergreen.health.models import Scorecard
from evergreen.health.shipped import STANDARD, STARTER
from evergreen.web.presenters.scorecards import scale_text

AsPerson = Callable[..., Client]
STANDARD_CARD = definitions.card_from(STANDARD)


@pytest.fixture
def cards(cast: SimpleNamespace, home: Any, now: dt.datetime) -> SimpleNamespace:
    install_shipped(now=now)
    return cast


def fields(page: str) -> dict[str, Any]:
    """What the form of a page would send, by the browser's rules."""
    found: dict[str, Any] = {}
    form = page.split('id="card-form"')[1].split("</form>")[0]
    for name, rest in re.findall(r'<input[^>]*?name="([^"]+)"([^>]*)>', form):
        if "checkbox" in form.split(f'name="{name}"')[0][-40:] and "checked" not in rest:
            continue
        value = re.search(r'value="([^"]*)"', rest)
        found.setdefault(name, []).append(value[1] if value else "")
    for name, options in re.findall(r'<select[^>]*?name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        found.setdefault(name, []).append(chosen[1] if chosen else first[1] if first else "")
    for name, text in re.findall(r'<textarea[^>]*?name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        found.setdefault(name, []).append(text)
    return found


@pytest.mark.parametrize("key", ["standard", "starter", "value"])
def test_saving_the_form_as_it_opened_changes_nothing(
    cards: SimpleNamespace, as_person: AsPerson, key: str
) -> None:
    client = as_person(cards.boss)
    sent = fields(client.get(f"/health/{key}/definition/").content.decode())
    assert client.post(f"/health/{key}/definition/", sent).status_code == 302
    card = Scorecard.objects.get(key=key)
    assert card.versions.count() == 1


@pytest.mark.postgres
def test_a_change_makes_a_version_with_its_day_and_can_be_taken_back(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cards.boss)
    sent = fields(client.get("/health/standard/definition/").content.decode())
    sent["m_weight"][0] = "40"
    sent["note"] = ["Use matters more"]
    assert client.post("/health/standard/definition/", sent).status_code == 302
    card = Scorecard.objects.get(key="standard")
    newest = card.versions.get(number=2)
    assert definitions.card_from(newest.definition).measures[0].weight == 40
    assert (newest.note, newest.made_by) == ("Use matters more", cards.boss)
    page = client.get("/health/standard/").content.decode()
    assert "Use matters more" in page and "Take back" in page
    client.post("/health/standard/withdrawal/", {"version": 2})
    assert queries.current_version(Scorecard.objects.get(pk=card.pk)).number == 1
    assert "taken back" in client.get("/health/standard/").content.decode()


def test_the_form_takes_measures_and_ceilings_in_and_out(cards: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cards.boss)
    sent = fields(client.get("/health/standard/definition/").content.decode())
    more = client.post("/health/shape/?of=standard", {**sent, "op": "add-measures"}).content.decode()
    assert more.count('name="m_metric"') == 7
    fewer = client.post("/health/shape/?of=standard", {**sent, "op": "measure-5"}).content.decode()
    assert fewer.count('name="m_metric"') == 5 and 'value="NPS"' not in fewer
    none = client.post("/health/shape/?of=standard", {**sent, "op": "cap-0"}).content.decode()
    assert none.count('name="c_metric"') == 0


def test_mistakes_are_said_where_they_are_and_nothing_is_saved(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cards.boss)
    sent = fields(client.get("/health/standard/definition/").content.decode())
    sent["m_weight"][0], sent["m_points"][1], sent["green"] = "much", "10: 0, 5: 100", ["50"]
    told = client.post("/health/standard/definition/", sent)
    page = told.content.decode()
    assert told.status_code == 422
    assert "frequency: weight: found much" in page and "depth: scale: points" in page and "bands" in page
    assert 'value="much"' in page
    assert (
        "frequency: weight: found much" in client.post("/health/preview/?of=standard", sent).content.decode()
    )
    sent = {**sent, "m_weight": ["1"] * 6, "m_points": fields(client.get("/health/standard/definition/").content.decode())["m_points"], "green": ["80"], "effective_on": ["soon"]}  # fmt: skip
    assert "Write the day as" in client.post("/health/standard/definition/", sent).content.decode()
    assert Scorecard.objects.get(key="standard").versions.count() == 1


def test_a_new_card_may_be_put_in_as_yaml(cards: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cards.boss)
    page = client.get("/health/new/?mode=yaml").content.decode()
    assert 'name="text"' in page
    text = yaml.safe_dump({"name": {"zh": "甲"}, "definition": STARTER}, allow_unicode=True)
    sent = {"mode": "yaml", "name_zh": "甲", "effective_on": "2026-11-30", "text": text}
    assert client.post("/health/new/", sent).status_code == 302
    made = Scorecard.objects.get(name={"zh": "甲"})
    assert definitions.card_from(made.versions.get().definition) == definitions.card_from(STARTER)
    wrong = client.post("/health/new/", {**sent, "text": "measures: [\n"})
    assert wrong.status_code == 422 and "no readable YAML" in wrong.content.decode()


def test_a_card_as_a_file_is_what_config_reads(cards: SimpleNamespace, as_person: AsPerson) -> None:
    answer = as_person(cards.owner).get("/health/standard/file/")
    told = yaml.safe_load(answer.content)
    assert answer["Content-Disposition"] == 'attachment; filename="standard.yaml"'
    assert definitions.card_from(told["definition"]) == STANDARD_CARD and told["name"]["en"] == "Standard"


def test_what_is_kept_in_files_is_changed_there_until_it_is_detached(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    Scorecard.objects.filter(key="value").update(origin="file")
    client = as_person(cards.boss)
    assert "Kept in files" in client.get("/health/value/").content.decode()
    for path in ("definition", "withdrawal", "archive"):
        assert client.post(f"/health/value/{path}/", {"version": 1}).status_code == 302
    assert Scorecard.objects.get(key="value").is_active
    client.post("/health/value/detachment/")
    assert not Scorecard.objects.get(key="value").is_in_files


def test_a_card_is_put_away_but_not_the_default(cards: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cards.boss)
    client.post("/health/value/archive/")
    client.post("/health/standard/archive/")
    active = Scorecard.objects.filter(is_active=True).values_list("key", flat=True)
    assert sorted(active) == ["standard", "starter"]
    assert "put away" in client.get("/health/value/").content.decode()


def test_who_may_not_configure_changes_nothing(cards: SimpleNamespace, as_person: AsPerson) -> None:
    client = as_person(cards.owner)
    assert "/health/new/" not in client.get("/health/").content.decode()
    for path in ("new", "standard/definition"):
        assert client.get(f"/health/{path}/").status_code == 404
    for path in (
        "preview",
        "shape",
        "trial",
        "standard/withdrawal",
        "standard/archive",
        "standard/detachment",
    ):
        assert client.post(f"/health/{path}/").status_code == 404


def test_the_preview_and_the_trial_answer_before_the_first_night(
    cards: SimpleNamespace, as_person: AsPerson
) -> None:
    client = as_person(cards.boss)
    sent = fields(client.get("/health/standard/definition/").content.decode())
    assert (
        "They come with the first night" in client.post("/health/preview/?of=standard", sent).content.decode()
    )
    assert "Too few accounts left" in client.post("/health/trial/?of=standard", sent).content.decode()


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        ({"kind": "line", "points": [[-0.5, 0], [0, 70], [0.3, 100]]}, "-0.5: 0, 0: 70, 0.3: 100"),
        ({"kind": "target", "target": 0.8}, "0.8"),
        ({"kind": "worth", "per": 7, "worth": -40}, "7: -40"),
        ({"kind": "percentile"}, ""),
        (
            {"kind": "by", "metric": "contract_age_days", "choices": [[60, {"kind": "steps", "points": [[0, 0], [0.5, 70]]}], [210, {"kind": "percentile"}]]},
            "contract_age_days | 60: steps 0: 0, 0.5: 70 | 210: percentile",
        ),
    ],
)  # fmt: skip
def test_a_scale_as_text_comes_back_as_it_was(scale: dict[str, Any], text: str) -> None:
    assert scale_text.written(scale) == text
    again = scale_text.read(scale["kind"], text)
    additive = scale["kind"] == "worth"

    def card(one: dict[str, Any]) -> Any:
        measure = {"key": "a", "metric": "a", "weight": 1, "scale": one}
        return definitions.card_from({"additive": additive, "measures": [measure]})

    assert card(again) == card(scale)
