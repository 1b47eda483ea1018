"""Faults in playbooks: what enters twice, is done twice, is written by who may not, comes too late."""

from tests.controls import Control

_ENROLMENTS = "tests/playbooks/test_enrolments.py"
_RUNNING = "tests/playbooks/test_running.py"
_FAULTS = "tests/playbooks/test_known_faults.py"
_ADVANCING = "evergreen/playbooks/actions/advancing.py"

CONTROLS = (
    Control(
        "answer_of_a_former_visit",
        "In a loop the newest task answers, not the one of a former round.",
        "evergreen/playbooks/steps/tasks.py",
        "newest[run, step] = visit",
        "newest.setdefault((run, step), visit)",
        ("tests/playbooks/test_shipped.py::test_in_a_loop_only_the_newest_task_answers",),
    ),
    Control(
        "dry_run_knows_tomorrow",
        "A dry run reads the newest night that was over by then, not the one of the day itself.",
        "evergreen/playbooks/trying/seen.py",
        "n = bisect_left(self._days, today, low, high) - 1",
        "n = min(bisect_left(self._days, today, low, high), high - 1)",
        ("tests/playbooks/test_trying.py::test_the_dry_run_finds_what_the_engine_did",),
    ),
    Control(
        "trigger_fires_twice",
        "A trigger lets an account in once an occasion.",
        "evergreen/playbooks/actions/entering.py",
        "if (one.account, one.key) not in had]",
        "]",
        (f"{_RUNNING}::test_whom_an_entry_condition_keeps_out_is_written_down_and_not_asked_again",),
    ),
    Control(
        "occasion_not_unique",
        "The database itself holds one run an occasion.",
        "evergreen/playbooks/models.py",
        """fields=["playbook", "account", "occasion"], name="enrolment_once_an_occasion\"""",
        """fields=["playbook", "account", "occasion", "id"], name="enrolment_once_an_occasion\"""",
        (f"{_ENROLMENTS}::test_an_alert_enters_once_and_the_database_itself_holds_it",),
    ),
    Control(
        "effect_not_unique",
        "The database itself holds one effect a run, step, visit, recipient and channel.",
        "evergreen/playbooks/models.py",
        """fields=["enrolment", "step", "visit", "recipient", "channel"]""",
        """fields=["enrolment", "step", "visit", "recipient", "channel", "id"]""",
        (f"{_ENROLMENTS}::test_an_effect_happens_once_a_visit_held_by_the_database",),
    ),
    Control(
        "lease_without_fence",
        "Who wakes after its lease was given to another writes nothing.",
        _ADVANCING,
        """claimed_by=token, leased_until=at + lease, fence=F("fence") + 1,""",
        "claimed_by=token, leased_until=at + lease,",
        (f"{_ENROLMENTS}::test_a_worker_that_wakes_while_another_still_holds_its_run_writes_nothing",),
    ),
    Control(
        "claimed_by_two",
        "What one worker holds no other takes.",
        _ADVANCING,
        "    found = Enrolment.objects.filter(free, state=Enrolment.State.WAITING, wake_at__lte=now)",
        "    found = Enrolment.objects.filter(state=Enrolment.State.WAITING, wake_at__lte=now)",
        (f"{_ENROLMENTS}::test_an_enrolment_that_another_worker_claimed_is_left_alone",),
    ),
    Control(
        "advance_before_effect",
        "A run goes on only with its effect: both or none.",
        _ADVANCING,
        "    _act(walks, book.now)\n    _write(walks, book.now)\n",
        "    _write(walks, book.now)\n    transaction.on_commit(lambda: _act(walks, book.now))\n",
        (f"{_RUNNING}::test_a_run_that_needs_attention_goes_on_when_what_failed_is_put_right",),
    ),
    Control(
        "one_error_fails_all",
        "An error parks its run alone.",
        _ADVANCING,
        '        if len(runs) == 1:\n            _park(runs[0], f"{type(error).__name__}: {error}", book.now)\n            return 0\n',
        '        for run in runs:\n            _park(run, f"{type(error).__name__}: {error}", book.now)\n        return 0\n',
        (f"{_FAULTS}::test_mautic_7953_what_fails_for_one_stops_no_other",),
    ),
    Control(
        "late_message_sent",
        "A message that is later than it may be is skipped.",
        "evergreen/playbooks/rules/walking.py",
        "    return most is not None and now - place.due_at > dt.timedelta(hours=most)",
        "    return False",
        (
            f"{_RUNNING}::test_after_a_standstill_a_late_message_is_skipped_with_that_reason_and_a_late_task_is_made",
        ),
    ),
    Control(
        "quiet_hours_not_over_midnight",
        "Quiet hours that began yesterday still hold.",
        "evergreen/base/wall.py",
        "        if begins <= moment < ends:",
        "        if begins <= moment < ends and day == ends_on:",
        (f"{_RUNNING}::test_a_message_keeps_quiet_hours_over_midnight_and_comes_once_after_them",),
    ),
    Control(
        "entered_again_though_never",
        "Who may enter once enters once.",
        "evergreen/playbooks/rules/entering.py",
        """        if runs and of.reentry == "never":""",
        """        if runs and of.reentry == "once":""",
        (
            f"{_FAULTS}::test_mautic_7881_who_may_not_start_again_does_not_when_the_segment_takes_him_in_again",
        ),
    ),
    Control(
        "playbooks_go_round",
        "Playbooks that start each other come to rest.",
        "evergreen/playbooks/rules/entering.py",
        ">= MOST_A_DAY:",
        ">= 100_000:",
        (f"{_FAULTS}::test_mautic_7057_playbooks_that_start_each_other_come_to_rest",),
    ),
    Control(
        "wait_forgets_its_rule",
        "A wait is reckoned from the moment at which its step was reached.",
        "evergreen/playbooks/rules/walking.py",
        "    return dt.datetime.fromisoformat(since) if since else now",
        "    return now",
        (f"{_RUNNING}::test_waits_follow_the_calendar_when_a_year_is_published",),
    ),
    Control(
        "event_before_the_step_counts",
        "An event counts only when it happened while the step waited.",
        "evergreen/playbooks/rules/walking.py",
        "any(since <= at <= wakes for at in",
        "any(at <= wakes for at in",
        (f"{_RUNNING}::test_an_event_counts_when_it_happened_while_the_step_waited",),
    ),
)
