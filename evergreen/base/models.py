"""Staff, teams, settings, audit, jobs, exchange rates and progress marks."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from evergreen.base import roles
from evergreen.base.roles import Role, Scope


class Team(models.Model):
    name = models.CharField(_("name"), max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Staff(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A member of the vendor's staff."""

    class Theme(models.TextChoices):
        AUTO = "auto", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.CSM)
    scope = models.CharField(_("sees"), max_length=8, choices=Scope, blank=True)
    teams = models.ManyToManyField(Team, verbose_name=_("teams"), related_name="members", blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, default=Theme.AUTO)
    is_active = models.BooleanField(_("active"), default=True)
    has_one_time_password = models.BooleanField(
        default=False, help_text="Must choose an own one before anything else."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[Staff] = Staff()

    class Meta:
        ordering = ["name", "email"]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def sees(self) -> Scope:
        """The scope in force: the person's own setting, else the role's."""
        return Scope(self.scope) if self.scope else roles.default_scope(self.role)

    @property
    def sees_money(self) -> bool:
        return roles.sees_money(self.role)

    @property
    def may_configure(self) -> bool:
        return roles.may_configure(self.role)

    @property
    def may_assign(self) -> bool:
        return roles.may_assign(self.role)


class Setting(models.Model):
    """A value that the operator changed; what is absent has the default of ``base.options``."""

    key = models.CharField(max_length=80, primary_key=True)
    value = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return self.key


class ExchangeRate(models.Model):
    """How many units of the vendor's currency one unit of ``currency`` is worth from a day on."""

    currency = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=18, decimal_places=8)
    valid_from = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["currency", "valid_from"], name="rate_once_a_day")]
        ordering = ["currency", "-valid_from"]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} ({self.valid_from})"


class CalendarDay(models.Model):
    """A day set by hand; the company's own days win over a notice, a notice over the library."""

    class Source(models.TextChoices):
        NOTICE = "notice", _("official notice")
        COMPANY = "company", _("the company's own")

    day = models.DateField()
    is_working = models.BooleanField()
    name = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=8, choices=Source)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "source"], name="calendar_day_once_a_source")]
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {'work' if self.is_working else 'off'} {self.name}"


class AuditEntry(models.Model):
    """Who did what to which objects; ``before`` holds what an undo needs. Never changed, never deleted."""

    at = models.DateTimeField(db_index=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    verb = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    objects_count = models.PositiveIntegerField(default=1)
    object_ids = models.JSONField(default=list)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["kind", "-at"], name="audit_kind_at")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} × {self.objects_count}"


class Job(models.Model):
    """Long work that a person started. Claimed by a filtered update; a stale heartbeat frees it again."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200, blank=True)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.CharField(max_length=80, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="jobs")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "created_at"], name="job_state_at")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk} {self.state}"

    @property
    def share(self) -> float | None:
        """Done part between 0 and 1, or None while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def is_over(self) -> bool:
        return self.state in {self.State.DONE, self.State.FAILED, self.State.CANCELLED}


class Progress(models.Model):
    """The mark of one step of the flow on one day. A step found started is thrown away and done again."""

    class State(models.TextChoices):
        STARTED = "started", _("started")
        DONE = "done", _("done")

    step = models.CharField(max_length=40)
    day = models.DateField()
    state = models.CharField(max_length=10, choices=State)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    figures = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "day"], name="progress_step_day")]

    def __str__(self) -> str:
        return f"{self.step} {self.day} {self.state}"
