"""Everything that happened with an account on one line, newest first, read page by page.

Each kind gives its newest entries before an instant, so that a page costs the same on an account of five years. Use is
told by the week, from the roll-up; that of the last day as it comes in.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import duckdb
from django.db.models import F
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from evergreen.alerts import words as alert_words
from evergreen.alerts.models import Alert
from evergreen.base.markdown import render
from evergreen.customers.models import Account, ContractLine
from evergreen.customers.queries import notes_of
from evergreen.desk.models import Ticket
from evergreen.events import queries as history
from evergreen.events import store
from evergreen.touches.composing import plain
from evergreen.touches.models import Message, Receipt
from evergreen.web import formats
from evergreen.web.presenters.messages.words import REASONS
from evergreen.work.models import Task
from evergreen.work.queries import conversations_of

ROWS = 40
_TOLD = ("account.churned", "account.reactivated")
_TOLD_DAYS = 800


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing on the line: when, of what kind, how urgent (tone), its words, and the page that shows more."""

    at: dt.datetime
    kind: str
    title: str
    detail: str = ""
    tone: str = ""
    body: SafeString | str = ""
    anchor: str = ""
    has_time: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the line: entries of an account before an instant, at most ``limit``, money or not.

    ``since`` spares the history what would lie behind the page anyhow.
    """

    account: Account
    before: dt.datetime
    limit: int
    sees_money: bool
    since: dt.date = dt.date(2000, 1, 1)
    zone: dt.tzinfo = field(default_factory=timezone.get_current_timezone)

    def start(self, day: dt.date) -> dt.datetime:
        """The first instant of a day in the vendor's zone."""
        return dt.datetime.combine(day, dt.time(), tzinfo=self.zone)

    @property
    def last_day(self) -> dt.date:
        return self.before.astimezone(self.zone).date()


Source = Callable[[Asked], Iterable[Entry]]


def _notes(asked: Asked) -> Iterable[Entry]:
    for note in notes_of(asked.account).filter(at__lt=asked.before).order_by("-at")[: asked.limit]:
        by = str(note.by or _("nobody"))
        yield Entry(
            note.at,
            "note",
            _("Note by %(name)s") % {"name": by},
            body=render(note.body),
            anchor=f"note-{note.pk}",
        )


def _conversations(asked: Asked) -> Iterable[Entry]:
    for talk in conversations_of(asked.account).filter(at__lt=asked.before)[: asked.limit]:
        people = pgettext("list", ", ").join(contact.name for contact in talk.contacts.all())
        title = f"{talk.get_kind_display()} · {people}" if people else str(talk.get_kind_display())
        length = formats.with_unit(talk.minutes, "minutes") if talk.minutes else ""
        facts = [str(talk.by) if talk.by else "", length, talk.summary]
        yield Entry(talk.at, "conversation", title, " · ".join(filter(None, facts)), "good")


def _tickets(asked: Asked) -> Iterable[Entry]:
    mine = Ticket.objects.filter(account=asked.account)
    for ticket in mine.filter(opened_at__lt=asked.before).order_by("-opened_at")[: asked.limit]:
        tone = "bad" if ticket.priority == Ticket.Priority.URGENT or ticket.is_complaint else "warn"
        title = _("Ticket #%(id)s opened: %(subject)s") % {
            "id": ticket.external_id,
            "subject": ticket.subject,
        }
        yield Entry(ticket.opened_at, "ticket", title, str(ticket.get_priority_display()), tone)
    for ticket in mine.filter(closed_at__lt=asked.before).order_by("-closed_at")[: asked.limit]:
        closed = ticket.closed_at or ticket.opened_at
        title = _("Ticket #%(id)s solved: %(subject)s") % {
            "id": ticket.external_id,
            "subject": ticket.subject,
        }
        yield Entry(closed, "ticket", title, _ticket_facts(ticket), "good")


def _ticket_facts(ticket: Ticket) -> str:
    facts = []
    if ticket.first_response_at:
        waited = (ticket.first_response_at - ticket.opened_at).total_seconds() / 60
        facts.append(_("first answer after %(time)s") % {"time": formats.with_unit(round(waited), "minutes")})
    if ticket.satisfaction is not None:
        facts.append(
            _("satisfaction %(mark)s of 5") % {"mark": formats.number(float(ticket.satisfaction), 1)}
        )
    return " · ".join(facts)


