"""Candidates that other rooms offer, what was shown to whom with what came of it, and what the newest learning found."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account


class ItemKind(models.TextChoices):
    """What may be recommended. Features and touches are known here; the others come as ``Candidate`` rows."""

    FEATURE = "feature", _("Feature")
    TOUCH = "touch", _("Touch")
    PLAYBOOK = "playbook", _("SOP")
    LESSON = "lesson", _("Lesson")
    ARTICLE = "article", _("Article")


class Candidate(models.Model):
    """Something that another room offers to be recommended, about a feature: a lesson, an article, a playbook.

    It is recommended where its feature is. ``audience`` narrows it: {"roles": [], "editions": [], "industries": []}, all where empty.
    """

    kind = models.CharField(max_length=8, choices=ItemKind)
    key = models.CharField(max_length=80)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    feature = models.CharField(max_length=60, help_text="Key of the feature that it is about.")
    audience = models.JSONField(default=dict, blank=True)
    address = models.CharField(
        max_length=500, blank=True, help_text="Where it is found; blank: nowhere to go."
    )
    is_on = models.BooleanField(default=True)
    offered_by = models.CharField(max_length=30, help_text="The room that wrote it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="candidate_once")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


class Proof(models.Model):
    """What a playbook was shown to do by lot: a holdout, a pilot, a split. Written by the outcomes room with every night that has more to
    tell; the newest of each comparison and window is kept.

    ``estimate`` is the difference in the outcome's unit (shares of 1 for flags and ratios), ``low`` to ``high`` its 95 % interval for an
    end fixed beforehand, ``always_low`` to ``always_high`` the one for whoever looks every night.
    """

    class Method(models.TextChoices):
        HOLDOUT = "holdout", _("holdout")
        PILOT = "pilot", _("pilot")
        SPLIT = "split", _("A/B split")

    class Unit(models.TextChoices):
        FLAG = "flag", _("share")
        NUMBER = "number", _("number")
        RATIO = "ratio", _("ratio")

    playbook = models.CharField(max_length=80, help_text="Its key.")
    name = models.JSONField(default=dict, help_text="{zh, en}")
    method = models.CharField(max_length=7, choices=Method)
    way = models.CharField(
        max_length=90, blank=True, help_text="Of a split: step:way, against its first way."
    )
    outcome = models.CharField(max_length=20)
    unit = models.CharField(max_length=6, choices=Unit)
    days = models.PositiveSmallIntegerField()
    estimate = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    always_low = models.FloatField()
    always_high = models.FloatField()
    accounts = models.PositiveIntegerField(help_text="On both sides, with this outcome known.")
    as_of = models.DateField(help_text="The newest night then.")
    is_uneven = models.BooleanField(help_text="Sides of other sizes than planned: nothing is believed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "method", "way", "outcome", "days"], name="proof_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.playbook} {self.outcome} {self.estimate:+.3f}"

    @property
    def is_clear(self) -> bool:
        """Whether it may be told though it was looked at every night: its interval lies on one side of nothing."""
        return not self.is_uneven and (self.always_low > 0 or self.always_high < 0)


class Exposure(models.Model):
    """That something was recommended for an account or one of its end users, or would have been: the holdout sees nothing."""

    # What was shown to one account was not shown to the other.
    stays_at_merge = True

    class Outcome(models.TextChoices):
        SEEN = "seen", _("seen")
        TAKEN = "taken", _("taken up")
        DISMISSED = "dismissed", _("dismissed")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="exposures")
    end_user = models.CharField(max_length=200, blank=True, help_text="'' : for the account as a whole.")
    kind = models.CharField(max_length=8, choices=ItemKind)
    key = models.CharField(max_length=80)
    is_held = models.BooleanField(help_text="Held back from seeing it, so that take-up can be compared.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True)
    outcome_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "end_user", "kind", "key"], name="exposure_once")
        ]
        indexes = [models.Index(fields=["kind", "first_at"], name="exposure_by_time")]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.end_user} {self.kind}:{self.key}"


class RecommendationLearning(models.Model):
    """What goes together and what helped, as of a day. The newest few are kept."""

    day = models.DateField()
    made_at = models.DateTimeField()
    report = models.JSONField(
        default=dict, help_text="Counts of co-use, effects, back-test (recommendations.learning)."
    )

    class Meta:
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.day}"
