"""The whole made-up vendor, drawn from one seed: everything that the records and the lake are then filled with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.flow.demo import (
    contacts,
    facts,
    feeling,
    journeys,
    market,
    paid,
    people,
    talks,
    terms,
    tickets,
    voices,
)
from evergreen.flow.demo.extent import Extent, Floats
from evergreen.flow.demo.talks import Memo, Talk
from evergreen.flow.demo.tickets import Ticket
from evergreen.flow.demo.use import World


@dataclass(frozen=True, slots=True)
class Vendor:
    """Lists by account place hold one entry an account; the others are in order of time."""

    extent: Extent
    book: list[market.Company]
    felt: feeling.Feelings
    lives: list[terms.Life]
    presence: Floats
    crowd: people.People
    chains: list[list[contacts.Person]]
    tickets: list[Ticket]
    answers: list[voices.Told]
    facts: list[voices.Told]
    dues: list[paid.Due]
    talks: list[Talk]
    memos: list[Memo]
    dates: list[journeys.Dates]
    turns: list[list[journeys.Turn]]

    def world(self, ids: Sequence[int]) -> World:
        """What events are made from; ``ids`` are the keys of the account rows by place."""
        return World(self.book, self.lives, self.felt, self.presence, self.crowd, np.asarray(ids, np.int64))

    def fingerprint(self) -> str:
        """A hash of the figures: equal for equal seeds and extents."""
        told = hashlib.sha256()
        told.update(np.round(self.felt.level, 4).tobytes())
        told.update(self.presence.tobytes())
        for listed in (
            self.lives,
            self.tickets,
            self.answers,
            self.facts,
            self.dues,
            self.talks,
            self.memos,
            self.chains,
            self.dates,
        ):
            told.update(repr(listed).encode())
        return told.hexdigest()


def draw(extent: Extent) -> Vendor:
    """Draw the vendor. Pure: the same extent gives the same vendor."""
    book = market.companies(extent)
    felt = feeling.feelings(book, extent)
    lives = terms.lives(book, felt, extent)
    here = people.presence(lives, extent)
    crowd = people.people(book, lives, felt, extent)
    chains = contacts.contacts(book, felt, crowd, extent)
    opened = tickets.tickets(book, felt, active(crowd, here, extent), chains, extent)
    chance = extent.chance("dates")
    answered = voices.answers(book, felt, here, chains, opened, extent)
    dates = [journeys.dates(c, life, felt, extent, chance) for c, life in zip(book, lives, strict=True)]
    return Vendor(
        extent=extent,
        book=book,
        felt=felt,
        lives=lives,
        presence=here,
        crowd=crowd,
        chains=chains,
        tickets=opened,
        answers=answered,
        facts=facts.facts(book, lives, felt, crowd, chains, opened, answered, dates, extent),
        dues=paid.dues(book, lives, felt, extent),
        talks=talks.talks(book, lives, felt, chains, extent),
        memos=talks.memos(book, felt, chains, extent),
        dates=dates,
        turns=[journeys.turns(c, life, extent) for c, life in zip(book, lives, strict=True)],
    )


def active(crowd: people.People, here: Floats, extent: Extent) -> Floats:
    """About how many people of each account use the product on each day."""
    days = np.arange(extent.days)
    found = np.zeros_like(here)
    there = (days >= crowd.since[:, None]) & (days < crowd.until[:, None]) & crowd.seat
    np.add.at(found, crowd.account, there.astype(np.float32))
    return np.asarray(found * here, np.float32)
