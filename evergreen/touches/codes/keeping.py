"""Contact codes as people set them up, and told to WeCom: made, changed when the owner changes, ended.

WeCom is told by the worker within a minute, and again each ten minutes where something differs. A worker that dies between WeCom's answer
and its own writing leaves a code at WeCom that nobody knows; the same state stands in it, so whoever comes by it is still known.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import in_batches
from evergreen.customers.models import Account
from evergreen.touches import composing, values
from evergreen.touches.channels.contract import ChannelAdapter, ChannelError
from evergreen.touches.language import MissingError, TemplateError
from evergreen.touches.models import Channel, ContactCode, Template
from evergreen.touches.ways import adapter_of, channels_that

log = logging.getLogger(__name__)
NAME = 30
# WeCom's limit is 100 people a code.
MOST_STAFF = 100
_EVERY = dt.timedelta(minutes=10)
_AT_ONCE = 500


def channels() -> list[Channel]:
    """The channels that make codes."""
    return list(channels_that(lambda one: one.makes_codes).order_by("name"))


@transaction.atomic
def save_code(code: ContactCode | None, given: dict[str, Any], *, by: User, now: dt.datetime) -> ContactCode:
    """Make or change a code: {channel, name, account, contact, follows_owner, staff, skips_asking, makes_contacts, welcome}.

    Raises ValidationError with every mistake; nothing is changed then.
    """
    problems = problems_of(given, now=now)
    if problems:
        raise ValidationError(problems)
    row = code or ContactCode(key=_new_key(), made_at=now, made_by=by)
    contact = given["contact"]
    row.channel, row.name = given["channel"], given["name"].strip()
    row.contact, row.account = contact, contact.account if contact is not None else given["account"]
    row.follows_owner = bool(given["follows_owner"]) and row.account is not None
    row.skips_asking, row.makes_contacts = (
        given["skips_asking"],
        given["makes_contacts"] and row.account is not None,
    )
    row.welcome, row.checked_at = given["welcome"], None
    row.save()
    row.staff.set(given["staff"])
    verb = "code.made" if code is None else "code.changed"
    audit(verb, "code", [row.pk], by=by, now=now, after={"name": row.name, "account": row.account_id})
    return row


def problems_of(given: dict[str, Any], *, now: dt.datetime) -> list[str]:
    """Every mistake in what a code should be."""
    found = []
    if given["channel"] is None:
        found.append(_("Choose the channel of WeCom: set up “WeCom to customers” first."))
    name = given["name"].strip()
    if not name or len(name) > NAME:
        found.append(
            _("Give it a name of at most %(most)s characters; this one has %(n)s.")
            % {"most": NAME, "n": len(name)}
        )
    has_owner = given["follows_owner"] and (given["account"] is not None or given["contact"] is not None)
    if not has_owner and not given["staff"]:
        found.append(_("Choose to whom it leads: the account's owner, or colleagues."))
    if len(given["staff"]) > MOST_STAFF:
        found.append(
            _("WeCom takes at most %(most)s people a code; %(n)s are chosen.")
            % {"most": MOST_STAFF, "n": len(given["staff"])}
        )
    if given["welcome"] is not None and given["contact"] is None:
        found += _unknowable(given["welcome"], given["account"], now)
    return found


def _unknowable(template: Template, account: Account | None, now: dt.datetime) -> list[str]:
    """What a welcome cannot say to somebody who is not known yet."""
    person = values.Person(account.pk if account is not None else None)
    known = values.values_for([person], composing.paths_of(template), now=now)[person]
    lacking: dict[str, None] = {}
    for language in template.body:
        try:
            composing.write(template, known, language)
        except MissingError as error:
            lacking |= dict.fromkeys(error.paths)
        except TemplateError as error:
            return error.problems
    if not lacking:
        return []
    said = _(
        'Who comes by this code is not known yet, so that the welcome cannot name %(paths)s. Write | default:"…" behind it, or choose another.'
    )
    return [said % {"paths": ", ".join(lacking)}]


@transaction.atomic
def make_for(accounts: Sequence[Account], given: dict[str, Any], *, by: User, now: dt.datetime) -> int:
    """One code for each account that has none in use, named by it and leading to its owner. Returns how many are new."""
    shared = {
        **given,
        "name": "-",
        "contact": None,
        "account": next(iter(accounts), None),
        "follows_owner": True,
        "staff": [],
    }
    if problems := problems_of(shared, now=now):
        raise ValidationError(problems)
    have = set(
        ContactCode.objects.filter(account__in=accounts, contact=None, ended_at=None).values_list(
            "account", flat=True
        )
    )
    rows = [
        ContactCode(
            key=_new_key(), channel=given["channel"], name=one.name[:NAME], account=one, skips_asking=given["skips_asking"],
            makes_contacts=given["makes_contacts"], welcome=given["welcome"], made_at=now, made_by=by,
        )
        for one in accounts
        if one.pk not in have
    ]  # fmt: skip
    for some in in_batches(rows):
        ContactCode.objects.bulk_create(some)
    if rows:
        audit("code.made", "code", [row.pk for row in rows], by=by, now=now, after={"accounts": len(rows)})
    return len(rows)


@transaction.atomic
def end_code(code: ContactCode, *, by: User, now: dt.datetime) -> None:
    """Nobody comes by it any more, once WeCom was told. What came of it stays."""
    if ContactCode.objects.filter(pk=code.pk, ended_at=None).update(ended_at=now, checked_at=None):
        audit("code.ended", "code", [code.pk], by=by, now=now, after={"name": code.name})


def _new_key() -> str:
    return f"e{secrets.token_hex(10)}"


def tell_due(*, now: dt.datetime) -> int:
    """Tell WeCom what differs: new codes, those whose people changed, those that ended. Returns how many calls changed something."""
    waits = Q(checked_at=None) | Q(checked_at__lt=now - _EVERY)
    rows = ContactCode.objects.filter(waits, Q(ended_at=None) | ~Q(config_id=""), channel__is_on=True)
    rows = rows.select_related("channel", "account__owner").prefetch_related("staff")
    adapters: dict[int, ChannelAdapter | str] = {}
    done = 0
    for code in rows.order_by(F("checked_at").asc(nulls_first=True), "pk")[:_AT_ONCE]:
        claimed = ContactCode.objects.filter(pk=code.pk, checked_at=code.checked_at)
        if not claimed.update(checked_at=now):
            continue
        if code.channel_id not in adapters:
            adapters[code.channel_id] = _adapter(code.channel)
        adapter = adapters[code.channel_id]
        if isinstance(adapter, str):
            ContactCode.objects.filter(pk=code.pk).update(fault=adapter[:300])
            continue
        done += _tell(code, adapter)
    return done


def _adapter(channel: Channel) -> ChannelAdapter | str:
    try:
        return adapter_of(channel)
    except ValueError as error:
        return str(error)


def _tell(code: ContactCode, adapter: ChannelAdapter) -> bool:
    changed: dict[str, Any] = {"fault": ""}
    done = False
    try:
        if code.ended_at is not None:
            adapter.end_code(code.config_id)
            ContactCode.objects.filter(pk=code.pk).update(config_id="", told={}, fault="")
            return True
        wanted = wanted_of(code, adapter)
        if not wanted["members"]:
            changed["fault"] = _(
                "Nobody works here to whom it could lead: choose colleagues, or give the account an owner."
            )
        elif not code.config_id:
            made = adapter.make_code(**wanted)
            # Written at once: what follows may fail, and the code is there.
            ContactCode.objects.filter(pk=code.pk).update(
                config_id=made.config_id, picture_url=made.picture_url, told=wanted
            )
            code.picture_url, done = made.picture_url, True
        elif wanted != code.told:
            adapter.change_code(code.config_id, **wanted)
            changed["told"], done = wanted, True
        if code.picture is None and code.picture_url:
            changed["picture"] = adapter.picture(code.picture_url)
    except ChannelError as error:
        changed["fault"] = str(error)[:300]
        log.warning("The contact code %s: %s", code.key, error)
    ContactCode.objects.filter(pk=code.pk).update(**changed)
    return done


def wanted_of(code: ContactCode, adapter: ChannelAdapter) -> dict[str, Any]:
    """What WeCom should know of a code."""
    people = list(code.staff.all())
    if code.follows_owner and code.account is not None and code.account.owner is not None:
        people.insert(0, code.account.owner)
    members = dict.fromkeys(adapter.member_of(one.email) for one in people if one.is_active)
    return {
        "state": code.key, "remark": code.name, "skips_asking": code.skips_asking, "members": [one for one in members if one][:MOST_STAFF]
    }  # fmt: skip


def check_again(codes: Iterable[ContactCode]) -> None:
    """Have WeCom told at the worker's next look."""
    ContactCode.objects.filter(pk__in=[one.pk for one in codes]).update(checked_at=None)
