"""Experiments that run in playbooks: holdouts and splits of those that are published, with the accounts on each side."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Max
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.playbooks import rules
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Enrolment, Passage, PlaybookVersion, Refusal
from evergreen.playbooks.rules import Split
from evergreen.web import formats
from evergreen.web.presenters.playbooks.divided import dividing, way_names
from evergreen.web.presenters.playbooks.words import Words


@dataclass(frozen=True, slots=True)
class Running:
    """One experiment: ``sides`` are (name, accounts that came to it), ``last`` when somebody last did."""

    playbook: str
    what: str
    address: str
    is_on: bool
    sides: tuple[tuple[str, int], ...]
    last: dt.datetime | None


def running(user: User, now: dt.datetime) -> list[Running]:
    """Every holdout and split of a published version, those of playbooks that are on first; a fixed number of queries."""
    words, book = Words(hides_money=not user.sees_money), Book(now)
    versions = PlaybookVersion.objects.filter(state=PlaybookVersion.State.PUBLISHED).select_related(
        "playbook"
    )
    entered = dict(
        Enrolment.objects.filter(is_compared=True).order_by().values_list("playbook")
        .annotate(n=Count("account", distinct=True))
    )  # fmt: skip
    out = {
        playbook: (n, at)
        for playbook, n, at in Refusal.objects.filter(reason=Refusal.Reason.HOLDOUT).order_by()
        .values_list("playbook").annotate(n=Count("account", distinct=True), at=Max("at"))
    }  # fmt: skip
    passed = {
        (playbook, step, way): (n, at)
        for playbook, step, way, n, at in Passage.objects.order_by()
        .values_list("playbook", "step", "way").annotate(n=Count("pk"), at=Max("at"))
    }  # fmt: skip
    found = []
    for version in sorted(versions, key=lambda one: (not one.playbook.is_on, one.playbook.key)):
        playbook = version.playbook
        try:
            of = book.definition(version)
        except rules.PlaybookError:
            continue  # its own page says what is wrong with it
        name = formats.named(playbook.name)
        if of.holdout:
            n, last = out.get(playbook.pk, (0, None))
            sides = ((_("in the playbook"), entered.get(playbook.pk, 0)), (_("held out"), n))
            what = _("holdout of %(share)s%%") % {"share": of.holdout}
            found.append(
                Running(name, what, reverse("playbook", args=[playbook.key]), playbook.is_on, sides, last)
            )
        for step in dividing(of):
            if not isinstance(step, Split):
                continue
            counts = [
                (title, *passed.get((playbook.pk, step.key, way), (0, None)))
                for way, title in way_names(of, step, words).items()
            ]
            address = reverse("playbook-split", args=[playbook.key, step.key])
            newest = max((at for _title, _n, at in counts if at is not None), default=None)
            told = tuple((title, n) for title, n, _at in counts)
            found.append(Running(name, words.step(step, of).title, address, playbook.is_on, told, newest))
    return found
