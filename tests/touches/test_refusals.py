"""JRN-20: what stands on the wire of a mail that may be refused, and what a link does for programs, people and forgers."""

from __future__ import annotations

import os
import re
from email import message_from_string, policy
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.core import serializers
from django.test import Client

from evergreen.touches.models import Channel, Consent, DeadAddress, Message, Receipt
from tests.touches.conftest import mail_server_port, post

__all__ = ["mail_server_port", "post"]
# A hundred make the plan's 500 cases: a GET, a HEAD, a post, a replay and a forged link of each.
MAILS = int(os.environ.get("EVERGREEN_REFUSALS", "15"))
_LINKS = re.compile(r"https://cs\.example\.com[^\s<>\"')]+")
ROWS = (Message, Receipt, Consent, DeadAddress, Channel)


def standing() -> list[str]:
    """Every row that a link could change."""
    return [serializers.serialize("json", model.objects.order_by("pk")) for model in ROWS]


@pytest.fixture
def mails(post: SimpleNamespace) -> list[SimpleNamespace]:
    """Mails as they went over the wire: the address of refusal in the header, and every link of ours in them."""
    post.write(*(post.contact(f"c{n}") for n in range(MAILS)))
    # Beyond what one person may get a day there are many people: each gets one.
    assert post.send() == MAILS
    found = []
    for one in post.log():
        mail = message_from_string(one["raw"], policy=policy.default)
        header = str(mail["List-Unsubscribe"])
        assert str(mail["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"
        texts = [
            header,
            *(part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"),
        ]
        links = sorted({link.rstrip(".>") for text in texts for link in _LINKS.findall(text)})
        found.append(SimpleNamespace(raw=one["raw"], header=header, links=links, to=one["to"][0]))
    return found


def test_both_headers_stand_on_the_wire_each_on_one_line(mails: list[SimpleNamespace]) -> None:
    for one in mails:
        lines = one.raw.replace("\r\n", "\n").split("\n\n", 1)[0].splitlines()
        (said,) = [n for n, line in enumerate(lines) if line.startswith("List-Unsubscribe:")]
        assert re.fullmatch(r"List-Unsubscribe: <https://[^\s<>]+>\r?", lines[said]), lines[said : said + 2]
        assert not lines[said + 1].startswith((" ", "\t"))  # a folded address breaks for some signers
        assert one.header.strip(" <>") in one.links


def test_a_scanner_that_follows_every_link_changes_nothing(mails: list[SimpleNamespace]) -> None:
    before, scanner = standing(), Client()
    for one in mails:
        for link in one.links:
            path = urlsplit(link).path
            assert scanner.get(path).status_code == 200, link
            assert scanner.head(path).status_code == 200
            assert scanner.get(path, headers={"purpose": "prefetch"}).status_code == 200
    assert standing() == before


def test_one_click_refuses_without_a_cookie_and_again_changes_nothing(mails: list[SimpleNamespace]) -> None:
    program = Client(enforce_csrf_checks=True)
    for one in mails:
        path = urlsplit(one.header.strip(" <>")).path
        for _replayed in range(2):
            answer = program.post(path, {"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200 and not answer.cookies
    refused = Consent.objects.filter(state=Consent.State.WITHDRAWN, medium="mail", topic="guidance")
    assert {f"{line.contact.name}@there.example" for line in refused if line.contact} == {
        one.to for one in mails
    }
    assert Consent.objects.count() == Receipt.objects.count() == MAILS


def test_a_forged_link_is_none(mails: list[SimpleNamespace]) -> None:
    before, forger = standing(), Client()
    paths = [urlsplit(one.header.strip(" <>")).path for one in mails]
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        key, _colon, sign = path.rstrip("/").rpartition(":")
        forged = (
            f"{key}:{sign[:-1]}/",
            f"{key}:{sign}x/",
            f"{key}/",
            f"{key}:{other.rstrip('/').rpartition(':')[2]}/",
            f"{path[:-2]}%00/",
        )
        for one in forged if MAILS > 1 else forged[:3]:
            assert forger.get(one).status_code == 404, one
            assert forger.post(one).status_code == 404, one
    assert standing() == before
