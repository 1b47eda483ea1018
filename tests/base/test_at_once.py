"""Several workers at the same instant, on both databases."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from evergreen.base import changes, jobs
from evergreen.base.models import AuditEntry, Job
from evergreen.customers import actions as customers
from evergreen.customers.models import Account, Receivable
from evergreen.work import actions as work
from evergreen.work.models import Task
from tests.at_once import WORKERS, at_once

pytestmark = pytest.mark.usefixtures("real_database")


def account(now: dt.datetime) -> Account:
    return customers.create_account(external_id="A", name="A", by=None, now=now)


def test_no_job_is_claimed_by_two_workers(now: dt.datetime) -> None:
    for _n in range(20):
        jobs.start_job("count", {}, by=None, now=now)

    def work_off(number: int) -> list[int]:
        taken = []
        for _try in range(40):
            job = jobs.claim_job(f"worker {number}", now=now)
            if job is not None:
                taken.append(job.pk)
        return taken

    claimed = [pk for taken in at_once(work_off) for pk in taken]
    assert len(claimed) == len(set(claimed)) == 20
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}


def test_one_cause_makes_one_task_though_many_workers_see_it(now: dt.datetime) -> None:
    where = account(now)

    def add(number: int) -> int:
        return work.add_task(
            account=where, title=f"by {number}", assignee=None, by=None, now=now, origin=("alert", "7")
        ).pk

    assert len(set(at_once(add))) == 1
    assert Task.objects.count() == 1 and AuditEntry.objects.filter(verb="task.added").count() == 1


def test_two_payments_never_pay_more_than_is_due(now: dt.datetime) -> None:
    customers.add_receivable(
        account(now),
        external_id="R",
        currency="CNY",
        amount_cents=10_000,
        due_on=now.date(),
        by=None,
        now=now,
    )

    def pay(_number: int) -> object:
        return customers.record_payment(Receivable.objects.get(), 4_000, now.date(), by=None, now=now)

    refused = [answer for answer in at_once(pay) if isinstance(answer, ValidationError)]
    assert len(refused) == 2 and Receivable.objects.get().paid_cents == 8_000


def test_a_change_is_undone_by_one_of_those_who_try(now: dt.datetime) -> None:
    where = account(now)
    (entry,) = changes.apply_to_many(
        Account.objects.all(), [where.pk], {"industry": "x"}, verb="account.moved", by=None, now=now
    )

    def take_back(_number: int) -> object:
        return changes.undo(AuditEntry.objects.get(pk=entry.pk), Account, by=None, now=now)

    answers = at_once(take_back)
    assert sum(isinstance(answer, AuditEntry) for answer in answers) == 1
    assert sum(isinstance(answer, ValidationError) for answer in answers) == WORKERS - 1
