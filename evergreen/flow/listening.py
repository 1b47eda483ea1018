"""What customers did, told to the playbooks that listen: events of the lake by the names that triggers and waits ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from evergreen.events import queries as events
from evergreen.playbooks import actions as playbooks
from evergreen.playbooks.models import Mark
from evergreen.playbooks.rules import FORM, heard_as

# Events wait in the journal and for their account; what comes later than this is heard by the night, which looks back days.
_MARGIN = dt.timedelta(hours=1)
NIGHT = dt.timedelta(days=2)
_MARK = "listening"


def listen(*, now: dt.datetime, back: dt.timedelta = _MARGIN) -> int:
    """Tell playbooks what came in since the last time; the same event told again adds nothing. History that was loaded
    (backfilled) starts nothing. Returns how many events were new.
    """
    names = playbooks.listened_to()
    mark, is_new = Mark.objects.get_or_create(key=_MARK, defaults={"value": {"until": now.isoformat()}})
    heard = 0
    if names and not is_new:
        since = dt.datetime.fromisoformat(mark.value["until"]) - back
        heard = playbooks.hear(_happened(names, since, now), now=now)
    Mark.objects.filter(pk=mark.pk).update(value={"until": now.isoformat()})
    return heard


def _happened(names: frozenset[str], since: dt.datetime, until: dt.datetime) -> Iterator[playbooks.Happened]:
    asked = {FORM if name.startswith(f"{FORM}:") else name for name in names}
    for account, name, message_id, at, said in events.arrived(sorted(asked), since, until):
        for heard in heard_as(name, said):
            if heard in names:
                yield playbooks.Happened(account, heard, message_id, at)
