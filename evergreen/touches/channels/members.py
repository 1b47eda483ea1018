"""Which of our people is called what by a provider, as a channel's configuration lists it: a line each, “their id: e-mail address”."""

from __future__ import annotations


def id_of(listed: str, email: str) -> str:
    """The provider's id of one of us; '' where the list does not say."""
    return next((key for key, address in _pairs(listed) if address.casefold() == email.casefold()), "")


def email_of(listed: str, member: str) -> str:
    """The e-mail address of whom the provider calls so; '' where the list does not say."""
    return next((address for key, address in _pairs(listed) if key == member), "")


def _pairs(listed: str) -> list[tuple[str, str]]:
    found = []
    for line in listed.splitlines():
        # Feishu's ids are addresses themselves, and a full-width colon is as good.
        key, _colon, address = line.replace("：", ":").partition(":")
        if key.strip() and address.strip():
            found.append((key.strip(), address.strip()))
    return found
