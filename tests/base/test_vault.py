"""Secrets at rest."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen.base import vault


def test_a_sealed_secret_opens_again_and_shows_nothing() -> None:
    sealed = vault.seal({"token": "canary-值"})
    assert "canary" not in sealed
    assert vault.unseal(sealed) == {"token": "canary-值"}
    assert vault.seal({}) == "" and vault.unseal("") == {}


def test_another_key_or_a_changed_text_opens_nothing(settings: Any) -> None:
    sealed = vault.seal({"token": "canary"})
    with pytest.raises(vault.SealError):
        vault.unseal(sealed[:-6] + "AAAAA=")
    settings.SECRET_KEY = "another"
    with pytest.raises(vault.SealError) as told:
        vault.unseal(sealed)
    assert "canary" not in str(told.value)


def test_the_key_before_still_opens_and_reseal_writes_with_todays(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = vault.seal({"token": "canary"})
    monkeypatch.setenv("EVERGREEN_SECRET_KEY_BEFORE", settings.SECRET_KEY)
    settings.SECRET_KEY = "the next one"
    again = vault.reseal(sealed)
    monkeypatch.delenv("EVERGREEN_SECRET_KEY_BEFORE")
    assert vault.unseal(again) == {"token": "canary"}
