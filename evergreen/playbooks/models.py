"""Playbooks (SOP): versions; runs (enrolments) pinned to the version they entered; what their steps did, once a visit."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base.declarations import Declaration
from evergreen.customers.models import Account


class Playbook(Declaration):
    """A procedure that starts by itself or by hand. What it does stands in its versions."""

    note = models.CharField(max_length=300, blank=True)
    is_on = models.BooleanField(default=True, help_text="Off, nobody enters and runs stand still.")

    class Meta(Declaration.Meta):
        abstract = False


class PlaybookVersion(models.Model):
    """One version: a draft, the published one that takes accounts in, or a retired one on which people inside finish."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")
        RETIRED = "retired", _("retired")

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    definition = models.JSONField(
        default=dict, help_text="As rules.told writes it; a draft as somebody left it."
    )
    changed_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["playbook", "number"], name="playbook_version_once"),
            models.UniqueConstraint(
                fields=["playbook", "state"],
                condition=~models.Q(state="retired"),
                name="one_draft_and_one_published_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook_id} v{self.number}"


class Enrolment(models.Model):
    """An account inside a playbook: one run.

    ``occasion`` names what let it in: each lets an account in once. ``lane`` is what may run beside another run of the same
    account ('' where there is one a account). ``rule`` is the local rule of a wait, of which ``wake_at`` was made.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        LEFT = "left", _("left")
        STUCK = "stuck", _("needs attention")

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="enrolments")
    version = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, related_name="enrolments")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="enrolments")
    occasion = models.CharField(max_length=160)
    lane = models.CharField(max_length=160, blank=True)
    origin_kind = models.CharField(max_length=30, blank=True)
    origin_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    step = models.CharField(max_length=40)
    visit = models.PositiveIntegerField(default=1, help_text="The how-manieth step of the run it stands at.")
    step_since = models.DateTimeField()
    wake_at = models.DateTimeField(null=True)
    rule = models.JSONField(default=dict)
    trail = models.JSONField(
        default=list, help_text="[step, visit, result, at]: the newest steps gone through."
    )
    leased_until = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=60, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="Times a claim of it ended without an answer."
    )
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=30, blank=True, help_text="Why it waits, or how it ended.")
    is_compared = models.BooleanField(
        default=False, help_text="It came in beside a holdout that could have been its lot."
    )
    note = models.CharField(max_length=300, blank=True, help_text="Why it needs attention.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "account", "occasion"], name="enrolment_once_an_occasion"
            ),
            models.UniqueConstraint(
                fields=["playbook", "account", "lane"],
                condition=models.Q(ended_at=None),
                name="enrolment_one_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "wake_at", "id"], name="enrolment_due"),
            models.Index(fields=["version", "state", "step"], name="enrolment_version_step"),
            models.Index(fields=["origin_kind", "origin_id"], name="enrolment_origin"),
        ]

    def __str__(self) -> str:
        return f"{self.playbook_id} {self.account_id} {self.state}"


class Refusal(models.Model):
    """An occasion that let an account not in, and why: it is not asked again."""

    class Reason(models.TextChoices):
        CONDITION = "condition", _("the entry condition did not hold")
        INSIDE = "inside", _("inside already")
        AGAIN = "again", _("was inside before")
        TOO_OFTEN = "too_often", _("entered too often in a day")
        HOLDOUT = "holdout", _("held out to compare with")
        PILOT = "pilot", _("not among those of the pilot")

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="refusals")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="refusals")
    occasion = models.CharField(max_length=160)
    reason = models.CharField(max_length=10, choices=Reason)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "account", "occasion"], name="refusal_once_an_occasion"
            )
        ]

    def __str__(self) -> str:
        return f"{self.playbook_id} {self.account_id} {self.reason}"


class Passage(models.Model):
    """Which way an account was sent when it first came to a step that divides (a split, a branch): by this ways are compared.

    Whoever a split spared has none. ``version`` is the one of the run: an account counts for a version only by its first passage.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="passages")
    version = models.ForeignKey(PlaybookVersion, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    step = models.CharField(max_length=40)
    way = models.CharField(max_length=40, help_text="The step to which it was sent.")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["playbook", "step", "account"], name="passage_first_of_a_step")
        ]

    def __str__(self) -> str:
        return f"{self.playbook_id} {self.step} {self.account_id} {self.way}"


class Effect(models.Model):
    """What a step did for a run at a visit, to whom and by which channel: once, held by the database."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="effects")
    step = models.CharField(max_length=40)
    visit = models.PositiveIntegerField()
    recipient = models.CharField(max_length=80, blank=True)
    channel = models.CharField(max_length=30, blank=True)
    kind = models.CharField(max_length=30)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "step", "visit", "recipient", "channel"], name="effect_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.enrolment_id} {self.step} {self.visit}"


class Rollout(models.Model):
    """A playbook let in step by step: of the accounts that could be held out, a share that rises. The same hash as a holdout, so nobody
    changes sides but from held out to in. ``stage_since``: accounts with their first occasion since then are compared.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        STOPPED = "stopped", _("stopped")
        DONE = "done", _("done")

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="rollouts")
    shares = models.JSONField(help_text="Percent of the accounts, rising; the last is 100.")
    at = models.PositiveSmallIntegerField(default=0, help_text="Which of the shares is in.")
    days = models.PositiveSmallIntegerField(help_text="After which a stage is judged.")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    stage_since = models.DateTimeField()
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True, help_text="Why it was stopped.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook"], condition=~models.Q(state="done"), name="one_rollout_at_a_time"
            )
        ]
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.playbook_id} {self.share}%"

    @property
    def share(self) -> int:
        """Percent of the accounts that are let in now."""
        return int(self.shares[self.at])


class Pilot(models.Model):
    """A playbook tried on the most valuable accounts, some of which are held out by lot. While it runs nobody else enters by a trigger."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="pilots")
    top = models.PositiveSmallIntegerField(help_text="Percent of the paying accounts, the most valuable.")
    holdout = models.PositiveSmallIntegerField(help_text="Percent of them held out.")
    with_strategic = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook"], condition=models.Q(ended_at=None), name="one_pilot_at_a_time"
            )
        ]
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.playbook_id} top {self.top}%"


class PilotAccount(models.Model):
    """An account of a pilot and its side; ``stratum`` are neighbours by value, of whom a set number is held out."""

    pilot = models.ForeignKey(Pilot, on_delete=models.CASCADE, related_name="accounts")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    stratum = models.PositiveIntegerField()
    is_held_out = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pilot", "account"], name="pilot_account_once")]

    def __str__(self) -> str:
        return f"{self.pilot_id} {self.account_id}"


class Heard(models.Model):
    """An event of an account by a name that some playbook listens to; kept while a wait may still ask for it."""

    stays_at_merge = True

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    key = models.CharField(max_length=64, unique=True, help_text="Of the event's message id: heard once.")
    occurred_at = models.DateTimeField()
    heard_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "name", "occurred_at"], name="heard_account_name")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.name}"


class Mark(models.Model):
    """How far something was done: until when events were heard, by which calendar waits were computed."""

    key = models.CharField(max_length=80, unique=True)
    value = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.key


class Untold(models.Model):
    """What is to come back as an event, written with the change it tells of; gone once the journal holds it."""

    name = models.CharField(max_length=60)
    message_id = models.CharField(max_length=120, unique=True)
    account_id = models.BigIntegerField()
    at = models.DateTimeField()
    properties = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.message_id
