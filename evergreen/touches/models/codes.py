"""Contact codes (渠道活码): QR codes by which customers add one of us in WeCom, tied to whom they are for."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from evergreen.customers.models import Account, Contact


class ContactCode(models.Model):
    """A code for an account, for one contact of it, or for anybody. ``key`` is the state by which WeCom tells who came by it."""

    channel = models.ForeignKey("touches.Channel", on_delete=models.CASCADE, related_name="codes")
    key = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=30, help_text="Also WeCom's remark of it.")
    account = models.ForeignKey(Account, null=True, on_delete=models.CASCADE, related_name="contact_codes")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="contact_codes")
    follows_owner = models.BooleanField(
        default=True, help_text="Leads to whoever owns the account, as that changes."
    )
    staff = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="contact_codes", blank=True)
    skips_asking = models.BooleanField(default=True, help_text="Who adds us need not be let in first.")
    makes_contacts = models.BooleanField(
        default=False, help_text="Who comes by it and is unknown becomes a new contact of the account."
    )
    welcome = models.ForeignKey(
        "touches.Template", null=True, on_delete=models.SET_NULL, related_name="contact_codes"
    )
    config_id = models.CharField(
        max_length=64, blank=True, help_text="WeCom's name of it; '' before it is made."
    )
    picture_url = models.CharField(max_length=500, blank=True)
    picture = models.BinaryField(null=True, help_text="The QR code as WeCom drew it: PNG or JPEG.")
    told = models.JSONField(default=dict, help_text="What WeCom was told of it last.")
    checked_at = models.DateTimeField(
        null=True, help_text="When it was last compared; a claim of whoever does it."
    )
    fault = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-made_at", "-pk"]
        indexes = [
            models.Index(fields=["account", "ended_at"], name="code_account"),
            models.Index(fields=["checked_at"], condition=models.Q(ended_at=None), name="code_checked"),
        ]

    def __str__(self) -> str:
        return self.name