def _tasks(asked: Asked) -> Iterable[Entry]:
    mine = Task.objects.filter(account=asked.account).select_related("assignee", "ended_by")
    for task in mine.filter(created_at__lt=asked.before).order_by("-created_at")[: asked.limit]:
        who = str(task.assignee or _("nobody"))
        due = _("due %(day)s") % {"day": formats.day(task.due_on)} if task.due_on else ""
        title = _("Task: %(title)s") % {"title": formats.named(task.title)}
        yield Entry(task.created_at, "task", title, " · ".join(filter(None, [who, due])), "info")
    for task in mine.filter(ended_at__lt=asked.before).order_by("-ended_at")[: asked.limit]:
        title = _("Task %(state)s: %(title)s") % {
            "state": task.get_state_display(),
            "title": formats.named(task.title),
        }
        ended = task.ended_at or task.created_at
        yield Entry(
            ended, "task", title, " · ".join(filter(None, [str(task.ended_by or ""), task.outcome])), "good"
        )


def _messages(asked: Asked) -> Iterable[Entry]:
    """What was written to contacts, and what they answered; what was not sent stands in the list of messages."""
    state = Message.State
    tones = {state.UNKNOWN.value: "warn", state.REFUSED.value: "bad"}
    mine = Message.objects.filter(
        account=asked.account, state__in=(state.ACCEPTED, state.REFUSED, state.UNKNOWN)
    )
    rows = mine.exclude(contact=None).filter(ended_at__lt=asked.before).select_related("contact", "channel")
    for message in rows.order_by("-ended_at")[: asked.limit]:
        title = _("Message %(state)s: %(subject)s") % {
            "state": message.get_state_display(),
            "subject": message.subject or plain(message.body)[:60],
        }
        facts = [str(message.contact or ""), message.channel.name, str(REASONS.get(message.reason, ""))]
        ended = message.ended_at or message.planned_at
        yield Entry(
            ended, "message", title, " · ".join(filter(None, facts)), tones.get(message.state, "info")
        )
    heard = Receipt.objects.filter(message__account=asked.account, at__lt=asked.before).exclude(
        kind__in=_QUIET
    )
    for receipt in heard.select_related("message__contact").order_by("-at")[: asked.limit]:
        title = f"{receipt.get_kind_display()}: {receipt.message.subject}"
        tone = "good" if receipt.kind == Receipt.Kind.REPLIED else "warn"
        detail = " · ".join(filter(None, [str(receipt.message.contact or ""), receipt.detail]))
        yield Entry(receipt.at, "message", title, detail, tone)


_QUIET = (Receipt.Kind.DELIVERED, Receipt.Kind.OPENED, Receipt.Kind.CLICKED, Receipt.Kind.DISMISSED)


def _alerts(asked: Asked) -> Iterable[Entry]:
    mine = Alert.objects.filter(account=asked.account).select_related("rule", "closed_by")
    language = formats.language()
    for alert in mine.filter(opened_at__lt=asked.before).order_by("-opened_at")[: asked.limit]:
        title = _("Alert opened: %(name)s") % {"name": alert_words.headline(alert, language)}
        tone = "bad" if alert.rule.severity == alert.rule.Severity.HIGH else "warn"
        detail = (
            ""
            if alert.rule.key in _MONEY_RULES and not asked.sees_money
            else alert_words.reason(alert, language)
        )
        yield Entry(alert.opened_at, "alert", title, detail, tone)
    for alert in mine.filter(closed_at__lt=asked.before).order_by("-closed_at")[: asked.limit]:
        title = _("Alert closed: %(name)s") % {"name": alert_words.headline(alert, language)}
        facts = [str(alert.get_outcome_display()), str(alert.closed_by or ""), alert.note]
        yield Entry(
            alert.closed_at or alert.opened_at, "alert", title, " · ".join(filter(None, facts)), "good"
        )


_MONEY_RULES = {"renewal_due", "invoice_overdue"}


