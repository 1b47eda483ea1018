"""Scorecards with their versions, and the newest score of each account as rows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base.declarations import Declaration
from evergreen.customers.models import Account


class Band(models.TextChoices):
    GREEN = "green", _("green")
    YELLOW = "yellow", _("yellow")
    RED = "red", _("red")
    INSUFFICIENT = "insufficient_data", _("insufficient data")


class Scorecard(models.Model):
    """A named way to score accounts. What it says stands in its versions.

    ``segment`` is the key of the saved segment whose accounts are shown by it; where an account is in several such segments, the
    scorecard with the lowest ``place`` counts. Nothing changes what is kept in files here until it is detached.
    """

    key = models.SlugField(max_length=40, unique=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    note = models.CharField(max_length=300, blank=True)
    segment = models.CharField(max_length=40, blank=True)
    place = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    is_shipped = models.BooleanField(default=False)
    origin = models.CharField(max_length=7, choices=Declaration.Origin, default=Declaration.Origin.BROWSER)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["place", "pk"]

    def __str__(self) -> str:
        return self.key

    @property
    def is_in_files(self) -> bool:
        return self.origin == Declaration.Origin.FILE


class ScorecardVersion(models.Model):
    """What a scorecard says from a day on; old scores keep the version they were made with."""

    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    effective_on = models.DateField()
    note = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(null=True)
    is_withdrawn = models.BooleanField(
        default=False, help_text="Taken back: it counts on no day. Its number is never used again."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scorecard", "number"], name="scorecard_version_once")]
        ordering = ["scorecard", "-number"]

    def __str__(self) -> str:
        return f"{self.scorecard} v{self.number}"


class Assignment(models.Model):
    """An account whose own scorecard is not the default of the settings."""

    account = models.OneToOneField(
        Account, primary_key=True, on_delete=models.CASCADE, related_name="scorecard_choice"
    )
    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="assignments")

    def __str__(self) -> str:
        return f"{self.account_id} {self.scorecard}"


class Override(models.Model):
    """A person's verdict in the place of a score, with a reason, until a day.

    ``level`` says of what: the whole score (on every scorecard), a dimension or a measure of one scorecard, named by ``key``.
    """

    class Level(models.TextChoices):
        ACCOUNT = "account", _("the whole score")
        DIMENSION = "dimension", _("a dimension")
        MEASURE = "measure", _("a measure")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="overrides")
    level = models.CharField(max_length=9, choices=Level)
    scorecard = models.ForeignKey(Scorecard, null=True, on_delete=models.CASCADE, related_name="overrides")
    key = models.CharField(max_length=40, blank=True)
    value = models.FloatField(help_text="0 to 100")
    reason = models.CharField(max_length=300)
    starts_on = models.DateField()
    expires_on = models.DateField(help_text="The last day on which it counts.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(value__gte=0) & models.Q(value__lte=100), name="override_in_scale"
            ),
        ]
        indexes = [models.Index(fields=["starts_on", "expires_on"], name="override_span")]
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.account_id} {self.level} {self.key} {self.value}"


class Standing(models.Model):
    """The newest score of an account on one scorecard; ``is_own`` marks the one that lists show."""

    # Derived every night: what was computed of an account that was merged stays its own.
    stays_at_merge = True

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="standings")
    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="standings")
    version = models.PositiveIntegerField()
    is_own = models.BooleanField()
    day = models.DateField()
    score = models.FloatField(
        null=True, help_text="0 to 100, unrounded; null exactly when data is insufficient."
    )
    band = models.CharField(max_length=18, choices=Band)
    coverage = models.FloatField(help_text="Share of the weight that is present, 0 to 1.")
    oldest_input_on = models.DateField(null=True)
    change_7d = models.FloatField(null=True)
    change_30d = models.FloatField(null=True)
    change_90d = models.FloatField(null=True)
    contributions = models.JSONField(default=list)
    beyond = models.JSONField(
        default=dict,
        help_text="What the score is beyond the sum of its measures' points (held), why, and the changes that no measure made.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "scorecard"], name="standing_once")]
        indexes = [
            models.Index(fields=["is_own", "score"], name="standing_own_score"),
            models.Index(fields=["is_own", "band"], name="standing_own_band"),
            models.Index(fields=["is_own", "change_30d"], name="standing_own_change"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.scorecard_id} {self.score}"


class Record(models.Model):
    """What the newest backtest of a scorecard found; made anew every night."""

    scorecard = models.OneToOneField(
        Scorecard, primary_key=True, on_delete=models.CASCADE, related_name="record"
    )
    version = models.PositiveIntegerField()
    day = models.DateField()
    computed_at = models.DateTimeField()
    report = models.JSONField(help_text="As health.backtest.running.Report writes it.")

    def __str__(self) -> str:
        return f"{self.scorecard} v{self.version} {self.day}"
