"""The people of an account: the decision chain with the age of each conversation, and what it lacks, in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.customers import rules
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import contacts_of
from evergreen.events.connections import presence
from evergreen.events.connections.models import SourceRow
from evergreen.touches.models import Tie
from evergreen.touches.ties.looking import ties_of
from evergreen.web import formats
from evergreen.work.queries import last_conversations

SILENT_DAYS = 90
FRESH_DAYS = 30


@dataclass(frozen=True, slots=True)
class ChainPerson:
    """A contact with what is known of it in words, how long ago somebody spoke with it, and whom of us it removed in WeCom."""

    contact: Contact
    facts: str
    spoken: str
    tone: str
    removed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """``people`` still there, ``gone`` who left; ``coverage`` in words; ``gaps`` as sentences, weightiest first."""

    people: list[ChainPerson]
    gone: list[Contact]
    coverage: str
    gaps: list[str]


def chain(account: Account, today: dt.date) -> Chain:
    """Five queries, however many people there are."""
    contacts = list(contacts_of(account))
    gone = {row.external_id: row for row in presence.gone_from("contacts", (c.external_id for c in contacts))}
    ties = ties_of([contact.pk for contact in contacts])
    spoken = {pk: _day(at) for pk, at in last_conversations(account).by_contact.items()}
    here = [contact for contact in contacts if contact.left_on is None or contact.left_on > today]
    seen = [rules.Person(c.pk, c.role, c.is_champion, c.left_on, spoken.get(c.pk)) for c in contacts]
    gaps = [_gap(gap) for gap in rules.chain_gaps(seen, today, silence_days=SILENT_DAYS)]
    return Chain(
        people=[
            _person(
                contact,
                spoken.get(contact.pk),
                gone.get(contact.external_id or ""),
                ties.get(contact.pk, ()),
                today,
            )
            for contact in here
        ],
        gone=[contact for contact in contacts if contact not in here],
        coverage=_coverage(here),
        gaps=gaps,
    )


def _day(at: dt.datetime) -> dt.date:
    return at.astimezone(timezone.get_current_timezone()).date()


def _person(
    contact: Contact, spoken: dt.date | None, gone: SourceRow | None, ties: Sequence[Tie], today: dt.date
) -> ChainPerson:
    facts = [str(contact.get_role_display()) if contact.role else _("role not known")]
    if contact.influence:
        facts.append(_("influence %(n)s") % {"n": contact.influence})
    if contact.attitude != Contact.Attitude.UNKNOWN:
        facts.append(str(contact.get_attitude_display()))
    if contact.is_champion:
        facts.append(_("champion"))
    if contact.is_sponsor:
        facts.append(_("sponsor"))
    if contact.reports_to:
        facts.append(_("reports to %(name)s") % {"name": contact.reports_to})
    if gone is not None:
        said = _("gone from %(name)s since %(day)s")
        facts.append(said % {"name": gone.connection.name, "day": formats.day(gone.gone_at)})
    live = {tie.member: str(tie.staff or tie.member) for tie in ties if tie.ended_at is None}
    if live:
        facts.append(
            _("in WeCom with %(names)s") % {"names": pgettext("list", ", ").join(sorted(live.values()))}
        )
    # Who removed somebody and came back is there.
    removed = {
        tie.member: _removed(tie)
        for tie in ties
        if tie.ended_by == Tie.End.BY_THEM and tie.member not in live
    }
    said, off = " · ".join(facts), list(removed.values())
    days = None if spoken is None else (today - spoken).days
    if days is None:
        return ChainPerson(contact, said, _("never spoken"), "", off)
    tone = "bad" if days > SILENT_DAYS else "good" if days <= FRESH_DAYS else "warn"
    return ChainPerson(contact, said, formats.days(days), tone, off)


def _removed(tie: Tie) -> str:
    told = {"name": str(tie.staff or tie.member), "day": formats.day(tie.ended_at)}
    return _("removed %(name)s in WeCom on %(day)s") % told


def _coverage(here: Sequence[Contact]) -> str:
    """Which of the four places of the chain are known, and which are not."""
    known = {contact.role for contact in here if contact.role}
    missing = [str(role.label) for role in Contact.ChainRole if role.value not in known]
    covered = _("coverage %(n)s / %(of)s") % {"n": 4 - len(missing), "of": 4}
    if not missing:
        return covered
    return _("%(covered)s, missing: %(roles)s") % {
        "covered": covered,
        "roles": pgettext("list", ", ").join(missing),
    }


def _gap(key: str) -> str:
    return {
        "no_contact": _("Nobody is known at this account: add the first contact."),
        "no_decision_maker": _("No decision maker is known: ask who signs the renewal."),
        "decision_maker_silent": _("Nobody has spoken with the decision maker for %(days)s days.")
        % {"days": SILENT_DAYS},
        "single_threaded": _("Everything hangs on one person: find a second."),
        "champion_left": _("The champion has left: find out who takes over."),
    }[key]
