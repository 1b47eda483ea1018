"""One thing that needs somebody, as a message to them: words, facts, and what may be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from evergreen.alerts import words as alert_words
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base import money
from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.customers.models import Account
from evergreen.flow.needs.rules import Need
from evergreen.touches.channels.contract import Button, Card
from evergreen.touches.composing import as_text
from evergreen.work.models import Task

TAKE, DONE, LATER, GIVE = "take", "done", "later", "give"
_LISTED = 5
# WeCom's lists have ten entries, and nobody reads a longer one on a card.
_PEOPLE = 10


@dataclass(frozen=True, slots=True)
class Thing:
    """What a need is about, read for several at once."""

    need: Need
    account: Account | None
    alert: Alert | None
    task: Task | None
    order: WorkOrder | None


def things(needs: Sequence[Need]) -> list[Thing]:
    """Needs with their rows; four queries whatever their number."""
    accounts = Account.objects.in_bulk({one.account_id for one in needs if one.account_id})
    alerts = Alert.objects.select_related("rule").in_bulk({one.alert_id for one in needs if one.alert_id})
    tasks = Task.objects.in_bulk({one.task_id for one in needs if one.task_id})
    orders = WorkOrder.objects.in_bulk({one.order_id for one in needs if one.order_id})
    return [
        Thing(
            one, accounts.get(one.account_id or 0), alerts.get(one.alert_id or 0), tasks.get(one.task_id or 0), orders.get(one.order_id or 0)
        )
        for one in needs
    ]  # fmt: skip


def title(thing: Thing, language: str) -> str:
    """Whose it is: the account, else the task."""
    if thing.account is not None:
        return thing.account.name
    return _named(thing.task.title, language) if thing.task is not None else ""


def about(thing: Thing, language: str) -> str:
    """What it is: the alert, the renewal or the task."""
    if thing.alert is not None:
        return alert_words.headline(thing.alert, language)
    if thing.need.kind == "renewal":
        return _("Renewal")
    return _named(thing.task.title, language) if thing.task is not None and thing.account is not None else ""


def why(thing: Thing, reader: User, language: str) -> str:
    """Why it needs somebody, in figures; amounts only for those who may see them."""
    said = ""
    if thing.alert is not None:
        said = alert_words.reason(thing.alert, language)
    elif thing.task is not None:
        said = _named(thing.task.reason, language) or thing.task.body
    return said if reader.sees_money else money.veiled(said)


def card(thing: Thing, reader: User, language: str, note: str = "") -> Card:
    """A thing as a card: what may be done with it depends on what it is."""
    return Card(
        title=title(thing, language),
        about=about(thing, language),
        text=why(thing, reader, language),
        facts=_facts(thing, reader, language),
        link=link(thing),
        buttons=_buttons(thing),
        asks=_("Give to"),
        people=[(str(one.pk), str(one)) for one in _mates(reader)],
        note=note,
    )


def over(card_: Card, note: str) -> Card:
    """A card on which nothing is left to do."""
    return Card(
        title=card_.title, about=card_.about, text=card_.text, facts=card_.facts, link=card_.link, note=note
    )


def text(thing: Thing, reader: User, language: str) -> str:
    """A thing as a few lines of Markdown, for channels without cards."""
    lines = [f"**{as_text(title(thing, language))}**"]
    if said := about(thing, language):
        lines[0] += f" · {as_text(said)}"
    if said := why(thing, reader, language):
        lines.append(as_text(said))
    lines += [f"{name}: {as_text(value)}" for name, value in _facts(thing, reader, language)]
    if at := link(thing):
        lines.append(f"[{_('Open in Evergreen')}]({at})")
    return "\n\n".join(lines)


def summary(listed: Sequence[Thing], total: int, reader: User, language: str) -> str:
    """Several things as one message: the first ones by what is at stake, then how many more."""
    lines = []
    for number, thing in enumerate(listed[:_LISTED], 1):
        said = pgettext("list", ", ").join(
            one for one in (about(thing, language), why(thing, reader, language)) if one
        )
        lines.append(f"{number}. **{as_text(title(thing, language))}** {as_text(said)}".rstrip())
    if total > len(lines):
        more = total - len(lines)
        lines.append(ngettext("… and %(n)s more.", "… and %(n)s more.", more) % {"n": more})
    if base := _base():
        lines.append(f"[{_('Open Today')}]({base}/)")
    return "\n\n".join(lines)


def link(thing: Thing) -> str:
    """Where a thing stands in this installation; '' where its public address is not set."""
    base = _base()
    if not base:
        return ""
    if thing.order is not None:
        return f"{base}/work-orders/{thing.order.pk}/"
    return f"{base}/accounts/{thing.account.pk}/" if thing.account is not None else f"{base}/"


def _base() -> str:
    return str(setting("public_url")).rstrip("/")


def _facts(thing: Thing, reader: User, language: str) -> list[tuple[str, str]]:
    found = []
    account, need = thing.account, thing.need
    if need.days_late is not None:
        late = need.days_late
        due = (
            ngettext("%(n)s day late", "%(n)s days late", late) % {"n": late}
            if late > 0
            else _("today")
            if late == 0
            else ngettext("in %(n)s day", "in %(n)s days", -late) % {"n": -late}
        )
        found.append((pgettext("fact", "Due"), due))
    if account is not None and account.score is not None:
        found.append((_("Health"), f"{account.score:.0f}"))
    if need.days_to_renewal is not None and 0 <= need.days_to_renewal <= 365:
        left = need.days_to_renewal
        found.append((_("Renewal"), ngettext("in %(n)s day", "in %(n)s days", left) % {"n": left}))
    if account is not None and account.arr_base_cents and reader.sees_money:
        found.append(("ARR", money.short(account.arr_base_cents, str(setting("currency")), language)))
    return found


def _buttons(thing: Thing) -> list[Button]:
    """A task that asks for an answer cannot be done from a card; what nobody took up is taken up first."""
    order, task = thing.order, thing.task
    waits = order is not None and order.state == WorkOrder.State.OPEN
    asks = task is not None and bool(task.answers)
    found = [Button(TAKE, _("I take it"), is_first=True)] if waits else []
    if not asks:
        found.append(Button(DONE, pgettext("button of a card", "Done"), is_first=not waits))
    found.append(Button(LATER, pgettext("button of a card", "Later")))
    found.append(Button(GIVE, _("Hand over")))
    return found


def _mates(reader: User) -> list[User]:
    """Whom a person gives things to from a card: those of the same teams, by name."""
    teams = list(reader.teams.all())
    mates = User.objects.filter(is_active=True, teams__in=teams).exclude(pk=reader.pk).distinct()
    return list(mates.order_by("name", "email")[:_PEOPLE])


def _named(words: dict[str, str], language: str) -> str:
    return str(words.get("text") or in_words(words, language))
