"""Words for what is asked: kinds, measures, features, groups."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from evergreen.base.models import User
from evergreen.customers.models import Account, Contact, Edition, Feature
from evergreen.metrics.analytics.population import NOBODY, OTHERS
from evergreen.metrics.analytics.questions import Question, What
from evergreen.metrics.models import Analysis, Segment
from evergreen.web import formats


def kind_word(kind: str) -> str:
    return str(Analysis.Kind(kind).label)


def kind_question(kind: str) -> str:
    """What a kind of analysis answers."""
    return {
        "trend": _("How many are active, how much is used, day by day?"),
        "stickiness": _("How often do those who are active come?"),
        "penetration": _("Which features are used, and by whom that could?"),
        "funnel": _("How many go from one step to the next, and where are they lost?"),
        "retention": _("Of those who began together, how many still come?"),
        "paths": _("What do people do right after a feature, and right before?"),
    }[kind]


def unit_word(unit: str, count: int) -> str:
    """What is counted, behind a number."""
    if unit == "accounts":
        return ngettext("account", "accounts", count)
    if unit == "uses":
        return ngettext("use", "uses", count)
    return ngettext("end user", "end users", count)


def split_word(by: str) -> str:
    return {
        "": _("no split"),
        "tier": _("Tier"),
        "stage": _("Stage"),
        "industry": _("Industry"),
        "region": _("Region"),
        "edition": _("Edition"),
        "owner": _("Owner"),
        "segment": _("Segment"),
        "role": _("Role in the decision chain"),
        "account": _("Account"),
    }[by]


def within_word(key: str) -> str:
    """The length of a funnel's window."""
    count, size = int(key[:-1]), key[-1]
    words = {
        "m": ngettext("%(n)s minute", "%(n)s minutes", count),
        "h": ngettext("%(n)s hour", "%(n)s hours", count),
        "d": ngettext("%(n)s day", "%(n)s days", count),
    }
    return words[size] % {"n": count}


class Names:
    """Names of features, segments, editions and people, each kind read once when it is first asked for."""

    @cached_property
    def features(self) -> dict[str, str]:
        return {key: formats.named(name) or key for key, name in Feature.objects.values_list("key", "name")}

    @cached_property
    def core(self) -> set[str]:
        return set(Feature.objects.filter(is_core=True).values_list("key", flat=True))

    @cached_property
    def segments(self) -> dict[str, str]:
        rows = Segment.objects.filter(is_archived=False).values_list("key", "name")
        return {key: formats.named(name) or key for key, name in rows}

    @cached_property
    def editions(self) -> dict[str, str]:
        return {key: formats.named(name) or key for key, name in Edition.objects.values_list("key", "name")}

    @cached_property
    def people(self) -> dict[str, str]:
        return dict(User.objects.values_list("email", "name"))

    def what(self, what: What) -> str:
        if what.kind == "any":
            return _("any use")
        return self.features.get(what.key, what.key) if what.kind == "feature" else what.key

    def group(self, by: str, key: str) -> str:
        """The name of a group of a split."""
        if key == OTHERS:
            return _("others")
        if key == NOBODY:
            return _("no contact or role") if by == "role" else pgettext("group", "not set")
        match by:
            case "tier":
                return str(dict(Account.Tier.choices).get(key, key))
            case "stage":
                return str(dict(Account.Stage.choices).get(key, key))
            case "role":
                return str(dict(Contact.ChainRole.choices).get(key, key))
            case "segment":
                return self.segments.get(key, key)
            case "edition":
                return self.editions.get(key, key)
            case "owner":
                return self.people.get(key) or key
        return key

    def filters(self, question: Question, account: Account | None) -> list[str]:
        """The filters of a question in words."""
        said: list[str] = []
        for name, value in question.filters.items():
            words: Any = account.name if name == "account" and account else self.group(name, value)
            said.append(f"{split_word(name)}: {words}")
        return said
