"""What an account or one of its end users has used of late, the events of the last seconds included."""

from __future__ import annotations

import datetime as dt
import json

from evergreen.events import looking, rollup, store
from evergreen.events.features import Matchers
from evergreen.foresight.recommendations.together import DAYS

# So many different single events of an account are looked at between two nights.
MOST_FRESH = 5_000


def used(account_id: int, today: dt.date, end_user: str = "") -> dict[str, int]:
    """Feature → uses in the 28 days up to now, of the account or (with ``end_user``) of one of its people.

    Days that were rolled up come from the roll-up, what came in since from the single events, so that what is done now counts
    as soon as it is stored, some seconds after it was acknowledged.
    """
    since = today - dt.timedelta(days=DAYS - 1)
    who, asked = (" AND end_user = ?", [end_user]) if end_user else ("", [])
    begin = _first_fresh(today, since)
    found: dict[str, int] = {
        str(feature): int(n)
        for feature, n in looking.of_lake(
            "SELECT feature, sum(count)::BIGINT FROM lake.usage WHERE account_id = ? AND known_on >= ? AND known_on < ? AND day >= ?"
            f" AND feature IS NOT NULL{who} GROUP BY feature",
            account_id, since, begin, since, *asked,
        )
    }  # fmt: skip
    for feature, n in _fresh(account_id, begin, since, who, asked).items():
        found[feature] = found.get(feature, 0) + n
    return {feature: n for feature, n in found.items() if n > 0}


def _first_fresh(today: dt.date, since: dt.date) -> dt.date:
    """The first known day that the roll-up does not hold wholly: from it on single events are read."""
    stale = [one.day for one in rollup.stale_days(store.reading(), today) if one.day >= since]
    return stale[0] if stale else today + dt.timedelta(days=1)


def _fresh(account_id: int, begin: dt.date, since: dt.date, who: str, asked: list[str]) -> dict[str, int]:
    """Uses of days that the roll-up does not hold wholly, by feature."""
    rows = looking.of_events(
        "SELECT name, feature, properties, sum(count) AS n FROM lake.events WHERE account_id = ? AND known_on >= ? AND day >= ?"
        f" AND kind IN ('track', 'page', 'screen', 'usage') AND count > 0{who} GROUP BY name, feature, properties"
        f" LIMIT {MOST_FRESH}",
        account_id, begin, since, *asked,
    )  # fmt: skip
    if not rows:
        return {}
    matchers = Matchers.load()
    found: dict[str, int] = {}
    for name, named, properties, n in rows:
        probe = None
        if matchers.properties and properties:
            told = json.loads(properties)
            values = [told.get(key) for key in matchers.properties] if isinstance(told, dict) else []
            probe = json.dumps(values) if any(value is not None for value in values) else None
        feature = matchers.feature(name, named, probe)
        if feature is not None:
            found[feature] = found.get(feature, 0) + int(n)
    return found
