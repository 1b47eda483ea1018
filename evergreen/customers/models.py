"""Accounts and what the vendor knows about them: people, contracts, money due, products, notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.customers.figures import LIST_COLUMNS, LIST_INDEXES, ListFigures, NameKey

M = TypeVar("M", bound=models.Model)


class Living(models.Manager[M]):
    """Rows that were not merged into another one. What was merged stays for the sake of undo and of its ids."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(merged_into=None)


class Product(models.Model):
    key = models.SlugField(max_length=60, unique=True, allow_unicode=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")

    def __str__(self) -> str:
        return self.key


class Feature(models.Model):
    """A named part of the product, recognised by events through ordered matchers.

    A matcher is ``{"event": name or glob pattern, "property": name?, "value": text?}``; the first that fits wins.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="features")
    key = models.SlugField(max_length=60, allow_unicode=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    is_core = models.BooleanField(_("core"), default=False)
    is_advanced = models.BooleanField(_("advanced"), default=False)
    adds_data = models.BooleanField(
        _("adds data"), default=False, help_text="Uploads, records created: data growth."
    )
    matchers = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "key"], name="feature_key_once")]
        ordering = ["product", "key"]

    def __str__(self) -> str:
        return self.key


class Edition(models.Model):
    """The package bought; which features it holds decides what adoption is measured against."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="editions")
    key = models.SlugField(max_length=60, allow_unicode=True)
    name = models.JSONField(default=dict, help_text="{zh, en}")
    features = models.ManyToManyField(Feature, related_name="editions", blank=True)
    holds_all_features = models.BooleanField(default=False)
    limits = models.JSONField(default=dict, blank=True, help_text="{feature: most uses in 28 days}")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "key"], name="edition_key_once")]
        ordering = ["product", "key"]

    def __str__(self) -> str:
        return self.key


