"""A survey put to contacts of the account. Whom it leaves out and why is decided where surveys are asked."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.playbooks.kinds import Order, Wrong
from evergreen.playbooks.steps.messages import ORIGIN, no_way, ways
from evergreen.touches.models import Survey
from evergreen.touches.recipients import CONTACT_RECIPIENTS, Recipients
from evergreen.touches.surveys.asking import Wanted, ask


class AskSurvey:
    """``survey``: its key; ``to`` and ``by`` as of a message, by default the survey's own."""

    key = "survey"
    keys: tuple[str, ...] = ("survey", "to", "by")
    is_message = True
    max_lateness_hours: int | None = 72

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        known = list(Survey.objects.order_by("key").values_list("key", flat=True))
        survey, to = str(given.get("survey") or ""), str(given.get("to") or "")
        if survey not in known:
            wrong("survey", survey, ", ".join(known) or "-")
        if to and to not in CONTACT_RECIPIENTS:
            wrong("to", to, ", ".join(CONTACT_RECIPIENTS))
        found: dict[str, Any] = {"survey": survey, **({"to": to} if to else {})}
        return {**found, "by": ways(given["by"], wrong)} if given.get("by") else found

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        survey = Survey.objects.filter(key=settings["survey"]).first()
        if survey is None or not survey.is_on:
            return _("The survey “%(key)s” is off: switch it on first.") % {"key": settings["survey"]}
        return no_way(settings.get("to", survey.to), settings.get("by", survey.by))

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        """Ask the contacts that are meant; of a survey that is off it is written down that nobody was."""
        keys = {order.settings["survey"] for order in orders}
        surveys = {one.key: one for one in Survey.objects.select_related("template").filter(key__in=keys)}
        book = Recipients({order.enrolment.account_id for order in orders})
        wanted: dict[tuple[str, str], list[Wanted]] = defaultdict(list)
        for order in orders:
            survey = surveys.get(order.settings["survey"])
            if survey is None:
                raise LookupError(f"There is no survey {order.settings['survey']!r} any more.")
            to, by = order.settings.get("to", survey.to), order.settings.get("by", survey.by)
            for person, channel, held in book.of(order.enrolment.account_id, to, by):
                one = Wanted(person, channel, held, order.origin)
                wanted[survey.key, order.enrolment.playbook.key].append(one)
        for (key, playbook), people in wanted.items():
            ask(surveys[key], people, origin_kind=ORIGIN, origin_name=playbook, now=now)
