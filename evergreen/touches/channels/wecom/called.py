"""WeCom channels to which WeCom posts (回调): a token that signs and a key that seals, entered on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.wecom import callbacks
from evergreen.touches.channels.wecom.wire import Wecom, WecomConfig


@dataclass(frozen=True)
class CalledConfig(WecomConfig):
    """What a channel needs to which WeCom may post. Neither of the two: it posts nothing."""

    callback_token: str = option(
        "回调 Token", "Callback token", default="", secret=True, about=("企业微信后台设置接收事件（回调）地址的那一页；不填则企业微信不会通知任何变化", "On the page of WeCom's administration where the callback address is set; without it WeCom tells of no changes")
    )  # fmt: skip
    callback_key: str = option(
        "回调 EncodingAESKey", "Callback EncodingAESKey", default="", secret=True, about=("与 Token 同一页", "On the same page as the token")
    )  # fmt: skip

    def __post_init__(self) -> None:
        if bool(self.callback_token) != bool(self.callback_key):
            raise ValueError(_("The callback needs both its token and its EncodingAESKey, or neither."))
        if self.callback_key:
            callbacks.key_of(self.callback_key)


class Called(Wecom):
    """A channel that may be posted to; its ``Config`` is a CalledConfig."""

    thanks = ("text/plain", "success")

    def opened(self, body: bytes, form: Mapping[str, str]) -> bytes:
        """The document of a post that WeCom signed for this company. Raises ValueError."""
        self._must_be_set()
        config = self.config
        return callbacks.opened(
            body, form, token=config.callback_token, key=config.callback_key, corp_id=config.corp_id
        )

    def greeted(self, query: Mapping[str, str]) -> str:
        """The word that WeCom sealed, read back to it: so it checks an address before it saves it."""
        self._must_be_set()
        config = self.config
        word = callbacks.unsealed(
            query.get("echostr", ""), query, token=config.callback_token, key=config.callback_key, corp_id=config.corp_id,
        )  # fmt: skip
        return word.decode("utf-8", "replace")

    def _must_be_set(self) -> None:
        if not self.config.callback_token:
            raise ValueError("the channel has no callback token: enter token and EncodingAESKey, then save")