class Account(ListFigures):
    """A company that uses the vendor's product, on trial, paying or lost."""

    class Stage(models.TextChoices):
        TRIAL = "trial", _("Trial")
        HAND_OVER = "hand_over", _("Hand-over")
        ONBOARDING = "onboarding", _("Onboarding")
        ADOPTION = "adoption", _("Adoption")
        STEADY = "steady", _("Steady")
        RENEWAL = "renewal", _("Renewal")
        CHURNED = "churned", _("Churned")
        WIN_BACK = "win_back", _("Win-back")

    class Tier(models.TextChoices):
        STRATEGIC = "strategic", _("Strategic")
        GROWTH = "growth", _("Growth")
        BASIC = "basic", _("Basic")

    class TouchModel(models.TextChoices):
        HIGH = "high", _("High touch")
        LOW = "low", _("Low touch")
        TECH = "tech", _("Tech touch")

    external_id = models.CharField(_("external id"), max_length=200, unique=True)
    name = models.CharField(_("name"), max_length=200, db_index=True)
    name_key = NameKey(max_length=120, editable=False, default="")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts"
    )
    team = models.ForeignKey(
        "base.Team", null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts"
    )
    industry = models.CharField(_("industry"), max_length=80, blank=True)
    region = models.CharField(_("region"), max_length=80, blank=True)
    size = models.PositiveIntegerField(_("employees"), null=True, blank=True)
    tier = models.CharField(_("tier"), max_length=12, choices=Tier, blank=True)
    touch_model = models.CharField(_("touch model"), max_length=8, choices=TouchModel, blank=True)
    stage = models.CharField(_("lifecycle stage"), max_length=12, choices=Stage, default=Stage.ONBOARDING)
    stage_since = models.DateField(null=True, blank=True)
    edition = models.ForeignKey(
        Edition,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="accounts",
        help_text="Serves where no contract line in force names an edition.",
    )
    currency = models.CharField(max_length=3, blank=True, help_text="Of its contracts; blank: the vendor's.")
    signed_on = models.DateField(_("signed"), null=True, blank=True)
    kickoff_on = models.DateField(_("kick-off"), null=True, blank=True)
    live_on = models.DateField(_("live"), null=True, blank=True)
    first_value_on = models.DateField(_("first value"), null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)
    custom = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    known_at = models.DateTimeField(help_text="When we learned of it; history loads use the signing date.")
    merged_into = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="merged", editable=False, db_index=False
    )
    merged_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = Living["Account"]()
    everything = models.Manager["Account"]()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [
            models.Index(fields=["owner", "stage"], name="account_owner_stage"),
            *LIST_INDEXES,
            models.Index(fields=["band", "arr_base_cents"], name="account_band_arr"),
            # Everything a list filters and sorts by: any combination is one pass over this index alone
            # (12 ms for 100,000 accounts), where an index a filter would fetch thousands of rows.
            models.Index(fields=LIST_COLUMNS, name="account_list"),
            # Of the few that were merged only: nearly all rows have none, which no index finds faster.
            models.Index(
                fields=["merged_into"], condition=~models.Q(merged_into=None), name="account_merged"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if update_fields is not None and "name" in update_fields:
            update_fields = {*update_fields, "name_key"}
        super().save(*args, update_fields=update_fields, **kwargs)


class ExternalId(models.Model):
    """Another name of an account in some system (crm, billing, desk, product)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="external_ids")
    system = models.CharField(max_length=60)
    value = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "value"], name="external_id_once")]

    def __str__(self) -> str:
        return f"{self.system}:{self.value}"


class Tenant(models.Model):
    """One installation, workspace or shop of a product inside an account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tenants")
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.SET_NULL, related_name="tenants"
    )
    external_id = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name or self.external_id


class FieldChange(models.Model):
    """A change of a field that metrics or conditions read, so that the past can be read as it was known."""

    stays_at_merge = True

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="changes")
    field = models.CharField(max_length=30)
    old = models.CharField(max_length=200, blank=True)
    new = models.CharField(max_length=200, blank=True)
    known_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["account", "field", "known_at"], name="change_account_field")]

    def __str__(self) -> str:
        return f"{self.field}: {self.old} → {self.new}"


class Contact(models.Model):
    """A known person at an account, with a place in its decision chain."""

    class ChainRole(models.TextChoices):
        DAILY_USER = "daily_user", _("Daily user")
        DECISION_MAKER = "decision_maker", _("Decision maker")
        INFLUENCER = "influencer", _("Influencer")
        PURCHASER = "purchaser", _("Purchaser")

    class Attitude(models.TextChoices):
        SUPPORTS = "supports", _("supports")
        NEUTRAL = "neutral", _("neutral")
        OPPOSES = "opposes", _("opposes")
        UNKNOWN = "unknown", _("unknown")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="contacts")
    external_id = models.CharField(max_length=200, unique=True, null=True, blank=True)
    name = models.CharField(_("name"), max_length=100)
    title = models.CharField(_("title"), max_length=100, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    role = models.CharField(_("role in the decision chain"), max_length=16, choices=ChainRole, blank=True)
    influence = models.PositiveSmallIntegerField(
        _("influence"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    attitude = models.CharField(_("attitude"), max_length=8, choices=Attitude, default=Attitude.UNKNOWN)
    is_champion = models.BooleanField(_("champion"), default=False)
    is_sponsor = models.BooleanField(_("sponsor"), default=False)
    reports_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports"
    )
    end_user = models.CharField(_("end user id"), max_length=200, blank=True, db_index=True)
    language = models.CharField(
        _("language"), max_length=10, blank=True, help_text="Of messages; blank: the vendor's."
    )
    time_zone = models.CharField(
        _("time zone"), max_length=60, blank=True, help_text="Of quiet hours; blank: the vendor's."
    )
    left_on = models.DateField(_("left"), null=True, blank=True)
    known_at = models.DateTimeField()
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="merged", editable=False
    )
    merged_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = Living["Contact"]()
    everything = models.Manager["Contact"]()

    class Meta:
        ordering = ["-influence", "name"]

    def __str__(self) -> str:
        return self.name


class ContactId(models.Model):
    """Another name of a contact in some system (crm, desk, product)."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="external_ids")
    system = models.CharField(max_length=60)
    value = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "value"], name="contact_id_once")]

    def __str__(self) -> str:
        return f"{self.system}:{self.value}"


class Contract(models.Model):
    """An agreement with lines. A renewal is a new contract that points at the one it renews."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="contracts")
    external_id = models.CharField(max_length=200, unique=True)
    number = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3)
    signed_on = models.DateField(null=True, blank=True)
    renews = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="renewed_by"
    )
    auto_renews = models.BooleanField(default=False)
    known_at = models.DateTimeField()

    class Meta:
        ordering = ["-signed_on", "-pk"]

    def __str__(self) -> str:
        return self.number or self.external_id


