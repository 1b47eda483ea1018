"""WeCom (企业微信): customers of the members (客户联系) as contacts, their companies as accounts."""

from evergreen.events.sources.wecom.adapter import WecomAdapter

__all__ = ["WecomAdapter"]
