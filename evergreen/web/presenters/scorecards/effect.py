"""What saving a scorecard would change, in words: accounts and ARR that change band, alerts, playbooks, the largest movers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.outcomes.what_if import BANDS, Effect, Mover
from evergreen.web import formats
from evergreen.web.presenters.scorecards.editor import Editor

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Move:
    """Accounts that would go from one band to another."""

    before: str
    after: str
    accounts: int
    arr_cents: int

    @property
    def is_worse(self) -> bool:
        return BANDS.index(self.before) < BANDS.index(self.after)


@dataclass(frozen=True, slots=True)
class Moved:
    account: Account
    row: Mover


class EffectPage:
    """``effect`` is None where the draft cannot be scored or there is no night yet."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.effect: Effect | None = editor.effect

    @property
    def sentence(self) -> str:
        found = self.effect
        if found is None:
            return ""
        if not found.moved:
            return _("No account would change its band.")
        said = ngettext(
            "%(n)s of %(of)s accounts would change its band.", "%(n)s of %(of)s accounts would change their band.", found.moved
        )  # fmt: skip
        return said % {"n": formats.number(found.moved), "of": formats.number(found.accounts)}

    @property
    def moves(self) -> list[Move]:
        """The worst ways first, the most ARR first."""
        if self.effect is None:
            return []
        found = [Move(*way, n, cents) for way, (n, cents) in self.effect.moves.items()]
        return sorted(found, key=lambda one: (not one.is_worse, -one.arr_cents))

    @property
    def mixes(self) -> list[tuple[str, dict[str, int]]]:
        if self.effect is None:
            return []
        pairs = ((_("Now"), self.effect.before), (_("Then"), self.effect.after))
        return [
            (words, {band: counts[band] for band in BANDS if counts.get(band)}) for words, counts in pairs
        ]

    @property
    def alerts(self) -> list[str]:
        if self.effect is None:
            return []
        found = []
        for one in self.effect.alerts:
            name = formats.named(one.rule.name)
            if one.opens:
                said = ngettext(
                    "%(rule)s: %(n)s alert would open", "%(rule)s: %(n)s alerts would open", one.opens
                )
                found.append(said % {"rule": name, "n": formats.number(one.opens)})
            if one.closes:
                said = ngettext(
                    "%(rule)s: %(n)s alert would close", "%(rule)s: %(n)s alerts would close", one.closes
                )
                found.append(said % {"rule": name, "n": formats.number(one.closes)})
        for playbook, n in self.effect.playbooks:
            said = ngettext(
                "Playbook %(name)s would start %(n)s time", "Playbook %(name)s would start %(n)s times", n
            )
            found.append(said % {"name": formats.named(playbook.name), "n": formats.number(n)})
        return found

    @cached_property
    def movers(self) -> list[Moved]:
        """The largest accounts that would change band."""
        if self.effect is None:
            return []
        rows = self.effect.movers[:SHOWN]
        accounts = accounts_for(self.editor.user).in_bulk([row.account for row in rows])
        return [Moved(accounts[row.account], row) for row in rows if row.account in accounts]

    @property
    def weights(self) -> list[tuple[str, float]]:
        """Each measure's share of the whole."""
        card = self.editor.card
        if card is None:
            return []
        return [(formats.named(dict(one.name)), one.weight / card.weight) for one in card.measures]
