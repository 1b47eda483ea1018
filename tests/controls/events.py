"""Faults on the way of events: journal, mover, lake."""

from tests.controls import Control

_JOURNAL = "tests/events/test_journal.py"
_MOVER = "tests/events/test_mover.py"
_LAKE = "tests/events/test_lake.py"
_INGEST = "tests/events/test_ingest_contract.py"

CONTROLS = (
    Control(
        "ack_before_sync",
        "A 200 means that the event is on stable storage.",
        "evergreen/events/journal/writing.py",
        "            _answer(group, self._store(group))",
        "            _answer(group, None)\n            self._store(group)",
        (f"{_JOURNAL}::test_a_waiting_request_is_not_answered_before_the_sync",),
    ),
    Control(
        "no_sync",
        "A 200 means that the event is on stable storage.",
        "evergreen/events/journal/writing.py",
        "            os.fdatasync(fd)\n",
        "",
        (
            f"{_JOURNAL}::test_requests_that_wait_together_share_one_sync",
            f"{_JOURNAL}::test_a_failed_write_or_sync_is_refused_and_its_segment_never_trusted_again",
        ),
    ),
    Control(
        "failed_sync_trusted",
        "A segment whose sync failed is never written to again.",
        "evergreen/events/journal/writing.py",
        "            self._abandon_segment()\n",
        "",
        (f"{_JOURNAL}::test_a_failed_write_or_sync_is_refused_and_its_segment_never_trusted_again",),
    ),
    Control(
        "checksum_ignored",
        "A changed bit in the journal is noticed.",
        "evergreen/events/journal/records.py",
        "    if zlib.crc32(payload) != checksum:",
        "    if not payload:",
        (f"{_JOURNAL}::test_a_flipped_bit_anywhere_is_noticed",),
    ),
    Control(
        "position_outside_its_transaction",
        "Events and the journal's position enter the lake together or not at all.",
        "evergreen/events/arrivals.py",
        "    result = checked.counted(",
        '    con.execute("COMMIT")\n    con.execute("BEGIN")\n    result = checked.counted(',
        (f"{_LAKE}::test_a_batch_enters_the_lake_whole_or_not_at_all",),
    ),
    Control(
        "message_key_not_kept",
        "The same message id from the same source adds nothing.",
        "evergreen/events/warehouses/embedded.py",
        '        con.execute("INSERT INTO lake.message_keys SELECT hi, lo, body, ? FROM fresh_keys", [number])\n',
        "",
        (
            "tests/events/test_message_keys.py::test_every_id_is_stored_once_through_rollbacks_restarts_and_lost_files",
        ),
    ),
    Control(
        "rejected_not_counted",
        "Sent = stored + rejected + duplicate, to the unit.",
        "evergreen/events/arrivals.py",
        "Appended(received + refused, stored, received - stored, conflicts, refused)",
        "Appended(received, stored, received - stored, conflicts, refused)",
        (f"{_MOVER}::test_what_is_stored_rejected_and_repeated_adds_up_to_what_was_sent",),
    ),
    Control(
        "open_segment_removed",
        "A segment is removed only when its owner has ended it.",
        "evergreen/events/mover/transfer.py",
        "            if part.complete:",
        "            if part.complete or path in gathered:",
        (f"{_MOVER}::test_an_ended_segment_is_removed_and_one_in_use_is_not",),
    ),
    Control(
        "commit_before_sync_of_the_lake",
        "A commit of the lake never names a file that a power cut could take.",
        "evergreen/events/store.py",
        "            if _syncs:\n",
        "            if not _syncs:\n",
        (f"{_LAKE}::test_a_commit_comes_after_the_sync_of_the_files_it_names",),
    ),
    Control(
        "unpacked_size_not_limited",
        "A small packed body cannot fill the memory.",
        "evergreen/events/ingest/bodies.py",
        "self._stream.decompress(chunk, self._limit + 1 - len(self._body))",
        "self._stream.decompress(chunk)",
        (f"{_INGEST}::test_a_packed_bomb_is_stopped_at_the_limit",),
    ),
    Control(
        "unknown_key_taken",
        "Only a write key in force may send events.",
        "evergreen/events/ingest/keys.py",
        "        return sources[known] if hmac.compare_digest(hashed, known) else None",
        "        return sources.get(known) or next(iter(sources.values()), None)",
        ("tests/events/test_ingest_keys.py::test_unknown_and_revoked_keys_are_answered_alike",),
    ),
    Control(
        "ok_while_the_disk_fails",
        "Events that cannot be stored are answered 503, never 200.",
        "evergreen/events/ingest/app.py",
        "            refusal = Refusal(503, code,",
        "            refusal = Refusal(200, code,",
        (f"{_INGEST}::test_while_the_disk_fails_the_answer_is_503_and_never_200",),
    ),
    Control(
        "parquet_glob_instead_of_the_catalog",
        "What was merged is never read together with the files it was made of.",
        "evergreen/events/traffic.py",
        '"SELECT source, count(*), max(received_at) FROM lake.events WHERE known_on >= ? GROUP BY source",',
        "\"SELECT source, count(*), max(received_at) FROM read_parquet(getenv('EVERGREEN_HOME') ||\"\n"
        "        \" '/lake/data/main/events/**/*.parquet', union_by_name = true) WHERE known_on >= ? GROUP BY source\",",
        ("tests/events/test_upkeep.py",),
    ),
    Control(
        "killed_movers_begin_large_again",
        "A mover that is killed over and over still gets on.",
        "evergreen/events/mover/transfer.py",
        "STEP_EVENTS >> 2 * min(_holder(fd)[1], 8)",
        "STEP_EVENTS",
        (f"{_MOVER}::test_after_movers_that_were_killed_the_next_begins_with_small_steps",),
    ),
    Control(
        "retired_before_rolled_up",
        "Single events go only once their day is rolled up.",
        "evergreen/events/retention.py",
        "held.keys() - waiting",
        "held.keys()",
        (
            "tests/events/test_retention.py"
            "::test_old_events_go_by_whole_days_once_they_are_rolled_up_and_every_figure_stays",
        ),
    ),
    Control(
        "retired_day_rolled_up_from_nothing",
        "The figures of a day outlive its events.",
        "evergreen/events/rollup.py",
        "is_retired=portion[0].day in retired",
        "is_retired=False",
        ("tests/events/test_retention.py",),
    ),
    Control(
        "older_versions_not_erased",
        "An erased row leaves the disk, older versions of it too.",
        "evergreen/events/erasure.py",
        " WHERE delete_file IS NOT NULL",
        " WHERE false",
        ("tests/events/test_erasure.py::test_erased_rows_leave_the_disk_with_the_files_that_held_them",),
    ),
    Control(
        "roll_up_brings_erased_rows_back",
        "What was erased does not come back by a roll-up that was counting just then.",
        "evergreen/events/rollup.py",
        "            if _erasures(con) == erasures:",
        "            if erasures >= 0:",
        ("tests/events/test_erasure.py::test_a_roll_up_that_counted_before_an_erasure_counts_again",),
    ),
    Control(
        "overload_taken",
        "While more comes than can be answered in time, a share is told to come again.",
        "evergreen/events/ingest/app.py",
        "        if is_too_much:",
        "        if is_too_much and not self:",
        (
            "tests/events/test_ingest_pressure.py::test_a_request_too_many_is_answered_503_and_nothing_of_it_is_stored",
        ),
    ),
    Control(
        "standstill_taken_for_overload",
        "A machine that stood still for seconds is not one with too much to do.",
        "evergreen/events/ingest/pressure.py",
        "        counted = min(late, _LONGEST)",
        "        counted = late",
        ("tests/events/test_ingest_pressure.py::test_one_long_moment_refuses_nobody",),
    ),
    Control(
        "few_requests_refused",
        "A process that is slow for other reasons refuses no ordinary trickle of events.",
        "evergreen/events/ingest/pressure.py",
        "        if not self._shares or under_way < _FEW:",
        "        if not self._shares:",
        ("tests/events/test_ingest_pressure.py::test_a_few_requests_are_never_too_many",),
    ),
    Control(
        "quiet_sources_refused",
        "Whoever sends little is not refused for those who send much.",
        "evergreen/events/ingest/pressure.py",
        "        level = left / (len(counts) - place)",
        "        level = left / (len(counts) + place)",
        ("tests/events/test_ingest_pressure.py::test_what_is_refused_is_taken_from_those_who_send_most",),
    ),
)
