"""Of whom a question is asked: the accounts that the asker may see, narrowed by its filters, and how they are split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
from django.db.models import QuerySet
from numpy.typing import NDArray

from evergreen.base.models import User
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.events.models import EndUser
from evergreen.metrics.analytics.questions import Question
from evergreen.metrics.analytics.tables import ASKED, GROUPS, ROLES

# The largest groups of a split stand for themselves; accounts of the others are together.
MOST_GROUPS = 8
OTHERS, NOBODY = "\x00others", "\x00none"
_COLUMNS = {
    "tier": "tier",
    "stage": "stage",
    "industry": "industry",
    "region": "region",
    "edition": "edition__key",
    "owner": "owner__email",
}


@dataclass(frozen=True)
class Population:
    """``accounts``: their ids in order, None for all there are. ``groups``: the keys of a split, the largest first (``[""]``
    without one); OTHERS and NOBODY for those that are not named.
    """

    accounts: NDArray[np.int64] | None
    groups: list[str]
    by: str = ""
    role: str = ""
    grouped: pa.Table | None = None
    roles: pa.Table | None = None

    def digest(self) -> str:
        """Something that differs where other rows are counted."""
        made = hashlib.sha256(repr((self.groups, self.by, self.role)).encode())
        made.update(b"all" if self.accounts is None else self.accounts.tobytes())
        for table in (self.grouped, self.roles):
            if table is not None:
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, table.schema) as writer:
                    writer.write_table(table)
                made.update(sink.getvalue())
        return made.hexdigest()

    def tables(self) -> dict[str, pa.Table]:
        """Its tables, by the names that queries have for them."""
        accounts = None if self.accounts is None else pa.table({"account_id": self.accounts})
        found = {"asked_accounts": accounts, "asked_groups": self.grouped, "asked_roles": self.roles}
        return {name: table for name, table in found.items() if table is not None}

    def within(self, rows: Any) -> Any:
        """The rows of these accounts (and of people in the role that was asked for)."""
        if self.accounts is not None:
            rows = rows.semi_join(ASKED, "account_id")
        if self.role:
            wanted = ROLES.filter(ROLES.grp == self.groups_of_role)
            rows = rows.semi_join(wanted, ["account_id", "end_user"])
        return rows

    @property
    def groups_of_role(self) -> int:
        return list(Contact.ChainRole.values).index(self.role)

    def split(self, rows: Any) -> Any:
        """Adds ``grp``, the place of a row's group; in overlapping segments a row stands in each."""
        if self.by == "role":
            joined = rows.left_join(ROLES, ["account_id", "end_user"]).drop(
                "account_id_right", "end_user_right"
            )
            return joined.mutate(grp=joined.grp.coalesce(len(self.groups) - 1).cast("int32"))
        if self.by:
            return rows.inner_join(GROUPS, "account_id")
        return rows.mutate(grp=ibis.literal(0, "int32"))


def population(question: Question, user: User) -> Population:
    """The accounts of a question as they are now, never one that ``user`` may not see."""
    rows = _narrowed(accounts_for(user).order_by(), question)
    narrows = bool(set(question.filters) - {"role"}) or not sees_every_account(user)
    accounts = None
    if narrows:
        accounts = np.array(sorted(set(rows.values_list("pk", flat=True))), np.int64)
    needs_roles = question.by == "role" or bool(question.role)
    roles = _roles() if needs_roles else None
    if question.by == "role":
        groups = [*Contact.ChainRole.values, NOBODY]
        return Population(accounts, groups, "role", question.role, None, roles)
    if not question.by:
        return Population(accounts, [""], "", question.role, None, roles)
    groups, grouped = _groups(rows, question.by)
    return Population(accounts, groups, question.by, question.role, grouped, roles)


def _narrowed(rows: QuerySet[Account], question: Question) -> QuerySet[Account]:
    said = question.filters
    if "account" in said:
        rows = rows.filter(pk=int(said["account"]))
    if "segment" in said:
        rows = rows.filter(segments__segment=said["segment"])
    for name, column in _COLUMNS.items():
        if name in said:
            rows = rows.filter(**{column: said[name]})
    return rows


def _groups(rows: QuerySet[Account], by: str) -> tuple[list[str], pa.Table]:
    """The keys of the groups, and (account_id, grp)."""
    if by == "segment":
        pairs = list(
            SegmentMember.objects.filter(account__in=rows.values("pk")).values_list("account_id", "segment")
        )
    else:
        pairs = [(pk, key or NOBODY) for pk, key in rows.values_list("pk", _COLUMNS[by])]
    counted = Counter(key for _, key in pairs)
    ranked = [
        key for key, _ in sorted(counted.items(), key=lambda pair: (pair[0] == NOBODY, -pair[1], pair[0]))
    ]
    groups = ranked[:MOST_GROUPS]
    if len(ranked) > MOST_GROUPS and by != "segment":
        groups = [*ranked[: MOST_GROUPS - 1], OTHERS]
    place = {key: at for at, key in enumerate(groups)}
    last = place.get(OTHERS)
    found = [(pk, place.get(key, last)) for pk, key in pairs]
    return groups, _table([(pk, at) for pk, at in found if at is not None])


def _table(pairs: Sequence[tuple[int, int]]) -> pa.Table:
    return pa.table(
        {
            "account_id": pa.array([pk for pk, _ in pairs], pa.int64()),
            "grp": pa.array([at for _, at in pairs], pa.int32()),
        }
    )


def _roles() -> pa.Table:
    """(account_id, end_user, grp): the role in the decision chain of end users who are a contact; grp is its place."""
    place = {key: at for at, key in enumerate(Contact.ChainRole.values)}
    contacts = (
        Contact.objects.exclude(end_user="").exclude(role="").values_list("account_id", "end_user", "role")
    )
    found: dict[tuple[int, str], int] = {(pk, user): place[role] for pk, user, role in contacts}
    known = EndUser.objects.filter(contact__isnull=False).exclude(contact__role="")
    for pk, user, role in known.values_list("contact__account_id", "key", "contact__role"):
        found.setdefault((pk, user), place[role])
    return pa.table(
        {
            "account_id": pa.array([pk for pk, _ in found], pa.int64()),
            "end_user": pa.array([user for _, user in found], pa.string()),
            "grp": pa.array(found.values(), pa.int32()),
        }
    )
