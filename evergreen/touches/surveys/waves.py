"""Waves: many people asked in one go, account after account; killed in between, it goes on where it stood."""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.clock import local_day
from evergreen.base.models import User
from evergreen.base.queries import vendor_zone
from evergreen.base.working_days import for_vendor
from evergreen.customers.models import Account, Contact
from evergreen.touches import actions as touches
from evergreen.touches.models import Ask, Message, Survey, Wave
from evergreen.touches.recipients import Recipients
from evergreen.touches.surveys import rules
from evergreen.touches.surveys.asking import Wanted, ask, asked_lately, link

ORIGIN = "survey"
_TOGETHER = 100
# A wave takes so many steps at a time, so that messages go out beside it.
_STEPS = 20
# Waves of a quarter begin at this hour of the vendor's working day.
_FROM_HOUR = 9


def audience(segment: str) -> QuerySet[Account]:
    """The accounts that a wave goes through: of a segment, or all; never one that has churned."""
    rows = Account.objects.exclude(stage=Account.Stage.CHURNED)
    return rows.filter(segments__segment=segment) if segment else rows


@transaction.atomic
def start_wave(
    survey: Survey,
    *,
    segment: str,
    to: str,
    by: Sequence[str],
    quarter: int | None = None,
    key: str = "",
    user: User | None,
    now: dt.datetime,
) -> Wave:
    """Begin to ask; the worker does it. Raises ValidationError for a survey that is off, without channel or public address."""
    if not survey.is_on:
        raise ValidationError(_("The survey is off: switch it on first."))
    try:
        link("")
        Recipients(()).of(0, to, by)
    except LookupError as error:
        raise ValidationError(str(error)) from error
    wave = Wave.objects.create(
        survey=survey, key=key or f"{now:%Y-%m-%d}-{secrets.token_hex(4)}", segment=segment, to=to, by=list(by), quarter=quarter,
        total=audience(segment).count(), started_at=now, started_by=user,
    )  # fmt: skip
    audit(
        "wave.started",
        "survey",
        [survey.pk],
        by=user,
        now=now,
        after={"wave": wave.key, "segment": segment, "to": to, "accounts": wave.total},
    )
    return wave


@transaction.atomic
def stop_wave(wave: Wave, *, by: User, now: dt.datetime) -> int:
    """Ask nobody more, and withdraw invitations that have not gone out. Returns how many were withdrawn."""
    held = Wave.objects.select_for_update().get(pk=wave.pk)
    held.ended_at, held.is_stopped = held.ended_at or now, True
    held.save(update_fields=["ended_at", "is_stopped"])
    count = touches.withdraw_planned(ORIGIN, [str(wave.pk)], now=now)
    audit(
        "wave.stopped",
        "survey",
        [held.survey_id],
        by=by,
        now=now,
        after={"wave": held.key, "withdrawn": count},
    )
    return count


def ask_due(*, now: dt.datetime, stops: Callable[[], bool] = lambda: False) -> int:
    """Begin the waves of the quarter, and go on with those that are open. Returns how many people were asked."""
    _begin_quarters(now)
    asked = 0
    for number in list(Wave.objects.filter(ended_at=None).order_by("pk").values_list("pk", flat=True)):
        for _turn in range(_STEPS):
            found = None if stops() else _step(number, now)
            if found is None:
                break
            asked += found
    return asked


def _begin_quarters(now: dt.datetime) -> None:
    here = now.astimezone(vendor_zone())
    if here.hour < _FROM_HOUR or not for_vendor().working_or_weekday(here.date())[0]:
        return
    key, quarter = rules.period_of(here.date())
    for survey in Survey.objects.filter(is_on=True, is_quarterly=True).exclude(waves__key=key).order_by("pk"):
        try:
            start_wave(
                survey,
                segment=survey.segment,
                to=survey.to,
                by=survey.by,
                quarter=quarter,
                key=key,
                user=None,
                now=now,
            )
        except ValidationError:
            continue  # its page says what is missing


