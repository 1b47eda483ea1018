"""Surveys and their answers by the names under which they are heard, in words."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from evergreen.playbooks import rules
from evergreen.touches.models import Survey
from evergreen.web import formats

GROUPS: dict[str, str | Promise] = {
    "detractor": gettext_lazy("detractor, 0–6"),
    "passive": gettext_lazy("passive, 7–8"),
    "promoter": gettext_lazy("promoter, 9–10"),
    "dissatisfied": gettext_lazy("dissatisfied, 1–2"),
    "satisfied": gettext_lazy("satisfied, 4–5"),
    "hard": gettext_lazy("hard, 1–3"),
    "easy": gettext_lazy("easy, 5–7"),
}


def form_name(key: str) -> str:
    """A survey, a group of its answers, or one of its options: NPS, NPS (detractor), 90-day health check (not in use yet)."""
    form, _dot, group = key.partition(".")
    if key in rules.FORMS:
        return f"{form.upper()} ({GROUPS.get(group, group)})" if group else form.upper()
    return answers_of_surveys().get(key, key)


def answers_of_surveys() -> dict[str, str]:
    """Each survey and each option of its questions by the name under which its answer is heard."""
    found = {}
    for survey in Survey.objects.order_by("key"):
        name = formats.named(survey.name)
        found[survey.key] = name
        for question in survey.questions:
            for option in question.get("options", ()):
                found[f"{survey.key}.{question['key']}.{option['key']}"] = f"{name} ({formats.named(option)})"
    return found
