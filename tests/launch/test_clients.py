"""The official clients, unchanged but for their host, against the real server: all they send is there once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.launch import node_clients
from tests.launch.installation import Installation, eventually

pytestmark = pytest.mark.server

COUNT = 250
OLD = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def served(installation: Installation) -> Installation:
    """The module's installation with its server running."""
    if installation.server is None or installation.server.poll() is not None:
        installation.serve()
    return installation


@pytest.fixture(scope="module")
def node() -> None:
    node_clients.install()


def sources(served: Installation) -> dict[str, int]:
    return served.counts("source")


def settled(served: Installation, source: str, events: int) -> None:
    """Everything a source sent is in the lake, once."""
    eventually(lambda: sources(served).get(source, 0), events)


@pytest.mark.parametrize("client", ["segment", "mixpanel", "posthog"])
def test_the_unchanged_node_clients_deliver_everything_once(
    served: Installation, node: None, client: str
) -> None:
    source = f"node {client}"
    told = node_clients.send(client, served.url, served.new_key(source), f"Sent by {source}", COUNT)
    assert told["errors"] == []
    settled(served, source, told["sent"])
    kinds = served.counts("kind")
    assert all(kinds.get(kind, 0) >= 1 for kind in ("track", "identify", "group", "alias"))


def test_posthogs_node_client_delivers_by_its_newer_way_too(served: Installation, node: None) -> None:
    source = "node posthog v1"
    key = served.new_key(source)
    told = node_clients.send(
        "posthog", served.url, key, f"Sent by {source}", COUNT, POSTHOG_CAPTURE_MODE="v1"
    )
    assert told["errors"] == []
    settled(served, source, told["sent"])


@pytest.mark.parametrize("client", ["segment", "mixpanel", "posthog"])
def test_the_node_clients_tell_of_an_unknown_key(served: Installation, node: None, client: str) -> None:
    told = node_clients.send(client, served.url, "never-made", "Refused", 1)
    assert told["errors"]
    assert "Refused" not in served.counts()


def mixpanel_urls(served: Installation) -> dict[str, str]:
    return {
        "events_url": f"{served.url}/track",
        "people_url": f"{served.url}/engage",
        "groups_url": f"{served.url}/groups",
        "import_url": f"{served.url}/import",
    }


@pytest.mark.parametrize("is_buffered", [False, True])
def test_the_unchanged_mixpanel_client_delivers_everything_once(
    served: Installation, is_buffered: bool
) -> None:
    import mixpanel

    source = f"mixpanel {'buffered' if is_buffered else 'direct'}"
    key = served.new_key(source)
    consumer = (mixpanel.BufferedConsumer if is_buffered else mixpanel.Consumer)(**mixpanel_urls(served))
    client = mixpanel.Mixpanel(key, consumer)
    for number in range(COUNT):
        client.track(f"user {number % 10}", f"Sent by {source}", {"number": number, "account_id": "A-1"})
    for number in range(60):
        client.import_data("any", f"user {number}", f"Sent by {source}", OLD.timestamp(), api_secret="any")
    client.people_set("user 1", {"$email": "one@py.example"})
    client.people_increment("user 1", {"seats": 1})
    client.people_increment("user 1", {"seats": 1})
    client.group_set("company", "A-1", {"plan": "pro"})
    client.merge("any", "user 1", "$device:one")
    if is_buffered:
        consumer.flush()
    settled(served, source, COUNT + 60 + 5)


def test_a_mixpanel_buffer_with_events_of_two_projects_gives_each_its_own(served: Installation) -> None:
    import mixpanel

    consumer = mixpanel.BufferedConsumer(**mixpanel_urls(served))
    names = ["mixpanel one", "mixpanel other"]
    clients = [mixpanel.Mixpanel(served.new_key(name), consumer) for name in names]
    for number in range(101):
        clients[number % 2].track("user 1", "Mixed", {"number": number})
    consumer.flush()
    settled(served, names[0], 51)
    settled(served, names[1], 50)


def test_mixpanels_client_reads_why_it_was_refused(served: Installation) -> None:
    import mixpanel

    client = mixpanel.Mixpanel("never-made", mixpanel.Consumer(**mixpanel_urls(served)))
    with pytest.raises(mixpanel.MixpanelException, match="The write key is not known"):
        client.track("user 1", "Refused")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gzip": True},
        {"capture_mode": "v1"},
        {"capture_mode": "v1", "capture_compression": "gzip"},
        {"capture_mode": "v1", "capture_compression": "deflate"},
        {"capture_mode": "v1", "capture_compression": "zstd"},
        {"historical_migration": True},
    ],
    ids=lambda options: " ".join(map(str, options)) or "plain",
)
def test_the_unchanged_posthog_client_delivers_everything_once(
    served: Installation, options: dict[str, Any]
) -> None:
    import posthog

    source = " ".join(["posthog", *(f"{name[-11:]}={value}" for name, value in options.items())])
    failures: list[Any] = []
    client = posthog.Posthog(
        served.new_key(source),
        host=served.url,
        on_error=lambda error, batch: failures.append(error),
        **options,
    )
    for number in range(COUNT):
        client.capture(
            f"Sent by {source}",
            distinct_id=f"user {number % 10}",
            properties={"number": number},
            groups={"company": f"A-{number % 3}"},
        )
    client.capture(f"Sent by {source}", properties={"nobody": True})
    client.set(distinct_id="user 1", properties={"email": "one@py.example"})
    client.set_once(distinct_id="user 1", properties={"first": "yes"})
    client.group_identify("company", "A-1", {"plan": "pro"})
    client.alias("device", "user 1")
    assert client.get_all_flags("user 1") == {}
    client.shutdown()
    assert failures == []
    settled(served, source, COUNT + 5)


def test_posthogs_client_hears_of_each_event_that_was_put_aside(served: Installation) -> None:
    import posthog

    failures: list[Any] = []
    client = posthog.Posthog(
        served.new_key("posthog half"),
        host=served.url,
        capture_mode="v1",
        on_error=lambda error, batch: failures.append(error),
    )
    client.capture("Good", distinct_id="user 1")
    client.capture("x" * 600, distinct_id="user 1")
    client.shutdown()
    (failure,) = failures
    ((_, reason),) = failure.drops
    assert "at most 500 are allowed" in reason
    eventually(lambda: sources(served).get("posthog half"), 1)


def test_nothing_else_was_put_aside(served: Installation) -> None:
    assert {line["source"] for line in served.lines("events", "rejected")} <= {"posthog half"}


def test_what_clients_send_keeps_no_key_in_the_clear(served: Installation) -> None:
    """The write key stands in every event of Mixpanel's clients, and in the body of the others."""
    import mixpanel

    key = served.new_key("in every event")
    client = mixpanel.Mixpanel(key, mixpanel.Consumer(**mixpanel_urls(served)))
    client.track("user 1", "Kept without its key")
    with pytest.raises(mixpanel.MixpanelException):
        client.track("user 1", "Too many", {"nan": float("nan")})
    settled(served, "in every event", 1)
    for path in served.home.rglob("*"):
        if path.is_file() and path.suffix != ".duckdb_extension":
            assert key.encode() not in path.read_bytes(), path