def _contracts(asked: Asked) -> Iterable[Entry]:
    account, last = asked.account, asked.last_day
    signed = account.contracts.filter(signed_on__lte=last).order_by("-signed_on")[: asked.limit]
    for contract in signed:
        if contract.signed_on:
            title = _("Contract %(number)s signed") % {"number": contract}
            yield _on_day(asked, contract.signed_on, "contract", title, tone="good")
    lines = ContractLine.objects.filter(contract__account=account).select_related("contract", "edition")
    for line in lines.filter(start_on__lte=last).order_by("-start_on")[: asked.limit]:
        yield _on_day(
            asked, line.start_on, "contract", _("%(line)s began") % {"line": _line(line)}, _seats(line)
        )
    for line in lines.filter(end_on__lte=last).order_by("-end_on")[: asked.limit]:
        if line.end_on:
            yield _on_day(
                asked, line.end_on, "contract", _("%(line)s ended") % {"line": _line(line)}, tone="warn"
            )


def _line(line: ContractLine) -> str:
    edition = formats.named(line.edition.name) if line.edition else ""
    return line.title or edition or str(line.get_kind_display())


def _seats(line: ContractLine) -> str:
    return ngettext("%(n)s seat", "%(n)s seats", line.seats) % {"n": line.seats} if line.seats else ""


def _payments(asked: Asked) -> Iterable[Entry]:
    if not asked.sees_money:
        return
    mine, last = asked.account.receivables, asked.last_day
    for due in mine.filter(due_on__lte=last).order_by("-due_on")[: asked.limit]:
        amount = formats.money_short(due.amount_cents, due.currency)
        late = due.paid_cents < due.amount_cents
        title = _("%(amount)s fell due") % {"amount": amount}
        detail = _("not paid yet") if late else ""
        yield _on_day(asked, due.due_on, "money", title, detail, "bad" if late else "")
    for paid in mine.filter(paid_on__lte=last).order_by("-paid_on")[: asked.limit]:
        if paid.paid_on:
            amount = formats.money_short(paid.paid_cents, paid.currency)
            late_days = (paid.paid_on - paid.due_on).days
            detail = _("%(days)s late") % {"days": formats.days(late_days)} if late_days > 0 else ""
            yield _on_day(
                asked, paid.paid_on, "money", _("%(amount)s paid") % {"amount": amount}, detail, "good"
            )


def _changes(asked: Asked) -> Iterable[Entry]:
    labels = {
        "stage": _("Stage"),
        "owner": _("Owner"),
        "team": _("Team"),
        "tier": _("Tier"),
        "touch_model": _("Touch model"),
        "edition": _("Edition"),
    }
    words = {"stage": Account.Stage, "tier": Account.Tier, "touch_model": Account.TouchModel}
    rows = asked.account.changes.filter(known_at__lt=asked.before).exclude(old=F("new")).select_related("by")
    for change in rows.order_by("-known_at")[: asked.limit]:
        choices = dict(words[change.field].choices) if change.field in words else {}
        old, new = (str(choices.get(value, value)) or _("none") for value in (change.old, change.new))
        title = f"{labels.get(change.field, change.field)}: {old} → {new}"
        yield Entry(change.known_at, "change", title, str(change.by or ""))


def _answers(asked: Asked) -> Iterable[Entry]:
    names = {"nps": "NPS", "csat": "CSAT", "ces": "CES"}
    for answer in history.answers(asked.account.pk, asked.since, asked.before, asked.limit):
        bad, good = (6, 9) if answer.kind == "nps" else (2, 4)
        tone = "bad" if answer.score <= bad else "good" if answer.score >= good else "warn"
        title = _("%(survey)s answer: %(score)s") % {
            "survey": names.get(answer.kind, answer.kind),
            "score": formats.number(answer.score, 1),
        }
        yield Entry(answer.at, "survey", title, answer.contact or "", tone)


def _told(asked: Asked) -> Iterable[Entry]:
    words = {"account.churned": _("The account left"), "account.reactivated": _("The account came back")}
    since = max(asked.since, asked.last_day - dt.timedelta(days=_TOLD_DAYS))
    for event in history.told(asked.account.pk, _TOLD, since, asked.before, asked.limit):
        said = event.properties
        detail = " · ".join(str(said[key]) for key in ("reason", "reason_code", "feedback") if said.get(key))
        tone = "bad" if event.name == "account.churned" else "good"
        yield Entry(event.at, "event", words.get(event.name, event.name), detail, tone)


