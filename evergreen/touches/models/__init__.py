"""The rows of touches: what is written and to whom, and what is asked."""

from evergreen.touches.models.chats import Chat, ChatLine
from evergreen.touches.models.codes import ContactCode
from evergreen.touches.models.copies import MailCopy
from evergreen.touches.models.groups import Broadcast, CustomerGroup, GroupMember
from evergreen.touches.models.in_app import Site
from evergreen.touches.models.messages import (
    Channel,
    Consent,
    DeadAddress,
    Medium,
    Message,
    Receipt,
    Template,
    Topic,
)
from evergreen.touches.models.notices import Notice
from evergreen.touches.models.staff import Notification
from evergreen.touches.models.surveys import Ask, Survey, Wave
from evergreen.touches.models.tags import AccountTag, TagGroup
from evergreen.touches.models.tickets import ChannelTicket
from evergreen.touches.models.ties import Tie

__all__ = [
    "AccountTag", "Ask", "Broadcast", "Channel", "ChannelTicket", "Chat", "ChatLine", "Consent", "ContactCode", "CustomerGroup", "DeadAddress", "GroupMember", "MailCopy", "Medium", "Message", "Notice", "Notification", "Receipt", "Site", "Survey", "TagGroup", "Template", "Tie", "Topic", "Wave",
]  # fmt: skip
