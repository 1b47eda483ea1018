"""Chat groups with customers: which accounts and people are in which, and what was written to several of them at once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.customers.models import Account, Contact


class CustomerGroup(models.Model):
    """A chat group with customers: one of WeCom, read from there, or one of personal WeChat, registered by hand.

    ``are_accounts_chosen``: its accounts were chosen by a person; else they are those of the contacts in it.
    """

    class Kind(models.TextChoices):
        WECOM = "wecom", pgettext_lazy("chat group", "WeCom")
        WECHAT = "wechat", pgettext_lazy("chat group", "WeChat")

    class Purpose(models.TextChoices):
        SERVICE = "service", pgettext_lazy("chat group", "service")
        PROJECT = "project", pgettext_lazy("chat group", "going live")
        TRAINING = "training", pgettext_lazy("chat group", "training")
        COMMUNITY = "community", pgettext_lazy("chat group", "community")

    kind = models.CharField(max_length=6, choices=Kind)
    external_id = models.CharField(max_length=64, unique=True, null=True, help_text="WeCom's chat_id.")
    channel = models.ForeignKey(
        "touches.Channel", null=True, on_delete=models.SET_NULL, related_name="groups", help_text="From which it was read."
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=120)
    purpose = models.CharField(max_length=9, choices=Purpose, default=Purpose.SERVICE)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="customer_groups"
    )
    owner_key = models.CharField(max_length=64, blank=True, help_text="The userid of its owner in WeCom.")
    accounts = models.ManyToManyField(Account, related_name="customer_groups")
    are_accounts_chosen = models.BooleanField(default=False)
    notice = models.TextField(blank=True, help_text="What is pinned in it, as WeCom tells it.")
    note = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, help_text="When WeCom last told of it.")
    ended_at = models.DateTimeField(null=True, help_text="Dissolved, or no longer looked after.")
    is_told = models.BooleanField(
        default=True, help_text="That it is there came back as an event of its accounts."
    )

    class Meta:
        ordering = ["name", "pk"]
        indexes = [
            models.Index(fields=["owner", "ended_at"], name="group_owner"),
            models.Index(fields=["id"], condition=models.Q(is_told=False), name="group_untold"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """Somebody's stay in a group: a contact, a colleague, or a person whom nobody knows yet. Who comes again has another row."""

    class How(models.TextChoices):
        INVITED = "invited", pgettext_lazy("joined a group", "invited")
        LINK = "link", pgettext_lazy("joined a group", "by a link")
        SCANNED = "scanned", pgettext_lazy("joined a group", "by a QR code")
        BY_HAND = "by_hand", pgettext_lazy("joined a group", "entered by hand")

    group = models.ForeignKey(CustomerGroup, on_delete=models.CASCADE, related_name="members")
    key = models.CharField(max_length=64, blank=True, help_text="WeCom's userid or external_userid.")
    contact = models.ForeignKey(
        Contact, null=True, on_delete=models.SET_NULL, related_name="group_memberships"
    )
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    is_ours = models.BooleanField(default=False, help_text="A colleague, known to us or not.")
    name = models.CharField(max_length=100)
    how = models.CharField(max_length=7, choices=How)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "key"],
                condition=models.Q(left_at=None) & ~models.Q(key=""),
                name="member_once",
            )
        ]
        indexes = [models.Index(fields=["group", "left_at"], name="member_group")]

    def __str__(self) -> str:
        return self.name


class Broadcast(models.Model):
    """One text to several groups. In WeCom each group's owner confirms it there; for groups of WeChat the owner gets a task with it."""

    subject = models.CharField(max_length=120)
    body = models.TextField(help_text="Markdown with placeholders.")
    topic = models.CharField(max_length=9)
    groups = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return self.subject
