"""Templates and surveys as files, and playbooks of the same folder that send them."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.core.exceptions import ValidationError
from django.test import Client

from evergreen.flow import config
from evergreen.playbooks.models import Playbook
from evergreen.touches.actions import save_template
from evergreen.touches.models import Message, Survey, Template
from evergreen.touches.surveys.declaring import save_survey
from evergreen.touches.surveys.shipping import install_shipped
from tests.playbooks.building import published

pytestmark = pytest.mark.django_db


def whats(folder: Path) -> dict[tuple[str, str], str]:
    return {(one.kind, one.key): one.what for one in config.differences(folder)}


@pytest.fixture
def shipped(cast: SimpleNamespace, home: Any, now: dt.datetime) -> None:
    install_shipped(now=now)


def forget() -> None:
    """As an installation where nothing of it is."""
    Playbook.objects.all().delete()
    Survey.objects.all().delete()
    Template.objects.all().delete()


def test_everything_that_ships_goes_to_another_installation_and_back(
    shipped: None, tmp_path: Path, now: dt.datetime
) -> None:
    told = {"key": "hello", "kind": "message", "template": "welcome", "to": "first", "by": ["mail"]}
    asked = {"key": "ask", "kind": "survey", "survey": "relationship"}
    published(told, asked, key="greet", now=now, is_on=False)
    before = {one.key: (one.name, one.topic, one.subject, one.body) for one in Template.objects.all()}
    config.export(tmp_path)
    assert [one for one in config.differences(tmp_path) if one.what != "same"] == []
    forget()
    assert set(whats(tmp_path).values()) == {"new"}
    assert not Template.objects.exists() and not Survey.objects.exists(), "looking changes nothing"
    config.apply(tmp_path, by=None, now=now)
    assert {one.key: (one.name, one.topic, one.subject, one.body) for one in Template.objects.all()} == before
    assert Survey.objects.count() == 4 and not Survey.objects.filter(is_on=True).exists()
    assert Playbook.objects.get(key="greet").origin == "file"
    assert set(whats(tmp_path).values()) == {"same"}


def test_what_is_kept_in_files_is_changed_there_until_it_is_detached(
    shipped: None, cast: SimpleNamespace, tmp_path: Path, now: dt.datetime
) -> None:
    config.export(tmp_path)
    config.apply(tmp_path, by=None, now=now)
    template, survey = Template.objects.get(key="welcome"), Survey.objects.get(key="support")
    given = {name: getattr(survey, name) for name in ("name", "kind", "question", "to", "by")}
    with pytest.raises(ValidationError):
        save_template(
            template,
            "welcome",
            {"name": template.name, "topic": "guidance", "body": {"zh": "x"}},
            by=None,
            now=now,
        )
    with pytest.raises(ValidationError):
        save_survey(survey, "support", given, by=None, now=now)
    client = Client()
    client.force_login(cast.boss)
    assert client.post("/surveys/support/detachment/").status_code == 302
    survey.refresh_from_db()
    save_survey(survey, "support", {**given, "question": {"zh": "怎么样？"}}, by=None, now=now)
    assert whats(tmp_path)["survey", "support"] == "changed"
    assert client.post("/surveys/support/detachment/").status_code == 404


def test_a_file_changes_a_text_and_one_that_is_gone_is_put_away(
    shipped: None, tmp_path: Path, now: dt.datetime
) -> None:
    config.export(tmp_path)
    config.apply(tmp_path, by=None, now=now)
    path = tmp_path / "templates" / "welcome.yaml"
    told = yaml.safe_load(path.read_text())
    told["body"]["zh"] = "{{ contact.name }}，欢迎！"
    path.write_text(yaml.safe_dump(told, allow_unicode=True))
    (tmp_path / "templates" / "first-steps.yaml").unlink()
    (tmp_path / "surveys" / "effort.yaml").unlink()
    Survey.objects.filter(key="effort").update(is_on=True)
    config.apply(tmp_path, prune=True, by=None, now=now)
    assert Template.objects.get(key="welcome").body["zh"] == "{{ contact.name }}，欢迎！"
    assert Template.objects.get(key="first-steps").is_archived
    assert not Survey.objects.get(key="effort").is_on


def test_every_mistake_of_every_file_is_said_and_nothing_is_changed(
    cast: SimpleNamespace, home: Any, tmp_path: Path, now: dt.datetime
) -> None:
    for folder in ("templates", "surveys"):
        (tmp_path / folder).mkdir()

    def write(path: str, **told: Any) -> None:
        (tmp_path / path).write_text(yaml.safe_dump(told, allow_unicode=True))

    write("templates/bad.yaml", name="坏", topic="gossip", body={"zh": "{{ account.nothing }}"})
    write("templates/odd.yaml", name="怪", topic="guidance", body={"zh": "好"}, sms=["x"])
    write("templates/less.yaml", name="缺")
    write(
        "surveys/lost.yaml",
        name="问",
        kind="nps",
        question="推荐吗？",
        by="mail",
        segment="none",
        template="nobody",
    )
    with pytest.raises(config.ConfigError) as error:
        config.apply(tmp_path, by=None, now=now)
    said = "\n".join(error.value.problems)
    for part in (
        "templates/bad.yaml",
        "gossip",
        "account.nothing",
        "templates/odd.yaml",
        "templates/less.yaml",
        "surveys/lost.yaml",
        "none",
        "nobody",
    ):
        assert part in said
    assert not Template.objects.exists() and not Survey.objects.exists() and not Message.objects.exists()
    shutil.rmtree(tmp_path / "templates")
    write("surveys/lost.yaml", name="问", kind="nps", question="推荐吗？", by="mail")
    config.apply(tmp_path, by=None, now=now)
    assert Survey.objects.get().template.key == "survey-invitation" or Template.objects.count() == 1