def _usage(asked: Asked) -> Iterable[Entry]:
    if (use := history.use_of_day(asked.account.pk, asked.last_day, asked.before)) is not None:
        title = ngettext("%(events)s use on the day", "%(events)s uses on the day", use.events) % {
            "events": formats.number(use.events)
        }
        facts = [formats.with_unit(use.users, "users")] if use.users else []
        facts.append(_("last: %(event)s") % {"event": use.newest})
        yield Entry(use.newest_at, "usage", title, " · ".join(facts), "info")
    for week in history.account_weeks(asked.account.pk, asked.since, asked.last_day, asked.limit):
        title = ngettext(
            "%(events)s use in the week, up to %(users)s a day",
            "%(events)s uses in the week, up to %(users)s a day",
            week.events,
        ) % {
            "events": formats.number(week.events),
            "users": formats.with_unit(week.users, "users"),
        }
        yield _on_day(asked, week.day, "usage", title)


def _on_day(asked: Asked, day: dt.date, kind: str, title: str, detail: str = "", tone: str = "") -> Entry:
    return Entry(asked.start(day), kind, title, detail, tone, has_time=False)


RECORDS: dict[str, Source] = {
    "note": _notes,
    "conversation": _conversations,
    "ticket": _tickets,
    "task": _tasks,
    "message": _messages,
    "alert": _alerts,
    "contract": _contracts,
    "money": _payments,
    "change": _changes,
}
HISTORY: dict[str, Source] = {"survey": _answers, "event": _told, "usage": _usage}
SOURCES: dict[str, Source] = {**RECORDS, **HISTORY}
LABELS = {
    "note": gettext_lazy("Notes"),
    "conversation": gettext_lazy("Conversations"),
    "ticket": gettext_lazy("Tickets"),
    "task": gettext_lazy("Tasks"),
    "message": gettext_lazy("Messages"),
    "alert": gettext_lazy("Alerts"),
    "contract": gettext_lazy("Contracts"),
    "money": gettext_lazy("Payments"),
    "change": gettext_lazy("Changes"),
    "survey": gettext_lazy("Surveys"),
    "event": gettext_lazy("Leaving and coming back"),
    "usage": gettext_lazy("Use"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """Entries of one page, where the next begins (None: the line ends here), and whether the history answered."""

    entries: list[Entry]
    next_before: dt.datetime | None
    is_whole: bool = True


def read(asked: Asked, kinds: Sequence[str]) -> Part:
    """The newest entries of the kinds before an instant. Without the lake, the records alone."""
    # One more than is shown tells whether there are earlier ones.
    wanted = replace(asked, limit=asked.limit + 1)
    entries = [entry for kind in kinds if kind in RECORDS for entry in RECORDS[kind](wanted)]
    entries = [entry for entry in entries if entry.at < asked.before]
    if len(entries) > asked.limit:
        # A full page of records: the history is asked for the same span only, a few days' files instead of years.
        oldest = heapq.nlargest(wanted.limit, entries, key=lambda entry: entry.at)[-1].at
        wanted = replace(wanted, since=oldest.astimezone(asked.zone).date())
    is_whole = True
    for kind in kinds:
        try:
            told = HISTORY[kind](wanted) if kind in HISTORY else ()
            entries += [entry for entry in told if entry.at < asked.before]
        except (store.LakeError, duckdb.Error):
            is_whole = False
    found = heapq.nlargest(asked.limit, entries, key=lambda entry: entry.at)
    more = found[-1].at if len(entries) > len(found) else None
    # What shares its instant with the last entry comes along: the next page begins before it.
    shown = {id(entry) for entry in found}
    found += [entry for entry in entries if entry.at == more and id(entry) not in shown]
    return Part(found, more, is_whole)


def newest(account: Account, now: dt.datetime, *, sees_money: bool, limit: int = 6) -> list[Entry]:
    """The newest entries from the records, for the overview."""
    return read(Asked(account, just_after(now), limit, sees_money), list(RECORDS)).entries[:limit]


def just_after(now: dt.datetime) -> dt.datetime:
    """The line reads what lies before an instant; what was written at this very one belongs to it."""
    return now + dt.timedelta(microseconds=1)


def kinds_for(sees_money: bool) -> list[str]:
    return [kind for kind in SOURCES if sees_money or kind != "money"]


def cursor(text: str, now: dt.datetime) -> dt.datetime:
    """The instant of an address, else now."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return just_after(now)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
