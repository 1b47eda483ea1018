"""A stranger's large body is refused before a byte of it is kept; one of somebody signed in reaches the page."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from evergreen.launch.large_bodies import SMALL_BYTES, SignedInForLarge

pytestmark = pytest.mark.django_db(transaction=True)


def asked(*headers: tuple[bytes, bytes]) -> tuple[int, bool]:
    """(status, whether the pages were asked)."""
    told: list[dict[str, Any]] = []
    reached = False

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        nonlocal reached
        reached = True
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        raise AssertionError("a body was read")

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {"type": "http", "path": "/imports/", "headers": list(headers)}
    asyncio.run(SignedInForLarge(pages)(scope, receive, send))
    return told[0]["status"], reached


def length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", str(size).encode()


@pytest.mark.parametrize(
    "headers",
    [
        [length(SMALL_BYTES + 1)],
        [(b"transfer-encoding", b"chunked")],
        [(b"content-length", b"-5")],
        [length(SMALL_BYTES + 1), (b"cookie", b"sessionid=made-up; other=1")],
        [length(SMALL_BYTES + 1), (b"cookie", b"\xff\x00=;;=")],
    ],
)
def test_a_stranger_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    assert asked(*headers) == (401, False)


def test_a_small_body_passes() -> None:
    assert asked(length(SMALL_BYTES)) == (200, True)


@pytest.mark.postgres
def test_somebody_signed_in_passes_until_signing_out(transactional_db: None, cast: SimpleNamespace) -> None:
    client = Client()
    client.force_login(cast.owner)
    cookie = (
        b"cookie",
        f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode(),
    )
    assert asked(length(SMALL_BYTES + 1), cookie) == (200, True)
    client.logout()
    assert asked(length(SMALL_BYTES + 1), cookie) == (401, False)