class ContractLine(models.Model):
    """One line of a contract. Only subscription lines that are no trial count in MRR.

    ``end_on`` is the first day not covered; empty means open-ended. ``mrr_cents`` is net of discount.
    """

    class Kind(models.TextChoices):
        SUBSCRIPTION = "subscription", _("Subscription")
        ONE_OFF = "one_off", _("One-off")

    contract = models.ForeignKey(Contract, on_delete=models.CASCADE, related_name="lines")
    external_id = models.CharField(max_length=200, unique=True, null=True, blank=True)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.SUBSCRIPTION)
    edition = models.ForeignKey(
        Edition, null=True, blank=True, on_delete=models.PROTECT, related_name="lines"
    )
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.SET_NULL, related_name="lines")
    title = models.CharField(max_length=200, blank=True)
    seats = models.PositiveIntegerField(null=True, blank=True)
    start_on = models.DateField()
    end_on = models.DateField(null=True, blank=True)
    mrr_cents = models.BigIntegerField(default=0)
    amount_cents = models.BigIntegerField(
        default=0, help_text="One-off: the whole amount; subscription: over its term."
    )
    discount = models.DecimalField(
        max_digits=5, decimal_places=4, null=True, blank=True, help_text="0.10 = 10% off list"
    )
    is_trial = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end_on__isnull=True) | models.Q(end_on__gte=models.F("start_on")),
                name="line_ends_after_start",
            )
        ]
        indexes = [models.Index(fields=["kind", "start_on", "end_on"], name="line_kind_term")]
        ordering = ["start_on", "pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.start_on}"


class Receivable(models.Model):
    """An amount due on a date and what was paid of it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="receivables")
    contract = models.ForeignKey(
        Contract, null=True, blank=True, on_delete=models.SET_NULL, related_name="receivables"
    )
    external_id = models.CharField(max_length=200, unique=True)
    currency = models.CharField(max_length=3)
    amount_cents = models.BigIntegerField()
    paid_cents = models.BigIntegerField(default=0)
    due_on = models.DateField()
    paid_on = models.DateField(null=True, blank=True, help_text="The day the last part was paid.")
    tax_invoice = models.CharField(max_length=100, blank=True)
    known_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "due_on"], name="receivable_account_due")]
        ordering = ["-due_on"]

    def __str__(self) -> str:
        return self.external_id


class Note(models.Model):
    """A note on an account, in Markdown, with the colleagues it mentions."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="notes")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="notes"
    )
    body = models.TextField()
    at = models.DateTimeField()
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="mentioned_in", blank=True)
    is_pinned = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="note_account_at")]
        ordering = ["-at"]

    def __str__(self) -> str:
        return self.body[:40]


class Attachment(models.Model):
    """A file kept with a note, under a made name in the home's files folder."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=200)
    stored_as = models.CharField(max_length=80, unique=True)
    size = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return self.name
