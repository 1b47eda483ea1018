"""Surveys: what is asked, whom in one go, and each person asked with the answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.base.declarations import Declaration
from evergreen.customers.models import Account, Contact
from evergreen.touches.models.messages import Message, Template


class Survey(Declaration):
    """Questions to contacts: a score with a reason (NPS, CSAT, CES), or a form; further questions after them."""

    class Kind(models.TextChoices):
        NPS = "nps", "NPS"
        CSAT = "csat", "CSAT"
        CES = "ces", "CES"
        FORM = "form", pgettext_lazy("survey", "form")

    kind = models.CharField(max_length=4, choices=Kind)
    question = models.JSONField(default=dict, help_text="{zh, en}; of the score, or what a form is about.")
    why = models.JSONField(default=dict, help_text="{zh, en}; the open question, empty for none.")
    thanks = models.JSONField(default=dict, help_text="{zh, en}; what stands there after the answer.")
    questions = models.JSONField(
        default=list,
        help_text="[{key, kind: choice|many|text, label {zh, en}, options [{key, zh, en}], required}]",
    )
    template = models.ForeignKey(
        Template, on_delete=models.PROTECT, related_name="surveys", help_text="The invitation."
    )
    to = models.CharField(max_length=16, default="first", help_text="Who of an account's contacts is asked.")
    by = models.JSONField(default=list, help_text="Media and channels, in the order in which they are tried.")
    segment = models.CharField(
        max_length=40, blank=True, help_text="Whose accounts; '' is every account that has not churned."
    )
    is_quarterly = models.BooleanField(
        default=False,
        help_text="A quarter of the contacts is asked each quarter, so each once a year and never all of an account.",
    )
    is_on = models.BooleanField(default=False, help_text="People are asked, and answers taken.")

    class Meta(Declaration.Meta):
        abstract = False


class Wave(models.Model):
    """Many people asked in one go. It goes through the contacts by number and can go on after a kill."""

    survey = models.ForeignKey(Survey, on_delete=models.CASCADE, related_name="waves")
    key = models.CharField(
        max_length=40, help_text="The quarter (2026-Q4), or one of its own where a person began it."
    )
    segment = models.CharField(max_length=40, blank=True)
    to = models.CharField(max_length=16)
    by = models.JSONField(default=list)
    quarter = models.PositiveSmallIntegerField(
        null=True, help_text="1-4: only the contacts whose quarter it is."
    )
    after_account = models.BigIntegerField(
        default=0, help_text="The number of the last account gone through."
    )
    total = models.PositiveIntegerField(
        default=0, help_text="Accounts to go through, as counted when it began."
    )
    done = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    is_stopped = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["survey", "key"], name="wave_once")]
        indexes = [models.Index(fields=["id"], condition=models.Q(ended_at=None), name="wave_open")]

    def __str__(self) -> str:
        return f"{self.survey_id} {self.key}"


class Ask(models.Model):
    """One contact asked once, or not asked and why. The link carries ``token``, which nobody can guess: it is the right to answer.

    The answer stands here as it was last given; metrics read it as the event ``survey.answered``.
    """

    class Held(models.TextChoices):
        THROTTLED = "throttled", _("asked not long ago")
        OFF = "off", _("the survey was off")
        NO_CONTACT = "no_contact", _("the account has no contact that is meant")

    key = models.CharField(max_length=64, unique=True, help_text="Of the survey, what asks, and the contact.")
    token = models.CharField(max_length=32, unique=True)
    survey = models.ForeignKey(Survey, on_delete=models.CASCADE, related_name="asks")
    wave = models.ForeignKey(Wave, null=True, on_delete=models.SET_NULL, related_name="asks")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="asks")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="asks")
    message = models.OneToOneField(Message, null=True, on_delete=models.SET_NULL, related_name="ask")
    asked_at = models.DateTimeField()
    held = models.CharField(max_length=10, choices=Held, blank=True)
    answered_at = models.DateTimeField(null=True)
    changes = models.PositiveSmallIntegerField(default=0, help_text="How often the answer was given anew.")
    score = models.PositiveSmallIntegerField(null=True)
    comment = models.TextField(blank=True)
    answers = models.JSONField(
        default=dict, help_text="By question: an option's key, a list of them, or a text."
    )
    is_told = models.BooleanField(default=True, help_text="The answer as it stands came back as an event.")

    class Meta:
        indexes = [
            models.Index(fields=["contact", "asked_at"], name="ask_contact"),
            models.Index(fields=["survey", "-answered_at"], name="ask_survey"),
            models.Index(fields=["account", "-answered_at"], name="ask_account"),
            models.Index(fields=["id"], condition=models.Q(is_told=False), name="ask_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.survey_id} {self.contact_id}"
