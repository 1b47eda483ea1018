"""How the page beside the chats is set up in WeCom, step by step, each with what can be checked from here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.queries import setting
from evergreen.touches.channels.wecom.app import verified
from evergreen.touches.models import Channel

_ADDRESS = re.compile(r"from ip:\s*([0-9a-fA-F.:]+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: where, what to enter, how it stands."""

    title: str
    text: str
    value: str = ""
    state: str = ""
    tone: str = ""


def steps(channel: Channel) -> list[Step]:
    """The steps of one channel, in their order."""
    base = str(setting("public_url")).rstrip("/")
    host = urlsplit(base).netloc
    return [_domain(host, base), _proof(channel, base), _machine(channel), _toolbar(channel, base), _people()]


def _domain(host: str, base: str) -> Step:
    title = _("Trusted domain (可信域名)")
    text = _("The app, web authorisation and JS-SDK (网页授权及 JS-SDK): enter the domain. It needs https and, in China, a registration (ICP备案) of your company.")  # fmt: skip
    if not base:
        return Step(
            title,
            _("Set the public address of this installation under Settings first."),
            "",
            _("missing"),
            "bad",
        )
    if not base.startswith("https://"):
        return Step(title, text, host, _("not https"), "bad")
    return Step(title, text, host, _("https"), "good")


def _proof(channel: Channel, base: str) -> Step:
    title = _("File that proves the domain")
    told = verified(str(channel.config.get("verify_file") or ""))
    if told is None:
        return Step(
            title, _("WeCom gives you a file WW_verify_….txt: write its name into the channel's field, and it is served at once."), "", _("not set"), "warn",
        )  # fmt: skip
    return Step(
        title, _("It is served here; press “verify” in WeCom."), f"{base}/{told[0]}", _("served"), "good"
    )


def _machine(channel: Channel) -> Step:
    title = _("Trusted address (企业可信 IP)")
    found = _ADDRESS.search(channel.fault) if "60020" in channel.fault else None
    if found is not None:
        said = _("WeCom refused calls from this address: enter it with the app, then test the channel.")
        return Step(title, said, found[1], _("refused"), "bad")
    text = _("The address under which this machine reaches WeCom. Press “Test” above: where it is not among the app's trusted ones, WeCom's answer names it.")  # fmt: skip
    if channel.used_at is not None and not channel.fault:
        return Step(title, text, "", _("WeCom answers"), "good")
    return Step(title, text)


def _toolbar(channel: Channel, base: str) -> Step:
    title = _("Page of the chat toolbar (聊天工具栏)")
    text = _("Customer contact (客户联系), chat tools (聊天工具), toolbar: the app, this page. The app must be visible to your colleagues and among those that may call customer contact.")  # fmt: skip
    return Step(title, text, base + reverse("beside", args=[channel.key]) if base else "")


def _people() -> Step:
    return Step(
        _("Who is who"),
        _("A colleague is known by the channel's list of members, else by what stands before the @ of the e-mail address here."),
    )  # fmt: skip
