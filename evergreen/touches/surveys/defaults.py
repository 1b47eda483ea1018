"""The words that a new survey begins with, and its invitation, by kind; everything may be changed."""

from __future__ import annotations

from typing import Any

QUESTIONS: dict[str, dict[str, str]] = {
    "nps": {"zh": "您有多大可能把我们推荐给同行或朋友？", "en": "How likely are you to recommend us to a colleague or friend?"},
    "csat": {"zh": "您对这次服务满意吗？", "en": "How satisfied are you with the help you got?"},
    "ces": {"zh": "“用这款产品解决我的问题很轻松。”您同意吗？", "en": "“The product made it easy to solve my problem.” Do you agree?"},
    "form": {"zh": "上线 90 天：三个问题", "en": "90 days in: three questions"},
}  # fmt: skip
WHY: dict[str, dict[str, str]] = {
    **{
        kind: {"zh": "打这个分的主要原因是什么？（可不填）", "en": "What is the main reason for your score? (optional)"}
        for kind in ("nps", "csat", "ces")
    },
    "form": {"zh": "还有什么想告诉我们？", "en": "Anything else?"},
}  # fmt: skip
THANKS = {"zh": "谢谢，您的回答我们会认真看。", "en": "Thank you. We read every answer."}
# What stands at the ends of the scale.
ENDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "nps": ({"zh": "完全不可能", "en": "not at all likely"}, {"zh": "非常可能", "en": "extremely likely"}),
    "csat": ({"zh": "很不满意", "en": "very dissatisfied"}, {"zh": "很满意", "en": "very satisfied"}),
    "ces": ({"zh": "完全不同意", "en": "strongly disagree"}, {"zh": "完全同意", "en": "strongly agree"}),
}  # fmt: skip
# The three questions of the 90-day health check.
FORM: list[dict[str, Any]] = [
    {
        "key": "solves", "kind": "choice", "required": True,
        "label": {"zh": "您现在用系统解决什么问题？", "en": "What problem do you solve with the system today?"},
        "options": [
            {"key": "planned", "zh": "当初计划的问题", "en": "the one we planned"}, {"key": "other", "zh": "别的问题", "en": "another one"},
            {"key": "not-in-use", "zh": "还没用起来", "en": "it is not in use yet"},
        ],
    },
    {
        "key": "goal", "kind": "choice", "required": True,
        "label": {"zh": "达到预期目标了吗？", "en": "Did you reach the expected goal?"},
        "options": [
            {"key": "reached", "zh": "达到了", "en": "yes"}, {"key": "partly", "zh": "部分达到", "en": "partly"},
            {"key": "not-yet", "zh": "还没有", "en": "not yet"},
        ],
    },
    {"key": "improve", "kind": "text", "label": {"zh": "我们最该改进什么？", "en": "What should we improve first?"}, "options": []},
]  # fmt: skip

# The template that invites where none is named.
INVITATION_KEY = "survey-invitation"
