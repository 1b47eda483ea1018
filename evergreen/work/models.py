"""What staff do: tasks and conversations."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.models import Account, Contact


class Task(models.Model):
    """Something a person should do, with the reason it exists. ``origin`` names its cause, never a foreign key."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        DONE = "done", _("done")
        DROPPED = "dropped", _("dropped")

    class Priority(models.IntegerChoices):
        URGENT = 1, _("urgent")
        HIGH = 2, _("high")
        NORMAL = 3, _("normal")
        LOW = 4, _("low")

    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.CASCADE, related_name="tasks"
    )
    title = models.JSONField(default=dict, help_text="{zh, en}, or {text} when a person wrote it")
    reason = models.JSONField(default=dict, help_text="{zh, en}: why, in figures")
    body = models.TextField(blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks"
    )
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    due_on = models.DateField(_("due"), null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    origin_kind = models.CharField(max_length=30, blank=True)
    origin_id = models.CharField(max_length=80, blank=True)
    outcome = models.CharField(max_length=300, blank=True)
    answers = models.JSONField(
        default=list, blank=True, help_text="[{key, name: {zh, en}}]: of which one is given when it is done."
    )
    answer = models.CharField(max_length=40, blank=True, help_text="The key of the answer given.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["origin_kind", "origin_id"],
                condition=~models.Q(origin_kind=""),
                name="task_once_an_origin",
            )
        ]
        indexes = [
            models.Index(fields=["assignee", "state", "due_on"], name="task_assignee_due"),
            models.Index(fields=["account", "state"], name="task_account_state"),
            models.Index(fields=["state", "due_on"], name="task_state_due"),
        ]

    @property
    def pk_text(self) -> str:
        """Its key for addresses and forms."""
        return str(self.pk)

    @property
    def answer_name(self) -> dict[str, str]:
        """The answer given as {zh, en}; empty without one."""
        return next((dict(one["name"]) for one in self.answers if one["key"] == self.answer), {})

    def __str__(self) -> str:
        return self.title.get("text") or self.title.get("en") or f"task {self.pk}"


class Conversation(models.Model):
    """A two-way exchange with contacts; machine and mass sends don't count."""

    class Kind(models.TextChoices):
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")
        VISIT = "visit", _("Visit")
        CHAT = "chat", _("Chat")
        MAIL = "mail", _("Mail with an answer")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="conversations")
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    summary = models.TextField(blank=True)
    contacts = models.ManyToManyField(Contact, related_name="conversations", blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="conversations"
    )
    external_id = models.CharField(max_length=200, unique=True, null=True, blank=True)
    known_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="conversation_account_at")]
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"
