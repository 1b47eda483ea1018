"""Contact codes (联系我, 渠道活码) and words of welcome as WeCom's API has them.

Type 2 is a code for several members, scene 2 a QR code. Remark and state have 30 characters at most. Words of welcome go with the code of
the event, once, within 20 seconds, if nobody has written yet (41051: they talk already, or another app welcomed). No code comes with the
event where the member has words of welcome in WeCom's own administration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from evergreen.touches.channels.contract import RefusedError
from evergreen.touches.channels.told import MadeCode
from evergreen.touches.channels.wecom.wire import Wecom
from evergreen.touches.channels.wire import call

_SEVERAL, _QR = 2, 2
_MOST_PICTURE = 500_000
_MOST_WELCOME = 4_000
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class Codes(Wecom):
    """A channel that makes contact codes and welcomes who comes by them."""

    makes_codes = True

    def person(self, key: str) -> tuple[str, str]:
        found = self.ask("externalcontact/get", external_userid=key).get("external_contact") or {}
        return str(found.get("name") or ""), str(found.get("corp_full_name") or found.get("corp_name") or "")

    def make_code(self, *, state: str, remark: str, members: Sequence[str], skips_asking: bool) -> MadeCode:
        # A code's type cannot be changed: one for several may have a single member, and more later.
        told: dict[str, Any] = {"type": _SEVERAL, "scene": _QR}
        answer = self.ask(
            "externalcontact/add_contact_way", told | _said(state, remark, members, skips_asking)
        )
        return MadeCode(str(answer["config_id"]), str(answer.get("qr_code") or ""))

    def change_code(
        self, config_id: str, *, state: str, remark: str, members: Sequence[str], skips_asking: bool
    ) -> None:
        told = {"config_id": config_id} | _said(state, remark, members, skips_asking)
        self.ask("externalcontact/update_contact_way", told)

    def end_code(self, config_id: str) -> None:
        self.ask("externalcontact/del_contact_way", {"config_id": config_id})

    def picture(self, url: str) -> bytes:
        found = call("GET", url).content
        if len(found) > _MOST_PICTURE or not found.startswith((_PNG, _JPEG)):
            raise RefusedError(_("What WeCom sent as the QR code is no picture."))
        return found

    def welcome(self, code: str, text: str) -> None:
        size = len(text.encode())
        if size > _MOST_WELCOME:
            raise RefusedError(
                _("The text has %(n)s bytes; WeCom takes %(most)s.") % {"n": size, "most": _MOST_WELCOME}
            )
        self.ask("externalcontact/send_welcome_msg", {"welcome_code": code, "text": {"content": text}})


def _said(state: str, remark: str, members: Sequence[str], skips_asking: bool) -> dict[str, Any]:
    return {"state": state, "remark": remark, "user": list(members), "skip_verify": skips_asking}
