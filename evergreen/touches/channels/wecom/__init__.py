"""WeCom (企业微信): messages of an app to members, mass sends to customers that a member confirms."""

from evergreen.touches.channels.wecom.app import WecomApp
from evergreen.touches.channels.wecom.customers import WecomCustomer
from evergreen.touches.channels.wecom.groups import WecomGroup

__all__ = ["WecomApp", "WecomCustomer", "WecomGroup"]
