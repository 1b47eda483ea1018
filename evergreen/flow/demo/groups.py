"""The chat groups in which the demo vendor looks after its strategic and growth customers, and one text that went to most of them."""

from __future__ import annotations

import datetime as dt

from evergreen.events import journal
from evergreen.flow.demo import cast, talks
from evergreen.flow.demo.records import Kept
from evergreen.flow.demo.vendor import Vendor
from evergreen.touches.groups import writing
from evergreen.touches.models import CustomerGroup, GroupMember
from evergreen.work import actions as work
from evergreen.work.models import Task

# How likely somebody of that place in the decision chain is in the group.
_JOINS = {"daily_user": 0.9, "influencer": 0.75, "decision_maker": 0.5, "purchaser": 0.3}
_SHARE = {"strategic": 0.95, "growth": 0.7}
_DAYS_AGO = 12
_TEXT = {
    "subject": "月末关账提醒",
    "topic": "guidance",
    "body": "各位好，月末关账前请先跑一遍自动对账，差异会列在首页。有卡住的地方在群里说一声。",
}


def write(vendor: Vendor, kept: Kept) -> None:
    """Groups of personal WeChat, registered by hand as they were made; who left the customer left the group. Twelve days before the end
    operations wrote to those that are older, and most owners posted it."""
    extent, chance = vendor.extent, vendor.extent.chance("groups")
    last = extent.moment(extent.last, 20)
    groups, members = [], []
    for company, life, people in zip(vendor.book, vendor.lives, vendor.chains, strict=True):
        is_live = life.terms[-1].end > extent.last
        if not is_live or chance.random() > _SHARE.get(company.tier, 0.0):
            continue
        owner = kept.staff[talks.speaker(company)]
        made = min(company.started + dt.timedelta(days=int(chance.integers(3, 40))), extent.last)
        at = extent.moment(made, 15)
        group = CustomerGroup(
            kind=CustomerGroup.Kind.WECHAT, name=f"{company.name[:12]}·砚山服务群"[:120], owner=owner, made_at=at, are_accounts_chosen=True,
            purpose="project" if (extent.last - made).days < 90 else "service",
        )  # fmt: skip
        groups.append((group, kept.accounts[company.place]))
        if chance.random() < 0.92:
            members.append(GroupMember(group=group, staff=owner, is_ours=True, name=str(owner), how="by_hand", joined_at=at))  # fmt: skip
        for person in people:
            if chance.random() > _JOINS.get(person.role, 0.5):
                continue
            joined = max(at, extent.moment(max(person.known, made), 16))
            left = extent.moment(person.left, 18) if person.left and person.left <= extent.last else None
            if joined < last and (left is None or left > joined):
                members.append(
                    GroupMember(group=group, contact_id=kept.contacts[person.key], name=person.name, how="by_hand", joined_at=joined, left_at=left)
                )  # fmt: skip
    CustomerGroup.objects.bulk_create([group for group, _account in groups])
    links = CustomerGroup.accounts.through
    links.objects.bulk_create(
        [links(customergroup=group, account_id=account) for group, account in groups], batch_size=500
    )
    GroupMember.objects.bulk_create(members, batch_size=500)
    # The story's events were stored with its nights.
    with journal.gathering():
        _write_to_them(vendor, kept)


def _write_to_them(vendor: Vendor, kept: Kept) -> None:
    extent, chance = vendor.extent, vendor.extent.chance("broadcast")
    now = extent.moment(extent.last - dt.timedelta(days=_DAYS_AGO), 10)
    older = CustomerGroup.objects.filter(made_at__lt=now).select_related("owner").prefetch_related("accounts")
    chosen = [one for one in older.order_by("pk") if chance.random() < 0.8]
    if not chosen:
        return
    made, _done = writing.broadcast(_TEXT, chosen, by=kept.staff[cast.OPERATOR.email], now=now)
    mine = Task.objects.filter(origin_kind=writing.TASK, origin_id__startswith=f"{writing.ORIGIN}:{made.pk}:")
    for task in mine.select_related("assignee").order_by("pk"):
        hours = int(chance.integers(1, 30))
        work.finish_tasks(
            [task.pk],
            by=task.assignee or kept.staff[cast.OPERATOR.email],
            now=now + dt.timedelta(hours=hours),
        )
