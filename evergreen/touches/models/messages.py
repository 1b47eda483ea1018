"""Touches: channels, templates, messages with what became of them, what people agreed to, addresses that are dead."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.base.declarations import Declaration
from evergreen.customers.models import Account, Contact


class Medium(models.TextChoices):
    """By what a message reaches a person; a channel is one way of doing it."""

    MAIL = "mail", _("e-mail")
    SMS = "sms", _("SMS")
    WECOM = "wecom", _("WeCom")
    DINGTALK = "dingtalk", _("DingTalk")
    FEISHU = "feishu", _("Feishu")
    SLACK = "slack", _("Slack")
    TEAMS = "teams", _("Teams")
    WEBHOOK = "webhook", _("webhook")
    IN_APP = "in_app", _("in the product")


class Topic(models.TextChoices):
    """What a message is about, which decides what people may refuse and which limits it keeps to."""

    SERVICE = "service", pgettext_lazy("topic of messages", "service")
    GUIDANCE = "guidance", pgettext_lazy("topic of messages", "guidance")
    SURVEY = "survey", pgettext_lazy("topic of messages", "survey")
    MARKETING = "marketing", pgettext_lazy("topic of messages", "marketing")


class Channel(models.Model):
    """A way out that was set up. Secrets stand only in ``credentials``, encrypted."""

    kind = models.CharField(max_length=30)
    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60, unique=True)
    config = models.JSONField(default=dict)
    credentials = models.TextField(blank=True, help_text="Sealed by base.vault.")
    is_on = models.BooleanField(default=False)
    limits = models.JSONField(default=dict, help_text="What was set beside the adapter's own limits.")
    rests_until = models.DateTimeField(null=True, help_text="After a fault of the whole channel.")
    faults = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    fault = models.CharField(max_length=300, blank=True)
    used_at = models.DateTimeField(null=True, help_text="When it last took a message.")
    token = models.TextField(blank=True, help_text="The provider's access token, sealed; all workers use it.")
    token_until = models.DateTimeField(null=True)
    token_lease_until = models.DateTimeField(null=True, help_text="While somebody fetches a new one.")
    door = models.CharField(
        max_length=40, blank=True, help_text="What the address carries to which the provider posts."
    )
    inbox_mark = models.CharField(max_length=300, blank=True, help_text="Up to where its mailbox was read.")
    inbox_at = models.DateTimeField(null=True, help_text="When its mailbox was last looked into.")
    inbox_fault = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Template(Declaration):
    """A text with placeholders, in each language. ``sms`` names the registered template of each SMS channel."""

    topic = models.CharField(max_length=9, choices=Topic, default=Topic.GUIDANCE)
    subject = models.JSONField(default=dict, help_text="{zh, en}; of mails.")
    body = models.JSONField(default=dict, help_text="{zh, en}; Markdown.")
    sms = models.JSONField(
        default=dict, help_text="By channel key: {code, values: {name: text with placeholders}}."
    )
    in_app = models.JSONField(
        default=dict, help_text="How it stands in the product: {look, button: {zh, en}, link, pages: [path]}."
    )
    is_archived = models.BooleanField(default=False)

    class Meta(Declaration.Meta):
        abstract = False


class Message(models.Model):
    """A touch: one message to one person by one channel.

    Committed with whatever wanted it (``key`` is unique), then claimed, handed over, and answered by the provider. ``fence``
    rises with each claim: a worker that wakes late writes nothing.
    """

    class State(models.TextChoices):
        PLANNED = "planned", pgettext_lazy("message", "planned")
        CLAIMED = "claimed", pgettext_lazy("message", "being sent")
        HANDED_OVER = "handed_over", pgettext_lazy("message", "handed over")
        ACCEPTED = "accepted", pgettext_lazy("message", "sent")
        REFUSED = "refused", pgettext_lazy("message", "refused")
        UNKNOWN = "unknown", pgettext_lazy("message", "unknown")
        HELD_BACK = "held_back", pgettext_lazy("message", "held back")
        WITHDRAWN = "withdrawn", pgettext_lazy("message", "withdrawn")

    class Priority(models.IntegerChoices):
        HIGH = 1, pgettext_lazy("priority", "high")
        NORMAL = 2, pgettext_lazy("priority", "normal")
        LOW = 3, pgettext_lazy("priority", "low")

    # Origins whose messages can be said at one moment only: nobody sends them again.
    OF_THE_MOMENT = ("welcome",)
    # States that count towards what a person gets.
    COUNTED = (State.CLAIMED, State.HANDED_OVER, State.ACCEPTED, State.UNKNOWN)

    key = models.CharField(max_length=64, unique=True, help_text="Of what wanted it, who gets it, by what.")
    origin_kind = models.CharField(max_length=30, blank=True)
    origin_id = models.CharField(max_length=120, blank=True)
    origin_name = models.CharField(
        max_length=40, blank=True, help_text="The playbook's key, of which caps count."
    )
    account = models.ForeignKey(Account, null=True, on_delete=models.CASCADE, related_name="messages")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="messages")
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="messages"
    )
    group = models.ForeignKey(
        "touches.CustomerGroup", null=True, on_delete=models.CASCADE, related_name="messages"
    )
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="messages")
    medium = models.CharField(max_length=10, choices=Medium)
    topic = models.CharField(max_length=9, choices=Topic, default=Topic.GUIDANCE)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    template = models.ForeignKey(Template, null=True, on_delete=models.SET_NULL, related_name="messages")
    language = models.CharField(max_length=10, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True, help_text="As it was rendered when it was planned.")
    data = models.JSONField(
        default=dict, help_text="What a channel needs beside text: SMS values, a webhook's body, a button."
    )
    address = models.CharField(
        max_length=320, blank=True, help_text="Where to; read again when it is claimed."
    )
    copy_of = models.CharField(
        max_length=64, blank=True, help_text="What makes a second one to the same address a copy of it."
    )
    state = models.CharField(max_length=11, choices=State, default=State.PLANNED)
    reason = models.CharField(max_length=30, blank=True, help_text="Why it waits, was held back or refused.")
    detail = models.CharField(max_length=300, blank=True)
    planned_at = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="Later than this it is not sent any more.")
    claimed_at = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=60, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    waits = models.PositiveSmallIntegerField(default=0, help_text="Times it was put off by a limit.")
    provider_id = models.CharField(max_length=200, blank=True)
    waits_for = models.CharField(
        max_length=100, blank=True, help_text="Who has to confirm it before it goes out."
    )
    followed_at = models.DateTimeField(null=True, help_text="When the provider was last asked about it.")
    outcome = models.CharField(
        max_length=12, blank=True, help_text="The farthest receipt: delivered, bounced, replied …"
    )
    is_told = models.BooleanField(default=False, help_text="Its end came back as an event.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(contact=None) | models.Q(staff=None), name="message_to_one_person"
            ),
        ]
        indexes = [
            models.Index(fields=["channel", "state", "priority", "due_at"], name="message_due"),
            models.Index(fields=["contact", "claimed_at"], name="message_contact"),
            models.Index(
                fields=["group", "claimed_at"], condition=models.Q(group__isnull=False), name="message_group"
            ),
            models.Index(fields=["account", "-planned_at"], name="message_account"),
            models.Index(fields=["channel", "ended_at"], name="message_channel"),
            models.Index(fields=["state", "leased_until"], name="message_lease"),
            models.Index(fields=["origin_kind", "origin_id"], name="message_origin"),
            models.Index(fields=["provider_id"], name="message_provider"),
            models.Index(
                fields=["channel", "followed_at"], condition=~models.Q(waits_for=""), name="message_waits_for"
            ),
            models.Index(fields=["medium", "address", "-handed_at"], name="message_address"),
            models.Index(fields=["copy_of", "address"], condition=~models.Q(copy_of=""), name="message_copy"),
            models.Index(fields=["id"], condition=models.Q(is_told=False), name="message_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.medium} {self.state}"


class Receipt(models.Model):
    """What was heard of a message after it had gone: once a kind and key."""

    class Kind(models.TextChoices):
        DELIVERED = "delivered", pgettext_lazy("receipt", "delivered")
        BOUNCED = "bounced", pgettext_lazy("receipt", "bounced")
        COMPLAINED = "complained", pgettext_lazy("receipt", "complained")
        OPENED = "opened", pgettext_lazy("receipt", "opened")
        CLICKED = "clicked", pgettext_lazy("receipt", "clicked")
        REPLIED = "replied", pgettext_lazy("receipt", "replied")
        DISMISSED = "dismissed", pgettext_lazy("receipt", "closed")
        UNSUBSCRIBED = "unsubscribed", pgettext_lazy("receipt", "unsubscribed")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="receipts")
    kind = models.CharField(max_length=12, choices=Kind)
    key = models.CharField(max_length=120, blank=True, help_text="What makes it the same one told twice.")
    at = models.DateTimeField()
    detail = models.CharField(max_length=300, blank=True)
    is_machine = models.BooleanField(default=False, help_text="A scanner's, not a person's.")
    is_told = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "kind", "key"], name="receipt_once")]
        indexes = [models.Index(fields=["id"], condition=models.Q(is_told=False), name="receipt_untold")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.kind}"


class Consent(models.Model):
    """A line of the ledger: somebody agreed to messages, or no longer wants them. Never changed; the newest that fits counts.

    ``medium`` or ``topic`` '' stand for all of them (a withdrawal never reaches topic service). It holds for the contact and
    for everybody with the same address.
    """

    class State(models.TextChoices):
        GIVEN = "given", pgettext_lazy("consent", "given")
        WITHDRAWN = "withdrawn", pgettext_lazy("consent", "withdrawn")

    class Source(models.TextChoices):
        FORM = "form", _("a form")
        CONTRACT = "contract", _("a contract")
        SPOKEN = "spoken", _("told to us")
        FILE = "file", _("an import")
        LINK = "link", _("the link in a message")
        REPLY = "reply", _("a word of refusal in an answer")
        COMPLAINT = "complaint", _("a complaint about spam")
        PORTAL = "portal", _("their own settings")

    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="consents")
    address = models.CharField(max_length=320, blank=True, help_text="As rules.address_key writes it.")
    medium = models.CharField(max_length=10, choices=Medium, blank=True)
    topic = models.CharField(max_length=9, choices=Topic, blank=True)
    state = models.CharField(max_length=9, choices=State)
    source = models.CharField(max_length=9, choices=Source)
    proof = models.CharField(max_length=500, blank=True, help_text="Where it can be looked up.")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["contact", "at"], name="consent_contact"),
            models.Index(fields=["address", "at"], name="consent_address"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.medium} {self.topic} {self.state}"


class DeadAddress(models.Model):
    """An address that no mail reaches any more: nothing is sent to it until somebody takes it off this list."""

    medium = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=320)
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["medium", "address"], name="dead_address_once")]

    def __str__(self) -> str:
        return f"{self.medium} {self.address}"
