"""Playbooks in words: what lets an account in, what each step does and where it leads, why a run stands where it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from evergreen.alerts.models import Rule
from evergreen.alerts.words import rule_name
from evergreen.base.conditions import Condition, Fields, explained
from evergreen.customers.models import Account
from evergreen.metrics.models import Segment
from evergreen.metrics.segments import fields as catalogue
from evergreen.playbooks import rules
from evergreen.playbooks.rules.definition import (
    Act,
    Answer,
    Branch,
    Definition,
    End,
    Span,
    Split,
    Step,
    Trigger,
    Until,
    Wait,
)
from evergreen.touches.models import Channel, CustomerGroup, Medium, Survey, Template
from evergreen.web import formats
from evergreen.web.presenters.playbooks.asked import form_name
from evergreen.work.models import Task

KINDS: dict[str, str | Promise] = {
    "task": gettext_lazy("Task"),
    "set_field": gettext_lazy("Set a field"),
    "ticket": gettext_lazy("Ticket"),
    "message": gettext_lazy("Message"),
    "survey": gettext_lazy("Survey"),
    "customer_group": gettext_lazy("To customer groups"),
    "webhook": gettext_lazy("Webhook"),
    "plan": gettext_lazy("Success plan"),
    "opportunity": gettext_lazy("Opportunity"),
    "wait": pgettext_lazy("step", "Wait"),
    "wait_until": gettext_lazy("Wait until"),
    "working_hours": gettext_lazy("Wait for working hours"),
    "answer": gettext_lazy("Answer"),
    "branch": gettext_lazy("Branch"),
    "split": gettext_lazy("A/B split"),
    "end": pgettext_lazy("step", "End"),
}
TRIGGERS: dict[str, str | Promise] = {
    "alert": gettext_lazy("An alert opens"),
    "lifecycle": gettext_lazy("A day of the customer's life"),
    "stage": gettext_lazy("A stage is entered"),
    "segment": gettext_lazy("A segment is entered"),
    "event": gettext_lazy("An event happens"),
    "form": gettext_lazy("A survey is answered"),
    "schedule": gettext_lazy("By the calendar"),
    "by_hand": gettext_lazy("By hand"),
}
DATES: dict[str, str | Promise] = {
    "signed_on": gettext_lazy("signing"),
    "kickoff_on": gettext_lazy("kick-off"),
    "live_on": gettext_lazy("going live"),
    "first_value_on": gettext_lazy("first value"),
    "stage_since": gettext_lazy("the stage's beginning"),
    "renewal_on": gettext_lazy("the end of the contract"),
}
EVERY: dict[str, str | Promise] = {
    "day": gettext_lazy("every day"),
    "week": gettext_lazy("every week"),
    "month": gettext_lazy("every month"),
    "quarter": gettext_lazy("every quarter"),
}
RECIPIENTS: dict[str, str | Promise] = {
    "first": gettext_lazy("the first there is: champion, sponsor, daily user, decision maker"),
    "champion": gettext_lazy("the champions"),
    "sponsor": gettext_lazy("the sponsors"),
    "daily_user": gettext_lazy("the daily users"),
    "decision_maker": gettext_lazy("the decision makers"),
    "influencer": gettext_lazy("the influencers"),
    "purchaser": gettext_lazy("the purchasers"),
    "everybody": gettext_lazy("every contact"),
    "owner": gettext_lazy("the account's owner"),
    "group": gettext_lazy("a group of colleagues"),
}
REENTRY: dict[str, str | Promise] = {
    "never": gettext_lazy("once, never again"),
    "after_days": gettext_lazy("again after some days"),
    "each_time": gettext_lazy("each time"),
}
# How a run ended, by Enrolment.reason.
REASONS: dict[str, str | Promise] = {
    "goal": gettext_lazy("goal reached"),
    "exit": gettext_lazy("an exit rule held"),
    "end": gettext_lazy("came to its end"),
    "stopped": gettext_lazy("stopped by hand"),
    "merged": gettext_lazy("its account was merged"),
}
_SPANS: dict[str, Callable[[int], str]] = {
    "minutes": lambda n: ngettext("%(n)s minute", "%(n)s minutes", n),
    "hours": lambda n: ngettext("%(n)s hour", "%(n)s hours", n),
    "days": lambda n: ngettext("%(n)s day", "%(n)s days", n),
    "working_days": lambda n: ngettext("%(n)s working day", "%(n)s working days", n),
}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a step may lead: in which case, and to which step."""

    when: str
    to: str


@dataclass(frozen=True, slots=True)
class Told:
    """A step in words. ``ways`` are named where a step has more than one, or jumps."""

    key: str
    kind: str
    label: str
    title: str
    detail: str
    ways: tuple[Way, ...]


