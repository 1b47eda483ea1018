"""Faults in KPIs, their baseline, and the API that feeds them."""

from tests.controls import Control

_VALUES = "tests/events/test_kpis_values.py"
_FILES = "tests/events/test_kpis_imports.py"
_BASELINES = "tests/metrics/test_baselines.py"
_API = "tests/web/test_api.py"
_PAGES = "tests/web/test_kpis.py"
_REPORTS = "evergreen/events/kpis/actions/reports.py"
_ADMISSION = "evergreen/web/api/admission.py"

CONTROLS = (
    Control(
        "kpi_history_overwritten",
        "What stood before a report is kept.",
        _REPORTS,
        "filter(pk__in=replaced).update(stands=False)",
        "filter(pk__in=replaced).delete()",
        (f"{_VALUES}::test_the_newest_report_of_a_period_stands_and_earlier_ones_are_kept",),
    ),
    Control(
        "kpi_correction_known_before_it_came",
        "A correction is known when it comes.",
        _REPORTS,
        "Outcome.UPDATED, max(now, stood.known_at)",
        "Outcome.UPDATED, one.known_at",
        (f"{_VALUES}::test_history_is_known_at_the_end_of_its_period_and_a_correction_when_it_comes",),
    ),
    Control(
        "kpi_bounds_ignored",
        "A value outside the KPI's bounds is refused.",
        _REPORTS,
        "(kpi.most is not None and number > kpi.most)",
        "False",
        (f"{_VALUES}::test_bad_rows_are_refused_with_what_is_allowed_and_the_others_are_kept",),
    ),
    Control(
        "kpi_contradiction_taken",
        "Two different values for a period in one call are refused.",
        "evergreen/events/kpis/actions/values.py",
        "                    _check_equal(same, one, row)\n",
        "",
        (f"{_VALUES}::test_two_values_for_a_period_in_one_call_are_refused_and_equal_ones_are_duplicates",),
    ),
    Control(
        "kpi_target_a_period_late",
        "A target holds from its first day on.",
        "evergreen/events/kpis/rules.py",
        "        if target.starts_on > day:",
        "        if target.starts_on >= day:",
        (f"{_VALUES}::test_a_target_holds_until_the_next_begins_and_keeps_its_history",),
    ),
    Control(
        "kpi_row_loaded_in_part",
        "A row of a file is loaded as a whole or not at all.",
        "evergreen/events/imports/records/kpis.py",
        "for dry_run in (True, self.context.dry_run):",
        "for dry_run in (self.context.dry_run,):",
        (f"{_FILES}::test_values_and_targets_load_and_bad_rows_say_why",),
    ),
    Control(
        "baseline_peeks",
        "A baseline knows nothing of the period that it is compared with.",
        "evergreen/metrics/baselines.py",
        "seen[since : bisect_left(days, start)]",
        "seen[since : bisect_left(days, start) + 1]",
        (f"{_BASELINES}::test_the_period_itself_what_comes_later_and_what_is_long_past_are_left_out",),
    ),
    Control(
        "baseline_without_seasons",
        "A period is compared with its own season, the more the better that is known.",
        "evergreen/metrics/baselines.py",
        "    middle = expected.get(own, overall)",
        "    middle = overall",
        (f"{_BASELINES}::test_a_season_leans_on_all_months_until_it_has_been_seen_often",),
    ),
    Control(
        "baseline_by_means",
        "One wild value does not move the baseline.",
        "evergreen/metrics/baselines.py",
        "    overall = median(value for _season, value in before)",
        "    overall = fmean(value for _season, value in before)",
        (f"{_BASELINES}::test_one_wild_month_moves_neither_the_expected_value_nor_the_band",),
    ),
    Control(
        "api_key_never_revoked",
        "A key that was taken back opens nothing.",
        _ADMISSION,
        "filter(hash=key_hash(token.strip()), revoked_at=None)",
        "filter(hash=key_hash(token.strip()))",
        (f"{_API}::test_without_a_key_in_force_nothing_is_told_or_stored",),
    ),
    Control(
        "api_persons_key_reaches_all",
        "A person's key reaches what the person reaches.",
        "evergreen/web/api/kpis.py",
        "reach = reachable(key) if key.staff is not None else None",
        "reach = None",
        (f"{_API}::test_a_persons_key_reaches_what_the_person_reaches",),
    ),
    Control(
        "api_rights_ignored",
        "A key does only what its rights say.",
        _ADMISSION,
        "if not set(self._rights) & set(key.rights) or (",
        "if (",
        (f"{_API}::test_a_key_does_only_what_its_rights_say",),
    ),
    Control(
        "api_without_limit",
        "A key waits when it has sent its requests of the minute.",
        _ADMISSION,
        "    if calls > most:",
        "    if calls > most * 100:",
        (f"{_API}::test_a_key_waits_when_it_has_sent_its_requests_of_the_minute",),
    ),
    Control(
        "api_repeat_done_again",
        "A repeated request gets its first answer and does nothing more.",
        "evergreen/web/api/repeats.py",
        "    if not name:\n",
        "    if name:\n",
        (f"{_API}::test_a_late_repeat_under_its_own_name_does_not_bring_an_old_value_back",),
    ),
    Control(
        "api_bad_row_refuses_all",
        "A bad row keeps no other back.",
        "evergreen/web/api/rows.py",
        "return (422 if refusals and not kept else 200), said",
        "return (422 if refusals else 200), said",
        (f"{_API}::test_good_rows_are_stored_and_each_bad_one_says_what_to_do",),
    ),
    Control(
        "kpi_amounts_shown_to_all",
        "Amounts are shown to roles that see money.",
        "evergreen/web/presenters/account/kpis.py",
        "seen = [one for one in glances if user.sees_money or one.kpi.unit != Kpi.Unit.MONEY]",
        "seen = list(glances)",
        (f"{_PAGES}::test_amounts_of_customers_are_for_roles_that_see_money",),
    ),
)
