"""Staff and teams after they were added: rights, teams, passwords, leaving and coming back."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base import roles
from evergreen.base.actions import audit
from evergreen.base.models import Team, User

EDITABLE = frozenset({"name", "email", "role", "scope"})
# Letters and digits that nobody confuses when a password is read out.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def one_time_password() -> str:
    """Four groups of four letters, about 79 bits: ``k7wm-2qxr-bd9s-hn4t``."""
    return "-".join("".join(secrets.choice(_LETTERS) for _n in range(4)) for _group in range(4))


@transaction.atomic
def update_staff(person: User, changes: Mapping[str, Any], *, by: User | None, now: dt.datetime) -> User:
    """Change name, e-mail, role or scope. ValidationError by field, or when nobody could configure."""
    if "email" in changes:
        changes = {**changes, "email": str(changes["email"]).strip().lower()}
    if "role" in changes and not roles.may_configure(changes["role"]):
        _someone_configures(without=person)
    applied = rows.apply(person, changes, EDITABLE)
    if applied:
        audit(
            "staff.updated", "user", [person.pk], by=by, now=now, before=applied.before, after=applied.after
        )
    return person


@transaction.atomic
def set_teams(person: User, teams: Iterable[Team], *, by: User | None, now: dt.datetime) -> None:
    """Put a person into exactly these teams."""
    wanted = sorted(teams, key=lambda team: team.name)
    before = list(person.teams.order_by("name"))
    if before != wanted:
        person.teams.set(wanted)
        names = {"before": {"teams": [t.name for t in before]}, "after": {"teams": [t.name for t in wanted]}}
        audit("staff.teams_set", "user", [person.pk], by=by, now=now, **names)


@transaction.atomic
def set_password(
    person: User, password: str, *, by: User | None, now: dt.datetime, one_time: bool = False
) -> None:
    """Set a password, which ends the person's sessions. A one-time one is replaced at the next sign-in."""
    person.set_password(password)
    person.has_one_time_password = one_time
    person.save(update_fields=["password", "has_one_time_password"])
    audit("staff.password_set", "user", [person.pk], by=by, now=now, after={"one_time": one_time})


@transaction.atomic
def deactivate_staff(person: User, *, by: User | None, now: dt.datetime) -> None:
    """Let a person leave: no sign-in any more; what the person did and owns stays until it is handed over."""
    if by is not None and person.pk == by.pk:
        raise ValidationError(
            _("You cannot close your own access: ask another administrator. Nothing was changed.")
        )
    _someone_configures(without=person)
    if User.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
        audit("staff.deactivated", "user", [person.pk], by=by, now=now)
    person.is_active = False


@transaction.atomic
def reactivate_staff(person: User, *, by: User | None, now: dt.datetime) -> None:
    """Give a person who left access again."""
    if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        audit("staff.reactivated", "user", [person.pk], by=by, now=now)
    person.is_active = True


@transaction.atomic
def add_team(name: str, *, by: User | None, now: dt.datetime) -> Team:
    """A new team. ValidationError for an empty name or one that is taken."""
    team = Team(name=name.strip())
    team.full_clean()
    team.save()
    audit("team.added", "team", [team.pk], by=by, now=now, after={"name": team.name})
    return team


@transaction.atomic
def rename_team(team: Team, name: str, *, by: User | None, now: dt.datetime) -> Team:
    applied = rows.apply(team, {"name": name.strip()}, {"name"})
    if applied:
        audit("team.renamed", "team", [team.pk], by=by, now=now, before=applied.before, after=applied.after)
    return team


@transaction.atomic
def remove_team(team: Team, *, by: User | None, now: dt.datetime) -> None:
    """Take a team away; its people and accounts stay, without it."""
    before = {"name": team.name, "members": list(team.members.order_by("pk").values_list("pk", flat=True))}
    audit("team.removed", "team", [team.pk], by=by, now=now, before=before)
    team.delete()


def _someone_configures(*, without: User) -> None:
    """Refuse what would leave nobody who may change settings."""
    configurers = [role for role in roles.Role.values if roles.may_configure(role)]
    if not User.objects.filter(is_active=True, role__in=configurers).exclude(pk=without.pk).exists():
        raise ValidationError(
            _(
                "%(name)s is the only one who may change settings. Make somebody else administrator first. "
                "Nothing was changed."
            )
            % {"name": without}
        )
