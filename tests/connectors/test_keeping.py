"""Credentials under a new key, jobs in two lanes, and what stays of rows that could not be loaded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from evergreen.base import jobs, vault
from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account, Contact
from evergreen.events.connections import actions
from evergreen.events.connections.models import SourceRow
from tests.connectors.systems import Hubspot, Salesforce, Wecom, Zendesk
from tests.launch.installation import made

pytestmark = pytest.mark.django_db


def test_every_credential_is_encrypted_anew_and_the_old_key_opens_until_then(
    serving: Any, now: Any, home: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERGREEN_SECRET_KEY", raising=False)
    source = serving(Zendesk())
    found = [
        actions.add_connection("zendesk", f"desk {n}", source.config(), by=None, now=now) for n in range(3)
    ]
    before = {one.pk: one.credentials for one in found}
    home.secret_before.write_text(settings.SECRET_KEY)
    home.secret.write_text("a new key")
    assert all(vault.unseal(text)["token"] == "canary" for text in before.values())
    done = actions.reseal_credentials(by=None, now=now)
    assert (done.resealed, done.lost) == (3, ())
    home.secret_before.unlink()
    settings.SECRET_KEY = "a new key"
    for one in found:
        one.refresh_from_db()
        assert one.credentials != before[one.pk] and "canary" not in one.credentials
        assert vault.unseal(one.credentials)["token"] == "canary"
    with pytest.raises(vault.SealError):
        vault.unseal(before[found[0].pk])
    found[1].credentials = before[found[1].pk]
    found[1].save()
    assert actions.reseal_credentials(by=None, now=now).lost == ("desk 1",), (
        "what no key opens is named and left"
    )


def test_the_command_replaces_the_key_and_says_what_to_do(tmp_path: Path) -> None:
    installation = made(tmp_path / "it")
    key = (installation.home / "secret.key").read_text()
    told = installation.run("credentials", "reseal", "--new-key")
    assert "Restart" in told.stderr and "0 credentials" in told.stdout
    assert (installation.home / "secret.key").read_text() != key
    assert not (installation.home / "secret.key.before").exists()
    assert (installation.home / "secret.key").stat().st_mode & 0o077 == 0


def test_an_import_does_not_wait_for_a_connection(serving: Any, now: Any) -> None:
    source = serving(Zendesk())
    connection = actions.add_connection("zendesk", "desk", source.config(), by=None, now=now)
    run = actions.start_run(connection, by=None, now=now)
    waiting = jobs.start_job("import", {}, by=None, now=now + dt.timedelta(seconds=1))
    taken = jobs.claim_job("jobs", without=(actions.JOB,), now=now)
    assert taken is not None and taken.pk == waiting.pk
    assert jobs.claim_job("jobs", without=(actions.JOB,), now=now) is None
    read = jobs.claim_job("readers", only=(actions.JOB,), now=now)
    assert read is not None and run.job is not None and read.pk == run.job.pk
    assert jobs.claim_job("readers", only=(actions.JOB,), now=now) is None


def test_a_contact_whose_account_comes_later_is_not_lost(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Zendesk())
    late = source.organizations.pop()
    connection = actions.add_connection("zendesk", "desk", source.config(), by=None, now=now)
    first = run_it(connection)
    assert first.total("rejected") > 0
    missing = {f"zendesk:{one['id']}" for one in source.users if one["organization_id"] == late["id"]}
    assert missing and not Contact.objects.filter(external_id__in=missing).exists()
    source.organizations.append(late)
    source.stamp(late)
    second = run_it(connection)
    assert second.total("rejected") == 0
    assert Contact.objects.filter(external_id__in=missing).count() > 0


def test_what_is_gone_is_marked_kept_and_unmarked_when_it_comes_back(
    serving: Any, run_it: Any, now: Any
) -> None:
    source = serving(Salesforce())
    connection = actions.add_connection("salesforce", "crm", source.config(), by=None, now=now)
    run_it(connection)
    contacts = Contact.objects.count()
    source.remove()
    run = run_it(connection)
    assert (run.total("gone"), run.total("updated"), Contact.objects.count()) == (1, 0, contacts)
    row = SourceRow.objects.get(gone_at__isnull=False)
    assert (row.record, row.external_id) == ("contacts", "003000000000EXTRA")
    assert AuditEntry.objects.filter(verb="connection.rows_gone").count() == 1
    assert run_it(connection).total("gone") == 0, "it is told once"
    one = next(one for one in source.objects["Contact"] if one["Id"] == row.external_id)
    one["IsDeleted"] = False
    source.stamp(one)
    assert run_it(connection).total("back") == 1
    assert not SourceRow.objects.filter(gone_at__isnull=False).exists()


def test_a_list_that_comes_back_empty_is_not_believed(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Wecom())
    connection = actions.add_connection("wecom", "企微", source.config(), by=None, now=now)
    run_it(connection)
    source.contacts.clear()
    run = run_it(connection)
    assert run.total("gone") == 0 and Account.objects.count() == 3
    assert any(one["notices"] for one in run.streams.values())


def test_an_archived_company_is_gone_and_stays(serving: Any, run_it: Any, now: Any) -> None:
    source = serving(Hubspot())
    connection = actions.add_connection("hubspot", "crm", source.config(), by=None, now=now)
    run_it(connection)
    accounts = Account.objects.count()
    source.objects["companies"][3]["archived"] = True
    assert (run_it(connection).total("gone"), Account.objects.count()) == (1, accounts)
