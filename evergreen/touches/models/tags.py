"""Groups of customer tags in WeCom: read from there, or kept there by what is known here."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from evergreen.customers.models import Account


class TagGroup(models.Model):
    """A group of tags at a channel's provider. ``direction`` says who is its master: nobody yet, people in WeCom, or Evergreen."""

    class Direction(models.TextChoices):
        NONE = "", pgettext_lazy("group of tags", "only read")
        IN = "in", pgettext_lazy("group of tags", "becomes tags of accounts")
        OUT = "out", pgettext_lazy("group of tags", "kept by Evergreen")

    channel = models.ForeignKey("touches.Channel", on_delete=models.CASCADE, related_name="tag_groups")
    key = models.CharField(max_length=64, blank=True, help_text="WeCom's id; '' before it is made.")
    name = models.CharField(max_length=60)
    tags = models.JSONField(default=dict, help_text="{WeCom's id of a tag: its name}.")
    direction = models.CharField(max_length=3, choices=Direction, blank=True, default=Direction.NONE)
    field = models.CharField(
        max_length=80, blank=True, help_text="Whose value is the tag; '' where segments are."
    )
    segments = models.JSONField(default=list, help_text="Keys of the segments that are tags.")
    checked_at = models.DateTimeField(null=True, help_text="When people's tags were last compared.")
    fault = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "key"], condition=~models.Q(key=""), name="tag_group_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AccountTag(models.Model):
    """A tag that an account has because somebody of it has it in WeCom: it goes when nobody has it any more. One that was put on the
    account by hand stays."""

    # Whose people go to another account give it their tags with the next comparison.
    stays_at_merge = True

    group = models.ForeignKey(TagGroup, on_delete=models.CASCADE, related_name="account_tags")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="wecom_tags")
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "account", "name"], name="account_tag_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.name}"
