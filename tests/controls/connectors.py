"""Faults of connectors: what is noted before it is stored, what is not waited for, what is believed too easily."""

from tests.controls import Control

_FAULTS = "tests/connectors/test_faults.py::test_after_a_fault_the_mirror_is_the_sources_truth"
_KEEPING = "tests/connectors/test_keeping.py"
_RUNNING = "evergreen/events/connections/running.py"
_WIRE = "evergreen/events/sources/wire.py"

CONTROLS = (
    Control(
        "cursor_before_its_rows",
        "How far a list was read is noted only with rows that are all stored.",
        "evergreen/events/connections/feeding.py",
        "                if is_next := living != current:\n                    safe, current = frozen(current), copy.deepcopy(living)\n",
        "                if is_next := living != current:\n                    safe, current = frozen(living), copy.deepcopy(living)\n",
        (
            f"{_FAULTS}[zendesk-the connection is cut]",
            f"{_FAULTS}[zendesk-killed while reading, and between loading and noting]",
        ),
    ),
    Control(
        "retry_after_ignored",
        "A source that asks to wait is left alone so long.",
        _WIRE,
        "                    self._wait(asked if asked is not None else _backoff(turn))",
        "                    self._wait(_backoff(turn))",
        (f"{_FAULTS}[stripe-too many requests]", f"{_FAULTS}[rest-a tight rate limit]"),
    ),
    Control(
        "expired_cursor_ends_as_success",
        "A run that could not read to the end is no success.",
        "evergreen/events/sources/stripe/adapter.py",
        "                if not after or error.status not in {400, 404} or turns == _BEGINNINGS:\n                    raise\n",
        "                if after and error.status in {400, 404}:\n                    return\n                if not after or turns == _BEGINNINGS:\n                    raise\n",
        (f"{_FAULTS}[stripe-a cursor expires]",),
    ),
    Control(
        "credentials_in_the_clear",
        "Credentials are encrypted at rest.",
        "evergreen/base/vault.py",
        "    return _fernet().encrypt(json.dumps(secret, ensure_ascii=False, sort_keys=True).encode()).decode()",
        "    return json.dumps(secret, ensure_ascii=False, sort_keys=True)",
        (f"{_KEEPING}::test_every_credential_is_encrypted_anew_and_the_old_key_opens_until_then",),
    ),
    Control(
        "gate_not_asked_after_redirect",
        "No redirect is followed: where it leads was not checked by anybody.",
        "evergreen/base/outbound.py",
        "        if resp.is_redirect:\n            raise",
        "        if resp.is_redirect:\n            return requests.Session().resolve_redirects(resp, req, *arguments, **named)\n        if resp.is_permanent_redirect:\n            raise",
        (
            f"{_FAULTS}[hubspot-a redirect to another host]",
            "tests/connectors/test_rest.py::test_a_redirect_is_not_followed",
        ),
    ),
    Control(
        "deletion_deletes",
        "What is gone at the source is marked, not counted as nothing.",
        "evergreen/events/connections/presence.py",
        "        standing.update(gone_at=now)\n",
        "        standing.update(gone_at=None)\n",
        (
            f"{_FAULTS}[salesforce-deleted upstream]",
            f"{_KEEPING}::test_an_archived_company_is_gone_and_stays",
        ),
    ),
    Control(
        "empty_list_believed",
        "A list that comes back empty marks nothing as gone.",
        "evergreen/events/connections/presence.py",
        "        if is_doubtful := bool(went and not here):",
        "        if is_doubtful := False:",
        (f"{_KEEPING}::test_a_list_that_comes_back_empty_is_not_believed",),
    ),
    Control(
        "rejected_row_forgotten",
        "A row that could not be loaded is tried again.",
        _RUNNING,
        '            held.keep(connection.pk, stream.name, told.pop("again", ()))',
        '            held.keep(connection.pk, stream.name, told.pop("again", ())[:0])',
        (f"{_KEEPING}::test_a_contact_whose_account_comes_later_is_not_lost",),
    ),
    Control(
        "one_lane_for_all_jobs",
        "An import never waits for a connection.",
        "evergreen/base/jobs.py",
        "    lane = Job.objects.filter(free).exclude(kind__in=without)",
        "    lane = Job.objects.filter(free)",
        (f"{_KEEPING}::test_an_import_does_not_wait_for_a_connection",),
    ),
    Control(
        "token_not_fetched_again",
        "A token that ran out is fetched again.",
        _WIRE,
        '            if verdict == "expired" and not renewed and self.sign_in.renew(self):',
        '            if verdict == "expired" and renewed and self.sign_in.renew(self):',
        ("tests/connectors/test_particulars.py::test_a_salesforce_token_that_runs_out_is_fetched_again",),
    ),
)
