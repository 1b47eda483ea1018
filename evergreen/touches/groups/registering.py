"""Groups that no programme may read (personal WeChat): registered by hand, with who is in them; and what people say of any group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.touches.groups.reading import tell_groups
from evergreen.touches.models import CustomerGroup, GroupMember

Kind, Purpose = CustomerGroup.Kind, CustomerGroup.Purpose
_MOST_PEOPLE = 500


@transaction.atomic
def save_group(
    group: CustomerGroup | None, given: Mapping[str, Any], *, by: User, now: dt.datetime
) -> CustomerGroup:
    """Register a group of personal WeChat, or change what people say of a group: {name, purpose, accounts, owner, note, made_on}. Of one
    of WeCom name, owner and age stay as WeCom tells them. Raises ValidationError with every mistake."""
    is_ours = group is None or group.kind == Kind.WECHAT
    problems = []
    name = str(given.get("name", "")).strip()
    if is_ours and not name:
        problems.append(_("A name is missing."))
    if given.get("purpose") not in Purpose.values:
        problems.append(_("Choose what the group is for."))
    accounts = list(Account.objects.filter(pk__in=given.get("accounts", ())))
    if is_ours and not accounts:
        problems.append(_("Choose at least one account."))
    owner = given.get("owner")
    if is_ours and owner is None:
        problems.append(_("Choose who of you looks after the group: that person writes to it."))
    if problems:
        raise ValidationError(problems)
    made = group or CustomerGroup(kind=Kind.WECHAT, made_at=given.get("made_at") or now, is_told=False)
    made.purpose, made.note = given["purpose"], str(given.get("note", "")).strip()[:300]
    if is_ours:
        made.name, made.owner = name[:120], owner
        made.made_at = given.get("made_at") or made.made_at
    made.save()
    before = set(made.accounts.values_list("pk", flat=True))
    chosen = {one.pk for one in accounts}
    if is_ours or chosen != before:
        made.accounts.set(accounts)
        # Nothing chosen any more: the people in it decide again.
        CustomerGroup.objects.filter(pk=made.pk).update(are_accounts_chosen=bool(accounts))
    audit(
        "group.saved",
        "group",
        [made.pk],
        by=by,
        now=now,
        after={"name": made.name, "accounts": sorted(chosen)},
    )
    if group is None:
        transaction.on_commit(tell_groups)
    return made


@transaction.atomic
def add_people(
    group: CustomerGroup, contacts: Sequence[Contact], names: Sequence[str], staff: Sequence[User], *, by: User, now: dt.datetime
) -> int:  # fmt: skip
    """Say who is in a group that is kept by hand: contacts, colleagues, and names of people whom nobody knows yet. Who is in it already
    is left. Returns how many came. Raises ValidationError for a group of WeCom, which tells it itself."""
    if group.kind != Kind.WECHAT:
        raise ValidationError(_("WeCom tells who is in this group."))
    live = GroupMember.objects.filter(group=group, left_at=None)
    there = list(live)
    known = {one.contact_id for one in there}
    ours = {one.staff_id for one in there}
    called = {one.name for one in there if one.contact_id is None and one.staff_id is None}
    rows = [GroupMember(contact=one, name=one.name[:100]) for one in contacts if one.pk not in known]
    rows += [GroupMember(staff=one, is_ours=True, name=str(one)[:100]) for one in staff if one.pk not in ours]
    rows += [GroupMember(name=one) for one in dict.fromkeys(name.strip()[:100] for name in names) if one and one not in called]  # fmt: skip
    if len(there) + len(rows) > _MOST_PEOPLE:
        raise ValidationError(_("A group has at most %(n)s people.") % {"n": _MOST_PEOPLE})
    for row in rows:
        row.group, row.how, row.joined_at = group, GroupMember.How.BY_HAND, now
    GroupMember.objects.bulk_create(rows)
    audit("group.joined", "group", [group.pk], by=by, now=now, after={"people": len(rows)})
    return len(rows)


@transaction.atomic
def remove_person(group: CustomerGroup, member: int, *, by: User, now: dt.datetime) -> bool:
    """Somebody is no longer in a group that is kept by hand. Returns whether it changed anything."""
    if group.kind != Kind.WECHAT:
        raise ValidationError(_("WeCom tells who is in this group."))
    done = GroupMember.objects.filter(group=group, pk=member, left_at=None).update(left_at=now)
    if done:
        audit("group.left", "group", [group.pk], by=by, now=now, after={"member": member})
    return bool(done)


@transaction.atomic
def know(member: GroupMember, contact: Contact | None, *, by: User, now: dt.datetime) -> None:
    """Say which contact somebody in a group is. In WeCom its id is kept with the contact, so that every group knows the person."""
    if member.is_ours:
        raise ValidationError(_("This is a colleague."))
    GroupMember.objects.filter(pk=member.pk).update(contact=contact)
    if contact is not None and member.key:
        contact.external_ids.update_or_create(system="wecom", value=member.key)
        GroupMember.objects.filter(key=member.key).update(contact=contact)
    group = member.group
    if not group.are_accounts_chosen:
        inside = GroupMember.objects.filter(group=group, left_at=None, contact__isnull=False)
        group.accounts.set(set(inside.values_list("contact__account", flat=True)))
    told = {"member": member.pk, "contact": contact.pk if contact else None}
    audit("group.known", "group", [group.pk], by=by, now=now, after=told)


@transaction.atomic
def end_group(group: CustomerGroup, *, is_over: bool, by: User, now: dt.datetime) -> None:
    """A group is no longer looked after, or is again. Raises ValidationError for one of WeCom, which tells it itself."""
    if group.kind != Kind.WECHAT:
        raise ValidationError(_("WeCom tells whether this group is still there."))
    CustomerGroup.objects.filter(pk=group.pk).update(ended_at=now if is_over else None)
    audit("group.ended", "group", [group.pk], by=by, now=now, after={"is_over": is_over})
