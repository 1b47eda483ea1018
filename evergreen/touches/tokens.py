"""Access tokens of channels: fetched by one worker, used by all, until they end."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

from django.db.models import Q
from django.utils.translation import gettext as _

from evergreen.base import clock, vault
from evergreen.touches.channels.contract import LaterError
from evergreen.touches.models import Channel

# A token is given up so long before its end, lest it ends on its way.
_EARLY = dt.timedelta(minutes=5)
_LEASE = dt.timedelta(seconds=40)
# How long a worker waits for the one that fetches: an answer takes 15 s at most.
_TRIES, _BETWEEN_SECONDS = 60, 0.25


class Tokens:
    """The token of one channel, as the contract has it."""

    def __init__(self, channel_id: int) -> None:
        self._mine = Channel.objects.filter(pk=channel_id)

    def token(self, fetch: Callable[[], tuple[str, int]]) -> str:
        now = clock.utc_now()
        sealed, until = self._mine.values_list("token", "token_until").get()
        if sealed and until is not None and until > now:
            return str(vault.unseal(sealed)["token"])
        free = Q(token_lease_until=None) | Q(token_lease_until__lt=now)
        # One changes the row, so one fetches; no transaction stays open while the provider is asked.
        if not self._mine.filter(free, token=sealed).update(token_lease_until=now + _LEASE):
            return self._fetched_elsewhere(sealed)
        try:
            token, seconds = fetch()
        except Exception:
            self._mine.update(token_lease_until=None)
            raise
        ends = now + max(dt.timedelta(seconds=seconds) - _EARLY, dt.timedelta(seconds=30))
        self._mine.update(token=vault.seal({"token": token}), token_until=ends, token_lease_until=None)
        return token

    def _fetched_elsewhere(self, before: str) -> str:
        for _try in range(_TRIES):
            time.sleep(_BETWEEN_SECONDS)
            sealed = self._mine.values_list("token", flat=True).get()
            if sealed and sealed != before:
                return str(vault.unseal(sealed)["token"])
        raise LaterError(_("Another worker is fetching the access token."), seconds=2, is_whole=True)

    def drop(self, token: str) -> None:
        sealed = self._mine.values_list("token", flat=True).get()
        # Another worker may have fetched a new one already: only the one that failed goes.
        if sealed and vault.unseal(sealed).get("token") == token:
            self._mine.filter(token=sealed).update(token="", token_until=None)
