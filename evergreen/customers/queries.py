"""Reads of accounts and their records. ``accounts_for`` is the row-level right: every page starts from it."""

from __future__ import annotations

from django.db.models import F, Prefetch, Q, QuerySet
from django.http import Http404

from evergreen.base.models import AuditEntry, User
from evergreen.base.roles import Role, Scope
from evergreen.customers.models import (
    Account,
    Attachment,
    Contact,
    Contract,
    ContractLine,
    FieldChange,
    Note,
    Receivable,
)


def sees_every_account(user: User) -> bool:
    """Whether ``accounts_for`` leaves no account out, so that a read may spare the comparison."""
    return user.is_active and user.role != Role.PARTNER and user.sees == Scope.ALL


def accounts_for(user: User) -> QuerySet[Account]:
    """The accounts that a member of staff may see: own, the team's, or all (``User.sees``).

    The team's are those owned by a member of one of my teams or given to one of my teams. A partner sees own
    accounts whatever its scope says; a person who left sees none.
    """
    if not user.is_active:
        return Account.objects.none()
    if sees_every_account(user):
        return Account.objects.all()
    own = Q(owner=user)
    if user.role != Role.PARTNER and user.sees == Scope.TEAM:
        mates = User.objects.filter(teams__in=user.teams.all()).values("pk")
        own |= Q(owner__in=mates) | Q(team__in=user.teams.all())
    return Account.objects.filter(own)


def account_for(user: User, account_id: int) -> Account:
    """One account with owner, team, edition and parent; Http404 when absent or not the user's to see."""
    account = (
        accounts_for(user)
        .select_related("owner", "team", "edition__product", "parent")
        .filter(pk=account_id)
        .first()
    )
    if account is None:
        raise Http404("There is no such account among those you may see.")
    return account


def stands_for(account_id: int) -> int | None:
    """The account that one was merged into; None when it was not."""
    rows = Account.everything.filter(pk=account_id, merged_into__isnull=False)
    return rows.values_list("merged_into", flat=True).first()


def mergers_of(row: Account | Contact) -> list[tuple[Account | Contact, AuditEntry | None]]:
    """What was merged into a row, the newest first, with the entry that an undo takes (None: undo another one first)."""
    model: type[Account] | type[Contact] = type(row)
    merged: list[Account] | list[Contact] = (
        list(Account.everything.filter(merged_into=row.pk).order_by("-merged_at", "-pk"))
        if isinstance(row, Account)
        else list(Contact.everything.filter(merged_into=row.pk).order_by("-merged_at", "-pk"))
    )
    entries = AuditEntry.objects.filter(kind="merger", verb="merger.made", undone_at=None).order_by("pk")
    wanted = Q(pk=None)
    for one in merged:
        wanted |= Q(object_ids=[one.pk, row.pk])
    found = {
        entry.object_ids[0]: entry
        for entry in entries.filter(wanted)
        if entry.before["model"] == model._meta.model_name
    }
    return [(one, found.get(one.pk)) for one in merged]


def contacts_of(account: Account) -> QuerySet[Contact]:
    """The account's people, those still there first, the most influential first."""
    return account.contacts.select_related("reports_to").order_by(
        F("left_on").asc(nulls_first=True), F("influence").desc(nulls_last=True), "name", "pk"
    )


def contact_for(user: User, contact_id: int) -> Contact:
    """One contact of an account that the user may see; Http404 otherwise."""
    contact = (
        Contact.objects.filter(account__in=accounts_for(user))
        .select_related("account", "reports_to")
        .filter(pk=contact_id)
    ).first()
    if contact is None:
        raise Http404("There is no such contact among those you may see.")
    return contact


def contracts_of(account: Account) -> QuerySet[Contract]:
    """The account's contracts with their lines, newest first; two queries whatever their number."""
    lines = ContractLine.objects.select_related("edition__product", "tenant")
    return (
        account.contracts.select_related("renews", "renewed_by")
        .prefetch_related(Prefetch("lines", lines))
        .order_by(F("signed_on").desc(nulls_last=True), "-pk")
    )


def receivables_of(account: Account) -> QuerySet[Receivable]:
    """The account's receivables, the latest due first."""
    return account.receivables.select_related("contract").order_by("-due_on", "-pk")


def notes_of(account: Account) -> QuerySet[Note]:
    """The account's notes with author, mentions and files: pinned first, then the newest."""
    return (
        account.notes.select_related("by")
        .prefetch_related("mentions", "attachments")
        .order_by("-is_pinned", "-at", "-pk")
    )


def note_for(user: User, note_id: int) -> Note:
    """One note on an account that the user may see; Http404 otherwise."""
    note = (
        Note.objects.filter(account__in=accounts_for(user))
        .select_related("account", "by")
        .filter(pk=note_id)
        .first()
    )
    if note is None:
        raise Http404("There is no such note among those you may see.")
    return note


def mentions_of(user: User) -> QuerySet[Note]:
    """Notes that mention the user, on accounts the user may see, newest first."""
    return (
        Note.objects.filter(mentions=user, account__in=accounts_for(user))
        .select_related("account", "by")
        .order_by("-at")
    )


def attachment_for(user: User, attachment_id: int) -> Attachment:
    """One file of a note on an account that the user may see; Http404 otherwise."""
    found = (
        Attachment.objects.filter(note__account__in=accounts_for(user))
        .select_related("note")
        .filter(pk=attachment_id)
    )
    attachment = found.first()
    if attachment is None:
        raise Http404("There is no such file among those you may see.")
    return attachment


def changes_of(account: Account) -> QuerySet[FieldChange]:
    """Changes of owner, team, tier, touch model, stage and edition, newest first."""
    return account.changes.select_related("by").order_by("-known_at", "-pk")


def last_undoable(user: User, kind: str = "account") -> AuditEntry | None:
    """The user's newest bulk change of a kind that was not undone yet."""
    entries = AuditEntry.objects.filter(by=user, kind=kind, undone_at__isnull=True).order_by("-at", "-pk")[
        :20
    ]
    return next((entry for entry in entries if "groups" in entry.before), None)
