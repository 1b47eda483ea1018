"""What the models of losses in service say of accounts, for the twin to start from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from evergreen.customers.lines import Ints, number
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.twin.panel import Panel
from evergreen.foresight.twin.simulating import Anchor, end_days


def anchors(panel: Panel, accounts: Collection[int], on: dt.date) -> dict[int, Anchor]:
    """Of each account whose next contract end lies within a horizon the calibrated chance of being lost within the shortest such one.

    Only risks as of the same day, by a model in service: a risk of another day knew something else. Accounts without one are absent, and
    so are those whose next end lies beyond every horizon: of that end the models say nothing.
    """
    rows = Risk.objects.filter(
        account__in=list(accounts), day=on, model__state=ChurnModel.State.CHAMPION
    ).values_list("account_id", "horizon_days", "probability")
    told: dict[int, list[tuple[int, float]]] = {}
    for account, horizon, probability in rows:
        told.setdefault(account, []).append((horizon, probability))
    return {
        account: found
        for account, risks in told.items()
        if (found := _nearest(panel, account, sorted(risks), number(on))) is not None
    }


def _nearest(panel: Panel, account: int, risks: list[tuple[int, float]], last: int) -> Anchor | None:
    place = int(panel.accounts.searchsorted(account))
    if place >= len(panel.accounts) or panel.accounts[place] != account:
        return None
    ends = end_days(panel, place)
    for horizon, probability in risks:
        if ends and ends[0] <= last + horizon:
            return Anchor(last + horizon, probability)
    return None


def of_places(panel: Panel, places: Ints, on: dt.date) -> dict[int, Anchor]:
    """The same for places in the panel."""
    return anchors(panel, panel.accounts[places].tolist(), on)
