"""What lists read of an account beside its own fields: copies of its newest figures, the key of its name, its segments."""

from __future__ import annotations

from django.db import models

from evergreen.customers import rules


class NameKey(models.CharField):  # type: ignore[type-arg]  # generic for the checker only
    """What lists sort names by: follows ``name`` whenever the row is written."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = rules.name_key(model_instance.name)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key


LIST_COLUMNS = [
    "stage",
    "tier",
    "owner",
    "team",
    "industry",
    "band",
    "score",
    "change_30d",
    "risk_90d",
    "arr_base_cents",
    "renewal_on",
    "open_alerts",
    "active_users_28d",
    "last_active_on",
    "last_conversation_on",
    "overdue_days",
    "tickets_open",
    "name_key",
    "name",
    "external_id",
    "merged_into",
]

# A list in the order of one of these walks its index.
LIST_INDEXES = [
    models.Index(fields=[column, "id", "merged_into"], name=f"account_by_{word}")
    for column, word in (
        ("name_key", "name"),
        ("arr_base_cents", "arr"),
        ("renewal_on", "renewal"),
        ("score", "score"),
        ("change_30d", "change"),
        ("risk_90d", "risk"),
        ("active_users_28d", "users"),
        ("last_conversation_on", "talk"),
    )
]


class ListFigures(models.Model):
    """Copies of an account's newest figures, so that a list of 100,000 accounts filters, sorts and sums one
    table by one index. ``flow.lists`` writes them from ``metrics.Newest``, ``health.Standing``, ``foresight.Risk``
    and ``alerts.Alert``, which hold the truth and say what each means.
    """

    arr_base_cents = models.BigIntegerField(null=True, editable=False)
    # In the account's own currency, for where no exchange rate is known.
    arr_cents = models.BigIntegerField(null=True, editable=False)
    arr_currency = models.CharField(max_length=3, blank=True, editable=False)
    renewal_on = models.DateField(null=True, editable=False)
    score = models.FloatField(null=True, editable=False)
    band = models.CharField(max_length=18, blank=True, editable=False)
    change_30d = models.FloatField(null=True, editable=False)
    risk_90d = models.FloatField(null=True, editable=False)
    active_users_28d = models.IntegerField(null=True, editable=False)
    last_active_on = models.DateField(null=True, editable=False)
    last_conversation_on = models.DateField(null=True, editable=False)
    overdue_days = models.IntegerField(default=0, editable=False)
    tickets_open = models.IntegerField(null=True, editable=False)
    open_alerts = models.IntegerField(default=0, editable=False)

    class Meta:
        abstract = True


class SegmentMember(models.Model):
    """An account is in a segment (by the segment's key) since a day. Written by ``metrics.segments``, which says why; it
    stands here so that lists narrow by it.
    """

    # Derived every night.
    stays_at_merge = True

    account = models.ForeignKey("customers.Account", on_delete=models.CASCADE, related_name="segments")
    segment = models.SlugField(max_length=40)
    since = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "account"], name="segment_member_once")]

    def __str__(self) -> str:
        return f"{self.segment} ∋ {self.account_id}"
