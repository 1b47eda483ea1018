"""What the APIs of messengers have in common: a token that all workers share, and answers judged by their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from evergreen.touches.channels import members
from evergreen.touches.channels.contract import ChannelAdapter, LaterError, RefusedError


class TokenApi(ChannelAdapter):
    """A channel that asks such an API. Codes that stand in none of its lists refuse the message."""

    # The token is no longer taken.
    expired: ClassVar[frozenset[int]]
    too_often: ClassVar[frozenset[int]]
    # The settings are wrong: nothing leaves by this channel.
    whole: ClassVar[frozenset[int]]
    # There is nobody of this address, or the app may not see them.
    nobody: ClassVar[frozenset[int]]
    busy: ClassVar[frozenset[int]] = frozenset()

    def email_of(self, member: str) -> str:
        return members.email_of(str(self.config.members), member)

    def ask(self, path: str, told: dict[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """The answer of a call with code 0: a GET where nothing is told. Raises as the contract says."""
        token = self.tokens.token(self._fetch)
        answer = self._asked(path, token, told, query)
        if self.code_of(answer) in self.expired:
            # It was replaced elsewhere, or ended early: fetched once more, then it must be right.
            self.tokens.drop(token)
            answer = self._asked(path, self.tokens.token(self._fetch), told, query)
        return self.judged(answer)

    def judged(self, answer: dict[str, Any], *, is_token: bool = False) -> dict[str, Any]:
        """An answer whose code is 0. Raises as the contract says."""
        code = self.code_of(answer)
        if code == 0:
            return answer
        said = f"{code}: {answer.get('sub_msg') or answer.get('errmsg') or answer.get('msg') or ''}"[:250]
        if code in self.too_often:
            raise LaterError(said, seconds=60, is_whole=True)
        if code in self.whole or code in self.expired or is_token:
            raise LaterError(self.advice(code, said), is_whole=True)
        if code in self.busy:
            raise LaterError(said, seconds=30)
        if code in self.nobody:
            raise self.unknown(said)
        raise RefusedError(said)

    def code_of(self, answer: dict[str, Any]) -> int:
        """An answer's code; -2 for what is none."""
        return number(answer.get("errcode"))

    def advice(self, code: int, said: str) -> str:
        """What to do about wrong settings, where a code says it."""
        return said

    def unknown(self, said: str) -> RefusedError:
        """The fault of an address that the API does not know: it may be known tomorrow."""
        return RefusedError(_("The app knows nobody there, or may not see them: %(said)s") % {"said": said})

    def _asked(
        self, path: str, token: str, told: dict[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        """The answer of one call, whatever its code."""
        raise NotImplementedError

    def _fetch(self) -> tuple[str, int]:
        """A new token, and the seconds for which it is taken."""
        raise NotImplementedError


def number(told: object) -> int:
    """A code that may be written as a text; -2 for what is none."""
    text = str(told)
    return int(text) if text.lstrip("-").isdecimal() else -2
