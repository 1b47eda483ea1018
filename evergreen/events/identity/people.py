"""The end users of one source and how they hang together, as far as a batch needs them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from evergreen.base.upserts import stored_among
from evergreen.events.identity import rules
from evergreen.events.identity.naming import chunks
from evergreen.events.identity.rules import Link, Membership, Stamp, Timeline
from evergreen.events.models import EndUser, Source
from evergreen.events.models import Membership as Row

_COLUMNS = ("key", "root", "same_as", "linked_us", "linked_by", "account_key", "has_moved")


@dataclass(slots=True)
class Node:
    """One id: who it is by its first link, and which id stands for the person."""

    root: str
    link: Link | None = None
    account_key: str = ""
    has_moved: bool = False
    stored_root: str | None = None  # None: an id that was never seen before


class People:
    """End users of a source, read when asked for and changed in memory; ``keeping`` writes what changed.

    A tree is the ids that are one person; its root stands for it. Most changes hang one tree under another and
    need none of their other ids; where a link replaces an earlier choice or closes a loop, both trees are read
    whole and put together anew.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes: dict[str, Node] = {}
        self.joined: dict[str, str] = {}
        self.fresh: list[Membership] = []
        self.rewritten: set[str] = set()  # ids whose own row changed: a link, or a root found anew
        self.whole: set[str] = set()  # stored roots of which every id was read
        self._dirty: set[str] = set()
        self._timelines: dict[str, Timeline] = {}

    def learn(self, keys: Iterable[str]) -> None:
        """Read ids not yet known; those never seen stand for themselves."""
        wanted = sorted(set(keys) - self.nodes.keys())
        for chunk in chunks(wanted):
            self._read(key__in=chunk)
        for key in wanted:
            self.nodes.setdefault(key, Node(key))

    def root(self, key: str) -> str:
        """The id that stands for a known id's person."""
        return self.final(self.nodes[key].root)

    def tell(self, links: Sequence[Link], memberships: Sequence[Membership]) -> None:
        """Take in what a batch told; of a message heard before nothing. All ids named must be learnt."""
        for link in links:
            self._tell_link(link)
        held = self._held([membership.stamp.message_id for membership in memberships])
        for membership in memberships:
            if membership.stamp.message_id not in held:
                held.add(membership.stamp.message_id)
                self.fresh.append(membership)
                node = self.nodes[membership.person]
                if node.has_moved or node.account_key != membership.account_key:
                    self._dirty.add(membership.person)

    def keys_at(self, asked: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """The account key of (id, time) pairs; '' where none is known. The ids must be learnt."""
        roots = {key: self.root(key) for key, _ in asked}
        timelines = self.timelines(set(roots.values()) & self._moving())
        found = {}
        for key, at in asked:
            timeline = timelines.get(roots[key])
            found[key, at] = self.nodes[key].account_key if timeline is None else timeline.key_at(at)
        return found

    def changed_roots(self) -> set[str]:
        """The roots of trees of which something new was told."""
        return {self.root(key) for key in self._dirty}

    def timelines(self, wanted: Collection[str]) -> dict[str, Timeline]:
        """Who was of which account when, for whole trees by their roots."""
        missing = set(wanted) - self._timelines.keys()
        if missing:
            told: dict[str, list[tuple[Stamp, str]]] = defaultdict(list)
            for key, stored, stamp, account in self.stored(self.stored_roots(missing)):
                told[self.root(key) if key in self.nodes else self.final(stored)].append((stamp, account))
            for membership in self.fresh:
                told[self.root(membership.person)].append((membership.stamp, membership.account_key))
            self._timelines |= {root: Timeline(told[root]) for root in missing}
        return {root: self._timelines[root] for root in wanted}

    def stored(self, roots: Collection[str]) -> list[tuple[str, str, Stamp, str]]:
        """(id, root, stamp, account key) of the memberships kept under roots as the records have them."""
        found = []
        for chunk in chunks(sorted(roots)):
            rows = Row.objects.filter(end_user__source__name=self.source, end_user__root__in=chunk)
            found += [
                (key, root, Stamp(at, message), account)
                for key, root, at, message, account in rows.values_list(
                    "end_user__key", "end_user__root", "told_us", "message_id", "account_key"
                )
            ]
        return found

    def stored_roots(self, roots: Collection[str]) -> set[str]:
        """Under which roots the records keep the ids of trees."""
        found = {stored for stored in self.joined if self.final(stored) in roots}
        for key, node in self.nodes.items():
            if node.stored_root is not None and self.root(key) in roots:
                found.add(node.stored_root)
        return found

    def moved_trees(self) -> dict[str, str]:
        """Stored roots with the roots that their trees hang under now, for trees that were not read whole."""
        return {stored: self.final(stored) for stored in self.joined if stored not in self.whole}

    def _moving(self) -> set[str]:
        """Roots of trees whose ids may have had several account keys."""
        found = self.changed_roots()
        return found | {self.root(key) for key, node in self.nodes.items() if node.has_moved}

    def _tell_link(self, link: Link) -> None:
        node = self.nodes[link.previous]
        if node.link is not None and node.link.stamp <= link.stamp:
            return
        old, new = self.root(link.previous), self.root(link.person)
        is_plain = node.link is None and new != link.previous
        node.link, before = link, node.link
        self.rewritten.add(link.previous)
        if before is not None and before.person == link.person and old == new and old != link.previous:
            # Told again of an earlier time: who it is stays, unless a loop could be opened elsewhere.
            is_plain = not self._loops(link.previous)
            if is_plain:
                return
        self._dirty |= {link.previous, link.person}
        if is_plain:
            self.joined[old] = new
        else:
            self._join_anew({old, new})

    def _loops(self, key: str) -> bool:
        """Whether the links from an id lead into a loop; ids on the way are read."""
        passed = set()
        while key not in passed:
            passed.add(key)
            link = self.nodes[key].link
            if link is None:
                return False
            self.learn([link.person])
            key = link.person
        return True

    def _join_anew(self, targets: set[str]) -> None:
        """Read trees whole and find the root of each of their ids again."""
        stored = self.stored_roots(targets)
        for chunk in chunks(sorted(stored)):
            self._read(root__in=chunk)
        members = [key for key in self.nodes if self.root(key) in targets]
        for root in stored:
            self.joined.pop(root, None)
        self.whole |= stored
        links = {key: link for key in members if (link := self.nodes[key].link) is not None}
        found = rules.roots(links)
        for key in members:
            self.nodes[key].root = found.get(key, key)
        self._dirty.update(members)
        self.rewritten.update(members)

    def final(self, root: str) -> str:
        """The root that a root hangs under by now."""
        while root in self.joined:
            root = self.joined[root]
        return root

    def _held(self, message_ids: Sequence[str]) -> set[str]:
        source = Source.objects.filter(name=self.source).values_list("pk", flat=True).first()
        if source is None:
            return set()
        return stored_among(Row, "message_id", set(message_ids), source_id=source)

    def _read(self, **which: object) -> None:
        rows = EndUser.objects.filter(source__name=self.source, **which)
        for key, root, person, at, message, account, moved in rows.values_list(*_COLUMNS):
            link = Link(Stamp(at, message), key, person) if at is not None else None
            self.nodes.setdefault(key, Node(root, link, account, moved, root))
