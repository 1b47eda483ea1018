"""The fields that a record of a file may have: their kind, whether they must be given, and how files call
them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from evergreen.base.languages import is_zh


class Kind(enum.StrEnum):
    """What a cell of a field is read as (``cells``)."""

    TEXT = "text"
    KEY = "key"  # an external id: kept letter by letter
    EMAIL = "email"
    WHOLE = "whole"
    NUMBER = "number"
    SHARE = "share"  # 0.1 or 10%
    MONEY = "money"
    CURRENCY = "currency"
    DATE = "date"
    MOMENT = "moment"
    FLAG = "flag"
    CHOICE = "choice"
    WORDS = "words"  # several texts in a cell
    PLAIN = "plain"  # kept as it is found, for custom fields and properties


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``names`` are further names that files give it, split by spaces; ``choices`` are {value:
    words that mean it}.
    """

    name: str
    kind: Kind
    zh: str
    en: str
    required: bool = False
    names: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    most: int = 200  # characters of texts; the largest of whole numbers
    least: int = 0
    about: str = ""

    def label(self, language: str) -> str:
        return self.zh if is_zh(language) else self.en


WHOLE_MOST = 2_147_483_647

PRIORITIES = {
    "urgent": ("紧急", "特急", "critical", "p0", "p1", "blocker", "highest", "sev1"),
    "high": ("高", "重要", "p2", "major", "sev2"),
    "medium": ("中", "普通", "一般", "normal", "p3", "sev3"),
    "low": ("低", "p4", "minor", "lowest", "trivial", "sev4"),
}
STAGES = {
    "trial": ("试用", "试用期"),
    "hand_over": ("交接", "handover", "hand-over"),
    "onboarding": ("上线", "实施", "启用"),
    "adoption": ("用深", "采用", "推广"),
    "steady": ("稳定", "稳定期", "active", "customer", "正常"),
    "renewal": ("续约", "续约期"),
    "churned": ("流失", "已流失", "churn", "lost", "cancelled", "canceled"),
    "win_back": ("召回", "赢回", "winback", "win-back"),
}
TIERS = {
    "strategic": ("战略", "战略客户", "ka", "s", "key"),
    "growth": ("成长", "成长客户", "mid"),
    "basic": ("基础", "基础客户", "普通", "smb"),
}
TOUCH_MODELS = {
    "high": ("高接触", "高触", "high touch", "high-touch"),
    "low": ("低接触", "低触", "low touch", "low-touch"),
    "tech": ("技术接触", "数字化", "tech touch", "tech-touch", "digital"),
}
CHAIN_ROLES = {
    "daily_user": ("使用者", "使用人", "user", "end user", "daily user"),
    "decision_maker": ("决策者", "决策人", "decision maker", "decider", "economic buyer"),
    "influencer": ("影响者", "影响人"),
    "purchaser": ("采购者", "采购", "采购人", "buyer"),
}
LANGUAGES = {
    "zh-hans": ("中文", "简体中文", "zh", "zh-cn", "zh_cn", "cn", "chinese"),
    "en": ("英文", "英语", "english", "en-us", "en_us", "en-gb"),
}
ATTITUDES = {
    "supports": ("支持", "support", "supporter", "positive"),
    "neutral": ("中立",),
    "opposes": ("反对", "oppose", "detractor", "negative"),
    "unknown": ("未知",),
}
TICKET_STATES = {
    "open": ("打开", "未处理", "处理中", "待处理", "new", "in progress", "active", "reopened"),
    "pending": ("等待客户", "等待", "待客户回复", "hold", "on-hold", "waiting"),
    "closed": ("关闭", "已关闭", "已解决", "完成", "已完成", "solved", "resolved", "done"),
}
SENTIMENTS = {
    "positive": ("正面", "积极", "满意", "good", "happy"),
    "neutral": ("中性", "一般", "平稳"),
    "negative": ("负面", "消极", "不满", "愤怒", "bad", "angry", "unhappy", "frustrated"),
}
LINE_KINDS = {
    "subscription": ("订阅", "软件", "续费", "recurring", "saas", "license"),
    "one_off": ("一次性", "实施", "定制", "培训", "服务", "one-off", "one off", "onetime", "one-time"),
}
EVENT_KINDS = dict.fromkeys(("track", "page", "screen", "usage", "identify", "group", "alias", "system"), ())
SURVEY_KINDS = {
    "nps": ("净推荐值", "推荐"),
    "csat": ("满意度",),
    "ces": ("费力度",),
}
CONVERSATION_KINDS = {
    "call": ("电话", "通话", "phone"),
    "meeting": ("会议", "线上会议", "视频会议"),
    "visit": ("拜访", "走访", "上门", "on-site", "onsite"),
    "chat": ("聊天", "微信", "企业微信", "im", "message"),
    "mail": ("邮件", "e-mail", "email"),
}
