"""The channels there are. Adding one: its folder beside this file, its line here, docs/touches.md, the changelog."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import configured
from evergreen.touches.channels.contract import ChannelAdapter

_WHERE = {
    "smtp": "evergreen.touches.channels.smtp:SmtpAdapter",
    "mail_provider": "evergreen.touches.channels.mail_provider:MailProvider",
    "wecom_app": "evergreen.touches.channels.wecom:WecomApp",
    "wecom_customer": "evergreen.touches.channels.wecom:WecomCustomer",
    "wecom_group": "evergreen.touches.channels.wecom:WecomGroup",
    "wecom_kf": "evergreen.touches.channels.wecom:WecomKf",
    "aliyun_sms": "evergreen.touches.channels.sms:AliyunSms",
    "tencent_sms": "evergreen.touches.channels.sms:TencentSms",
    "twilio_sms": "evergreen.touches.channels.sms:TwilioSms",
    "in_app": "evergreen.touches.channels.in_app:InApp",
    "dingtalk_app": "evergreen.touches.channels.apps:DingtalkApp",
    "feishu_app": "evergreen.touches.channels.apps:FeishuApp",
    "webhook": "evergreen.touches.channels.webhook:WebhookAdapter",
    "wecom_robot": "evergreen.touches.channels.robots:WecomRobot",
    "dingtalk_robot": "evergreen.touches.channels.robots:DingtalkRobot",
    "feishu_robot": "evergreen.touches.channels.robots:FeishuRobot",
    "slack": "evergreen.touches.channels.robots:Slack",
    "teams": "evergreen.touches.channels.robots:Teams",
}


def kinds() -> tuple[str, ...]:
    return tuple(_WHERE)


def adapter_class(kind: str) -> type[ChannelAdapter]:
    """The channel of that kind. Raises ValueError when there is none."""
    if kind not in _WHERE:
        raise ValueError(
            _("There is no channel “%(kind)s”. Allowed: %(kinds)s.")
            % {"kind": kind, "kinds": ", ".join(kinds())}
        )
    module, _colon, name = _WHERE[kind].partition(":")
    found: type[ChannelAdapter] = getattr(import_module(module), name)
    return found


def adapter(kind: str, given: Mapping[str, Any]) -> ChannelAdapter:
    """A channel with its configuration, secrets among it. Raises ValueError with every mistake."""
    found = adapter_class(kind)
    config, problems = configured(found.Config, given)
    if problems:
        raise ValueError("\n".join(problems))
    return found(config)


def fields(kind: str) -> tuple[dataclasses.Field[Any], ...]:
    """The configuration of a kind, field by field."""
    return dataclasses.fields(adapter_class(kind).Config)


def kinds_that(holds: Callable[[type[ChannelAdapter]], bool]) -> tuple[str, ...]:
    """The kinds of whose adapter something holds."""
    return tuple(kind for kind in _WHERE if holds(adapter_class(kind)))


def personal_kinds() -> tuple[str, ...]:
    """The kinds that reach a single colleague."""
    return kinds_that(lambda one: one.address_of is not ChannelAdapter.address_of)
