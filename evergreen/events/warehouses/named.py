"""Which store of single events this installation names."""

from __future__ import annotations

from urllib.parse import urlsplit

import duckdb

from evergreen.base import env
from evergreen.events import store
from evergreen.events.warehouses.contract import EventStore
from evergreen.events.warehouses.embedded import LakeEvents

_ALLOWED = (
    "nothing, for the home's own lake; clickhouse://user:password@host:8123/database (clickhouses:// over HTTPS); "
    "or chdb:///folder, which is ClickHouse inside one process, for trials"
)
# In the lake's folder, once a store outside it holds the events: where, without who asks.
_MARK = "warehouse"
_opened: dict[tuple[str, str], EventStore] = {}


def event_store(home: env.Home | None = None) -> EventStore:
    """The store that ``EVERGREEN_WAREHOUSE`` names, else the home's lake. Raises SettingError when it names none, LakeError
    when this home's events lie elsewhere or the store does not answer."""
    home = home or env.home()
    url = env.warehouse_url()
    if not url:
        _check_place(home, "")
        return LakeEvents(home)
    key = (url, str(home.root))
    if key not in _opened:
        _check_place(home, _place(url))
        _opened[key] = _open(home, url)
        if home.lake.exists():
            (home.lake / _MARK).write_text(_place(url))
    return _opened[key]


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _check_place(home: env.Home, place: str) -> None:
    """Refuse to look for events, or to put them, where this home's are not: days would be counted anew without them."""
    mark = home.lake / _MARK
    before = mark.read_text() if mark.exists() else ""
    if before == place:
        return
    if before:
        raise store.LakeError(
            f"The events of {home.root} lie in the ClickHouse at {before}, and EVERGREEN_WAREHOUSE names "
            f"{place or 'none'}. Every process of an installation needs the same. Nothing was read or written, what comes in "
            f"waits in the journal; set it as before, or, if the same database has moved, write its new address into {mark}."
        )
    if _holds_events(home):
        raise store.LakeError(
            f"EVERGREEN_WAREHOUSE names the ClickHouse at {place}, and the lake in {home.root} holds events already; there is "
            "no mover from one to the other yet. Nothing was read or written, what comes in waits in the journal; unset it, "
            "or begin a new installation."
        )


def _holds_events(home: env.Home) -> bool:
    try:
        return bool(store.scalar(store.reading(home), "SELECT 1 FROM lake.events LIMIT 1"))
    except (store.LakeError, duckdb.CatalogException):
        return False  # no lake yet


def _open(home: env.Home, url: str) -> EventStore:
    scheme = urlsplit(url).scheme
    if scheme not in {"clickhouse", "clickhouses", "chdb"}:
        raise env.SettingError(
            f"EVERGREEN_WAREHOUSE names the store of single events; found {url.split('@')[-1]!r}; allowed: {_ALLOWED}. "
            "Nothing was read or written; correct it and start again."
        )
    from evergreen.events.warehouses.clickhouse import ClickHouseEvents, Server, in_process

    try:
        client = in_process(urlsplit(url).path) if scheme == "chdb" else Server(url)
    except ImportError as error:
        raise env.SettingError(
            f"EVERGREEN_WAREHOUSE names a ClickHouse, whose client is not installed ({error.name}); install "
            "evergreen-success[clickhouse]. What comes in waits in the journal until then."
        ) from error
    return ClickHouseEvents(home, client)
