"""What the filter form of the accounts page and the choices of its cells offer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.base.models import Team, User
from evergreen.customers.listing import BANDS, GAPS
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.web import formats
from evergreen.web.presenters.accounts.table import arr_bounds, asked, gap_word, segment_names, tier_word

OFFERED_SECONDS = 60
MOST_OFFERED = 300


@dataclass(frozen=True, slots=True)
class Offered:
    """A box that may be ticked."""

    value: str
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of one field; ``is_long`` lists get a scrolling frame."""

    name: str
    label: str
    boxes: list[Offered]

    @property
    def is_long(self) -> bool:
        return len(self.boxes) > 8


def form_context(user: User, query: QueryDict, currency: str) -> dict[str, Any]:
    """Boxes with the ticks of the address, the bounds of its ranges, and what it must carry along."""
    filters, _sort = asked(user, query, currency)
    staff = [("me", _("me")), ("none", _("nobody")), *((str(u.pk), str(u)) for u in _staff())]
    groups = [
        _boxes("owner", _("Owner"), staff, filters.owners),
        _boxes(
            "team",
            _("Team"),
            [(str(t.pk), str(t)) for t in Team.objects.order_by("name")],
            map(str, filters.teams),
        ),
        _boxes("stage", _("Stage"), Account.Stage.choices, filters.stages),
        _boxes("tier", _("Tier"), [(v, tier_word(v)) for v in [*Account.Tier.values, "none"]], filters.tiers),
        _boxes("band", _("Health"), [(band, formats.band_word(band)) for band in BANDS], filters.bands),
        _boxes("industry", _("Industry"), [(v, v) for v in _industries(user)], filters.industries),
        _boxes("tag", _("Tag"), [(v, v) for v in _tags(user)], filters.tags),
        _boxes("segment", _("Segment"), segment_names(), filters.segments),
        _boxes("gap", _("Missing"), [(gap, gap_word(gap)) for gap in GAPS], filters.gaps),
    ]
    return {
        "groups": [group for group in groups if group.boxes],
        "filters": filters,
        "arr": arr_bounds(filters, currency),
        "currency": currency,
        "kept": [
            (k, v) for k, values in query.lists() for v in values if k in {"sort", "cols", "density", "q"}
        ],
    }


def choices(account: Account, name: str) -> list[Offered]:
    """What a cell of the table may be set to."""
    match name:
        case "owner":
            people = [("none", _("nobody")), *((str(user.pk), str(user)) for user in _staff())]
            return [
                Offered(value, label, value == str(account.owner_id or "none")) for value, label in people
            ]
        case "stage":
            return [
                Offered(value, str(label), value == account.stage) for value, label in Account.Stage.choices
            ]
    tiers = [("none", _("none")), *((value, str(label)) for value, label in Account.Tier.choices)]
    return [Offered(value, label, value == (account.tier or "none")) for value, label in tiers]


def _boxes(name: str, label: str, offered: Iterable[tuple[Any, Any]], ticked: Iterable[str]) -> Boxes:
    on = set(ticked)
    return Boxes(name, label, [Offered(str(v), str(words), str(v) in on) for v, words in offered])


def _staff() -> list[User]:
    return list(User.objects.filter(is_active=True)[:MOST_OFFERED])


def _industries(user: User) -> list[str]:
    found = accounts_for(user).exclude(industry="").order_by("industry").values_list("industry", flat=True)
    return list(found.distinct()[:MOST_OFFERED])


def _tags(user: User) -> list[str]:
    """Tags in use, the most used first; at most a minute old, because they are read from every account."""

    def count() -> list[str]:
        used: dict[str, int] = {}
        for tags in accounts_for(user).exclude(tags=[]).order_by().values_list("tags", flat=True).iterator():
            for tag in tags:
                used[tag] = used.get(tag, 0) + 1
        return sorted(used, key=lambda tag: (-used[tag], tag))[:MOST_OFFERED]

    found: list[str] | None = cache.get_or_set(f"tags-offered:{user.pk}", count, OFFERED_SECONDS)
    return found or []