class Words:
    """Words for definitions; what they refer to is read once."""

    def __init__(self, *, hides_money: bool, fields: Fields | None = None) -> None:
        self.hides_money = hides_money
        self._given = fields

    @cached_property
    def fields(self) -> Fields:
        return self._given if self._given is not None else catalogue.all_fields()

    @cached_property
    def _rules(self) -> dict[str, str]:
        language = formats.language()
        return {rule.key: rule_name(rule, language) for rule in Rule.objects.all()}

    @cached_property
    def _segments(self) -> dict[str, str]:
        return {one.key: formats.named(one.name) for one in Segment.objects.only("key", "name")}

    def condition(self, condition: Condition | None) -> str:
        if condition is None:
            return ""
        return explained(condition, self.fields, hides_money=self.hides_money)

    def trigger(self, one: Trigger) -> str:
        """What lets an account in, as a sentence without its end."""
        match one.kind:
            case "alert":
                if not one.names:
                    return _("any alert opens")
                return _("an alert opens: %(rules)s") % {
                    "rules": joined(self._rules.get(key, key) for key in one.names)
                }
            case "lifecycle":
                return self._lifecycle(one)
            case "stage":
                names = dict(Account.Stage.choices)
                return _("it comes to the stage %(stages)s") % {
                    "stages": joined(str(names.get(key, key)) for key in one.names)
                }
            case "segment":
                return _("it enters the segment “%(segment)s”") % {
                    "segment": self._segments.get(one.names[0], one.names[0])
                }
            case "event":
                return _("the event %(event)s arrives") % {"event": one.names[0]}
            case "form":
                return _("somebody answers %(form)s") % {
                    "form": form_name(one.names[0].removeprefix(f"{rules.FORM}:"))
                }
            case "schedule":
                return self._schedule(one)
        return _("somebody puts it in")

    def _lifecycle(self, one: Trigger) -> str:
        date = str(DATES.get(one.counts_from, one.counts_from))
        if one.day == 0:
            return _("on the day of %(date)s") % {"date": date}
        days = _SPANS["days"](abs(one.day)) % {"n": abs(one.day)}
        if one.day < 0:
            return _("%(days)s before %(date)s") % {"days": days, "date": date}
        return _("%(days)s after %(date)s") % {"days": days, "date": date}

    def _schedule(self, one: Trigger) -> str:
        every = str(EVERY.get(one.every, one.every))
        if one.every == "day":
            return every
        if one.every == "week":
            monday = dt.date(2024, 1, 1)  # any Monday
            return _("%(every)s, on %(day)s") % {
                "every": every, "day": formats.weekday(monday + dt.timedelta(days=one.on - 1)),
            }  # fmt: skip
        return _("%(every)s, on day %(day)s") % {"every": every, "day": one.on}

    def step(self, step: Step, of: Definition) -> Told:
        """A step of a version in words."""
        keys = [one.key for one in of.steps]
        after = ([*keys, ""])[keys.index(step.key) + 1]
        label = str(KINDS.get(step.kind, step.kind))
        title, detail, ways = label, "", self._ways(step, after, of)
        match step:
            case Act():
                title, detail = self._act(step, label)
            case Wait(span=span):
                title = _("Wait %(span)s") % {"span": span_words(span)}
            case Until(condition=condition, event=event, timeout=timeout):
                asked = [self.condition(condition)] if condition is not None else []
                asked += [_("the event %(event)s arrives") % {"event": event}] if event else []
                title = _("Wait until %(what)s") % {"what": _(" or ").join(asked)}
                detail = _("at most %(span)s") % {"span": span_words(timeout)}
            case Answer(of=asked, timeout=timeout):
                title = _("Wait for the answer to “%(task)s”") % {"task": self._title_of(asked, of)}
                detail = _("at most %(span)s") % {"span": span_words(timeout)}
        return Told(step.key, step.kind, label, title, detail, ways)

    def _act(self, step: Act, label: str) -> tuple[str, str]:
        settings = step.settings
        match step.kind:
            case "task":
                title = (
                    formats.named(settings["title"])
                    if "title" in settings
                    else _("a task by the alert's rule")
                )
                return title, self._task(settings)
            case "set_field":
                of = self.fields.get(settings["field"])
                name = of.label(formats.language()) if of else str(settings["field"])
                chosen = (
                    dict(of.choices).get(str(settings["value"]), settings["value"])
                    if of and of.choices
                    else settings["value"]
                )
                return _("%(field)s becomes %(value)s") % {"field": name, "value": formats.named(chosen)}, ""
            case "ticket":
                return formats.named(settings["subject"]), ""
            case "message":
                name = self._templates.get(settings["template"], settings["template"])
                return _("Message: %(name)s") % {"name": name}, self._reached(settings)
            case "survey":
                name = self._surveys.get(settings["survey"], settings["survey"])
                return _("Survey: %(name)s") % {"name": name}, self._reached(
                    settings
                ) if "to" in settings else ""
            case "customer_group":
                name = self._templates.get(settings["template"], settings["template"])
                purposes = dict(CustomerGroup.Purpose.choices)
                meant = (
                    str(purposes[settings["purpose"]])
                    if "purpose" in settings
                    else _("every group of the account")
                )
                return _("To customer groups: %(name)s") % {"name": name}, meant
            case "webhook":
                return _("Webhook to %(channel)s") % {
                    "channel": self._channels.get(settings["channel"], settings["channel"])
                }, settings.get("event", "")
        told = [
            f"{key}: {formats.named(value)}" for key, value in settings.items() if value not in ("", None)
        ]
        return label, joined(told)

    @cached_property
    def _surveys(self) -> dict[str, str]:
        return {one.key: formats.named(one.name) for one in Survey.objects.order_by()}

    @cached_property
    def _templates(self) -> dict[str, str]:
        return {one.key: formats.named(one.name) for one in Template.objects.order_by()}

    @cached_property
    def _channels(self) -> dict[str, str]:
        return {
            **{key: str(label) for key, label in Medium.choices},
            **dict(Channel.objects.order_by().values_list("key", "name")),
        }

    def _reached(self, settings: Mapping[str, Any]) -> str:
        """To whom a message goes, and by what."""
        by = _(" or ").join(self._channels.get(one, one) for one in settings["by"])
        return _("to %(whom)s by %(channel)s") % {"whom": RECIPIENTS[settings["to"]], "channel": by}

    def _task(self, settings: Mapping[str, Any]) -> str:
        due = settings.get("due_working_days", 2)
        if isinstance(due, Mapping):
            when = _("due by severity")
        else:
            when = _("due in %(span)s") % {"span": _SPANS["working_days"](int(due)) % {"n": due}}
        whose = (
            _("for the owner, else the team")
            if settings.get("assignee") == "owner_or_team"
            else _("for the owner")
        )
        told = [whose, when]
        if "priority" in settings:
            told.append(str(dict(Task.Priority.choices).get(settings["priority"], "")))
        if settings.get("answers"):
            told.append(
                _("asks: %(answers)s")
                % {"answers": " / ".join(formats.named(one["name"]) for one in settings["answers"])}
            )
        if settings.get("for_alert"):
            told.append(_("ends with its alert"))
        return joined(one for one in told if one)

    def _title_of(self, key: str, of: Definition) -> str:
        step = of.step(key)
        return self._act(step, key)[0] if isinstance(step, Act) else key

    def _ways(self, step: Step, after: str, of: Definition) -> tuple[Way, ...]:
        match step:
            case Answer(ways=answers, otherwise=otherwise, on_timeout=late):
                names = _answer_names(of.step(step.of))
                return (
                    *(
                        Way(_("“%(answer)s”") % {"answer": names.get(answer, answer)}, to)
                        for answer, to in answers
                    ),
                    Way(_("otherwise"), otherwise),
                    Way(_("after the time is up"), late),
                )
            case Branch(ways=ways, otherwise=otherwise):
                return (
                    *(
                        Way(_("if %(condition)s") % {"condition": self.condition(one)}, to)
                        for one, to in ways
                    ),
                    Way(_("otherwise"), otherwise),
                )
            case Split(arms=arms, spared=spared):
                drawn = tuple(Way(f"{share}%", to) for share, to in arms)
                return (*drawn, *([Way(_("strategic or in the red"), spared)] if spared else []))
            case Until(next=to, on_timeout=late) if late != to:
                return (Way(_("when it is so"), to), Way(_("after the time is up"), late))
            case End():
                return ()
        to = str(getattr(step, "next", ""))
        return (Way("", to),) if to != after else ()


def _answer_names(step: Step | None) -> dict[str, str]:
    told = step.settings.get("answers", ()) if isinstance(step, Act) else ()
    return {str(one["key"]): formats.named(one["name"]) for one in told}


def span_words(span: Span) -> str:
    """A length of time: 3 days until 09:00."""
    told = _SPANS[span.unit](span.count) % {"n": formats.number(span.count)}
    if span.at is not None:
        return _("%(span)s, until %(at)s") % {"span": told, "at": span.at.isoformat("minutes")}
    return told


def joined(texts: Any) -> str:
    """Texts side by side, as the language does it."""
    return pgettext("between things of a list", ", ").join(str(one) for one in texts)


def reentry_words(of: rules.Definition) -> str:
    """How often an account may enter."""
    if of.per == "occasion":
        return _("each occasion has a run of its own")
    if of.reentry == "after_days":
        return _("again %(days)s after it left") % {
            "days": _SPANS["days"](of.reentry_days) % {"n": of.reentry_days}
        }
    return str(REENTRY[of.reentry])
