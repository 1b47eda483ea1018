"""A card with buttons (模板卡片, 按钮交互型) as WeCom takes it, and the press of a button as WeCom tells it.

WeCom shows about 26 characters of a title, 30 of what stands below it, 112 of the text, 5 and 26 of a fact, 10 of a button; a list has at
most ten entries, a card at most six facts and six buttons. The number of a card is the key of its message.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.touches.channels.contract import PEOPLE, Card
from evergreen.touches.channels.told import Pressed
from evergreen.touches.channels.wecom import callbacks

_TITLE, _ABOUT, _TEXT, _FACT, _BUTTON, _OPTION = 26, 30, 112, 26, 10, 16
_FACTS, _BUTTONS, _OPTIONS = 6, 6, 10
_BLUE, _GREY = 1, 4


def drawn(card: Card, key: str) -> dict[str, Any]:
    """A card as WeCom takes it, for sending and for drawing it anew."""
    said = f"{card.note}\n{card.text}" if card.note else card.text
    found: dict[str, Any] = {
        "card_type": "button_interaction",
        "main_title": {"title": _cut(card.title, _TITLE), "desc": _cut(card.about, _ABOUT)},
        "sub_title_text": _cut(said, _TEXT),
        "horizontal_content_list": [
            {"keyname": name, "value": _cut(value, _FACT)} for name, value in card.facts[:_FACTS]
        ],
        "task_id": key,
        "button_list": [
            {"type": 0, "text": _cut(one.text, _BUTTON), "style": _BLUE if one.is_first else _GREY, "key": one.key}
            for one in card.buttons[:_BUTTONS]
        ],
    }  # fmt: skip
    if card.link:
        found["card_action"] = {"type": 1, "url": card.link}
    if card.people and card.buttons:
        options = [{"id": key, "text": _cut(name, _OPTION)} for key, name in card.people[:_OPTIONS]]
        found["button_selection"] = {"question_key": PEOPLE, "title": card.asks, "option_list": options}
    if not card.buttons:
        # A card that is over has one grey button that says so.
        found["button_list"] = [{"type": 0, "text": _cut(card.note, _BUTTON), "style": _GREY, "key": "over"}]
        found["replace_text"] = card.note
    return found


def pressed(xml: bytes) -> Pressed | None:
    """The press that a document tells of; None for other events. Raises ValueError for a broken one."""
    told = callbacks.fields_of(xml)
    if told.get("Event") != "template_card_event":
        return None
    key, member, moment = told.get("TaskId", ""), told.get("FromUserName", ""), told.get("CreateTime", "")
    if not key or not member or not moment.isdecimal():
        raise ValueError("TaskId, FromUserName or CreateTime is missing")
    return Pressed(
        key=key,
        member=member,
        button=told.get("EventKey", ""),
        at=dt.datetime.fromtimestamp(int(moment), dt.UTC),
        handle=told.get("ResponseCode", ""),
        chosen=callbacks.answers_of(xml),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
