"""WeCom (企业微信): messages of an app to members, mass sends to customers that a member confirms, answers of 微信客服."""

from evergreen.touches.channels.wecom.app import WecomApp
from evergreen.touches.channels.wecom.customers import WecomCustomer
from evergreen.touches.channels.wecom.groups import WecomGroup
from evergreen.touches.channels.wecom.kf import WecomKf

__all__ = ["WecomApp", "WecomCustomer", "WecomGroup", "WecomKf"]