@transaction.atomic
def _step(number: int, now: dt.datetime) -> int | None:
    """Ask the people of the next accounts. None where the wave is over, or another worker has it."""
    wave = (
        Wave.objects.select_for_update(of=("self",))
        .select_related("survey__template")
        .filter(pk=number, ended_at=None)
        .first()
    )
    if wave is None:
        return None
    rows = audience(wave.segment).filter(pk__gt=wave.after_account).order_by("pk")
    accounts = dict(rows.values_list("pk", "external_id")[:_TOGETHER])
    if not accounts or not wave.survey.is_on:
        wave.ended_at, wave.is_stopped = now, not wave.survey.is_on
        wave.save(update_fields=["ended_at", "is_stopped"])
        return None
    asked = ask(
        wave.survey,
        _wanted(wave, accounts),
        origin_kind=ORIGIN,
        origin_name=wave.survey.key,
        wave=wave,
        now=now,
    )
    wave.after_account, wave.done = max(accounts), wave.done + len(accounts)
    wave.save(update_fields=["after_account", "done"])
    return asked


def _wanted(wave: Wave, accounts: dict[int, str]) -> list[Wanted]:
    book = Recipients(accounts)
    turns = whose_turn(accounts, wave.quarter) if wave.quarter else None
    found = []
    for account in accounts:
        for person, channel, held in book.of(account, wave.to, wave.by):
            if turns is None or person.contact in turns:
                found.append(Wanted(person, channel, held, str(wave.pk)))
    return found


def whose_turn(accounts: dict[int, str], quarter: int) -> set[int]:
    """The contacts of accounts ({number: id}) that are asked in a quarter."""
    rows = Contact.everything.filter(account__in=accounts, merged_into=None).order_by("account_id", "pk")
    places: dict[int, int] = defaultdict(int)
    found = set()
    for number, account in rows.values_list("pk", "account_id"):
        if rules.quarter_of(places[account], accounts[account]) == quarter:
            found.add(number)
        places[account] += 1
    return found


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a wave would come to now: accounts gone through, people asked, left out because they were asked lately, not reached,
    and accounts without anybody who is meant.
    """

    accounts: int
    asked: int
    throttled: int
    unreached: int
    nobody: int


def foresee(segment: str, to: str, by: Sequence[str], quarter: int | None, *, now: dt.datetime) -> Foreseen:
    """Count what a wave would do now. Raises LookupError where no channel fits."""
    accounts = dict(audience(segment).order_by("pk").values_list("pk", "external_id"))
    counts: dict[str, int] = defaultdict(int)
    numbers = list(accounts)
    for start in range(0, len(numbers), 500):
        part = {one: accounts[one] for one in numbers[start : start + 500]}
        book = Recipients(part)
        turns = whose_turn(part, quarter) if quarter else None
        people = [row for account in part for row in book.of(account, to, by)]
        meant = {person.contact for person, _c, _h in people if person.contact is not None}
        lately = asked_lately(meant, now)
        for person, _channel, held in people:
            counts[_fate(person.contact, held, turns, lately)] += 1
    return Foreseen(
        len(accounts), counts["asked"], counts["throttled"], counts["unreached"], counts["nobody"]
    )


def _fate(contact: int | None, held: str, turns: Collection[int] | None, lately: Collection[int]) -> str:
    if contact is None:
        return "nobody"
    if turns is not None and contact not in turns:
        return "not_their_turn"
    if contact in lately:
        return "throttled"
    return "unreached" if held else "asked"


def next_quarter(now: dt.datetime) -> tuple[str, int]:
    """The quarter that a survey which asks by itself is in now."""
    return rules.period_of(local_day(now, vendor_zone()))


def progress(wave: Wave) -> tuple[int, int]:
    """(invitations gone out, answers) of a wave."""
    mine = Ask.objects.filter(wave=wave, held="")
    return mine.filter(message__state=Message.State.ACCEPTED).count(), mine.exclude(answered_at=None).count()
