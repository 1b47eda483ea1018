"""Rows that a person chose on Today, among work orders, alerts or tasks, read with the right to them."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from evergreen.base.models import AuditEntry, User
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.flow.needs import choosing
from evergreen.flow.needs.actions import Chosen

NOBODY, ME = "nobody", "me"


def chosen(user: User, refs: list[str]) -> Chosen:
    """``needs.choosing.chosen`` for a page: Http404 when nothing of it is there for the person, ValidationError for too many."""
    try:
        return choosing.chosen(user, refs)
    except LookupError as error:
        raise Http404(str(error)) from error


def colleagues_of(user: User) -> list[User]:
    """Whom the person may give work to: everybody who works here; a partner only itself."""
    if user.role == Role.PARTNER:
        return [user]
    return list(User.objects.filter(is_active=True))


def person_named(user: User, name: str) -> User | None:
    """``me``, ``nobody`` (or nothing) or the key of a colleague. Raises ValidationError for anybody else."""
    if name == ME:
        return user
    if name in {NOBODY, ""}:
        return None
    for colleague in colleagues_of(user):
        if str(colleague.pk) == name:
            return colleague
    raise ValidationError(_("There is no such colleague. Choose a name from the list. Nothing was changed."))


def day_named(text: str) -> dt.date:
    """A day as an input sends it. Raises ValidationError for anything else."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValidationError(
            _("“%(found)s” is no day: choose one, such as 2026-11-21. Nothing was changed.") % {"found": text}
        ) from None


def account_named(user: User, key: str) -> Account | None:
    """The account with this key, if the person may see it."""
    return accounts_for(user).filter(pk=int(key)).first() if key.isdecimal() and len(key) < 19 else None


def account_typed(user: User, text: str) -> Account:
    """The account that was picked by typing (name · id), or named by its id or whole name alone.

    Raises ValidationError when not exactly one account of the person's is meant.
    """
    _name, _sign, key = text.strip().rpartition(" · ")
    visible = accounts_for(user)
    found = visible.filter(external_id=key or text.strip())[:2] or visible.filter(name=text.strip())[:2]
    if len(found) != 1:
        raise ValidationError(
            _(
                "No single account of yours is called “%(found)s”. Choose one from the list. Nothing was changed."
            )
            % {"found": text}
        )
    return found[0]


def undoable(request: HttpRequest) -> list[AuditEntry]:
    """What this request changed that can be given back: audit entries of the person at its very instant."""
    rows = AuditEntry.objects.filter(by=request.user, at=request.now, kind__in=("task", "alert", "workorder"))  # type: ignore[attr-defined, misc]
    return [entry for entry in rows.order_by("-pk") if "groups" in entry.before]
