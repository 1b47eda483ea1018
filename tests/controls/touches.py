"""Faults in touches: what goes twice, to whom it may not, too often, or is heard wrongly."""

from tests.controls import Control

_SENDING = "tests/touches/test_sending.py"
_CONSENTS = "tests/touches/test_consents.py"
_WECOM = "tests/touches/test_wecom.py"
_SMS = "tests/touches/test_sms.py"
_SURVEYS = "tests/touches/test_surveys.py"
_LETTERS = "tests/touches/test_letters.py"
_NOTICES = "tests/touches/test_notices.py"
_IN_APP = "tests/touches/test_in_app.py"
_GROUPS = "tests/touches/test_groups.py"
_TIES = "tests/touches/test_ties.py"

CONTROLS = (
    Control(
        "lost_workers_message_goes_again",
        "What a dead worker had handed over is unknown, and not sent again.",
        "evergreen/touches/actions/sending.py",
        '        state=State.UNKNOWN,\n        reason="worker_lost",',
        '        state=State.PLANNED,\n        reason="worker_lost",',
        (f"{_SENDING}::test_a_worker_that_dies_at_any_point_sends_nothing_twice",),
    ),
    Control(
        "late_worker_writes",
        "A worker that wakes after its lease writes nothing.",
        "evergreen/touches/actions/sending.py",
        "Q(pk=message.pk, fence=message.fence, state=State.HANDED_OVER)",
        "Q(pk=message.pk)",
        (f"{_SENDING}::test_a_worker_that_wakes_after_its_lease_writes_nothing",),
    ),
    Control(
        "consent_not_asked",
        "What a contact refused is held back.",
        "evergreen/touches/actions/claiming.py",
        "            blocked = self._blocked(message, person, address, lines, dead)",
        '            blocked = ""',
        (f"{_SMS}::test_without_a_consent_with_proof_no_sms_goes",),
    ),
    Control(
        "recipients_rate_ignored",
        "A recipient gets no more than the provider shows.",
        "evergreen/touches/actions/claiming.py",
        "        return rules.allowance(self.recipients.get(address, ()), now, self.rates.of_recipient) > 0",
        "        return True",
        (f"{_WECOM}::test_a_member_never_gets_more_than_wecom_shows_and_waits_little_longer_than_it_asks",),
    ),
    Control(
        "every_worker_fetches_a_token",
        "One worker fetches a token, the others wait for it.",
        "evergreen/touches/tokens.py",
        "self._mine.filter(free, token=sealed).update(",
        "self._mine.filter(token=sealed).update(",
        (f"{_WECOM}::test_two_workers_fetch_one_token",),
    ),
    Control(
        "any_answer_refuses",
        "Only a word of refusal refuses.",
        "evergreen/touches/actions/consenting.py",
        "    return bool(_REFUSALS.fullmatch(text))",
        "    return bool(text)",
        (f"{_SMS}::test_an_answer_that_is_no_refusal_is_kept_with_its_message",),
    ),
    Control(
        "surveys_without_throttle",
        "Whoever was asked is not asked again within 90 days.",
        "evergreen/touches/surveys/asking.py",
        "        elif not held and contact in recent:",
        "        elif not held and contact is None:",
        (f"{_SURVEYS}::test_whoever_was_asked_by_any_survey_is_not_asked_again_within_ninety_days",),
    ),
    Control(
        "refused_invitation_counts",
        "An invitation that never went out does not count as asked.",
        "evergreen/touches/surveys/asking.py",
        "    rows = rows.exclude(message__state__in=_NOT_SENT)\n",
        "",
        (f"{_SURVEYS}::test_an_invitation_that_never_went_out_does_not_count_as_asked",),
    ),
    Control(
        "whole_accounts_asked_at_once",
        "A quarter of the contacts is asked in each quarter.",
        "evergreen/touches/surveys/waves.py",
        "        if rules.quarter_of(places[account], accounts[account]) == quarter:",
        "        if rules.quarter_of(places[account], accounts[account]):",
        (f"{_SURVEYS}::test_each_contact_is_asked_in_one_quarter_of_the_year_and_never_a_whole_account",),
    ),
    Control(
        "links_never_close",
        "A link closes after thirty days, or with its survey.",
        "evergreen/touches/surveys/answering.py",
        '    if not ask.survey.is_on:\n        return "off"\n',
        "",
        (f"{_SURVEYS}::test_a_link_closes_after_thirty_days_or_when_the_survey_is_switched_off",),
    ),
    Control(
        "changed_answer_not_told",
        "A changed answer comes back as another event.",
        "evergreen/touches/surveys/answering.py",
        '"message_id": f"survey.answered:{ask.pk}:{ask.changes}"',
        '"message_id": f"survey.answered:{ask.pk}"',
        (f"{_SURVEYS}::test_an_answer_comes_back_as_an_event_once_and_again_when_it_is_changed",),
    ),
    Control(
        "machines_answer",
        "Automatic replies are no answers.",
        "evergreen/touches/channels/smtp/letters.py",
        "    if _is_machine(mail):\n        return None\n",
        "",
        (f"{_LETTERS}::test_what_machines_and_we_ourselves_write_is_no_answer",),
    ),
    Control(
        "mailbox_marked",
        "The mailbox is only read.",
        "evergreen/touches/channels/smtp/inbox.py",
        "readonly=True",
        "readonly=False",
        (f"{_LETTERS}::test_only_what_comes_from_now_on_is_heard_once_and_nothing_is_marked",),
    ),
    Control(
        "full_mailbox_is_dead",
        "Only a mailbox that does not exist is dead.",
        "evergreen/touches/channels/smtp/letters.py",
        'any(code.startswith("5.1.") for code in codes)',
        'any(code.startswith("5.") for code in codes)',
        (f"{_LETTERS}::test_a_delivery_report_says_what_became_of_which_mail",),
    ),
    Control(
        "refusal_folded",
        "The address of refusal stands on its header's one line.",
        "evergreen/touches/channels/smtp/adapter.py",
        r'return _FOLDED.sub(rb"\1 ", made.message().as_bytes(), count=1)',
        "return made.message().as_bytes()",
        ("tests/touches/test_refusals.py::test_both_headers_stand_on_the_wire_each_on_one_line",),
    ),
    Control(
        "a_look_refuses",
        "Opening a link changes nothing.",
        "evergreen/web/pages/refusals.py",
        '    if request.method == "POST":',
        '    if request.method in {"POST", "GET"}:',
        ("tests/touches/test_refusals.py::test_a_scanner_that_follows_every_link_changes_nothing",),
    ),
    Control(
        "withdrawn_is_claimed",
        "What was withdrawn while a claim looked at it is not claimed.",
        "evergreen/touches/actions/claiming.py",
        "filter(pk=message.pk, state=State.PLANNED, fence=message.fence)",
        "filter(pk=message.pk)",
        (f"{_SENDING}::test_what_is_withdrawn_while_a_claim_looks_at_it_stays_withdrawn",),
    ),
    Control(
        "in_app_for_anybody",
        "Nobody reads in the product what is for another.",
        "evergreen/touches/in_app/rules.py",
        "    return hmac.compare_digest(signature_of(secret, user, account).encode(), signature.lower().encode())",
        "    return bool(signature)",
        (f"{_IN_APP}::test_nobody_reads_what_is_for_another",),
    ),
    Control(
        "in_app_refusal_later",
        "A refusal takes what waits in the product already.",
        "evergreen/touches/in_app/boxes.py",
        "        if not touch_rules.refusal(",
        "        if True or not touch_rules.refusal(",
        (f"{_IN_APP}::test_a_refusal_holds_at_once_for_what_was_sent_already",),
    ),
    Control(
        "group_without_caps",
        "Caps and the one mass send a day hold for groups too.",
        "evergreen/touches/actions/claiming.py",
        "is_staff=person is None and message.group_id is None,",
        "is_staff=person is None,",
        (f"{_GROUPS}::test_a_broadcast_waits_for_the_groups_owner_and_is_a_task_where_nothing_may_send",),
    ),
    Control(
        "who_left_the_group_stays",
        "Who left a group has left.",
        "evergreen/touches/groups/reading.py",
        "left = [row.pk for key, row in stored.items() if key not in listed]",
        "left = [row.pk for key, row in stored.items() if key in listed and not listed]",
        (f"{_GROUPS}::test_groups_and_who_is_in_them_are_read_with_what_changed_since",),
    ),
    Control(
        "everybody_gets_the_notice",
        "A notice goes to the people who use what it touches.",
        "evergreen/touches/notices/reaching.py",
        "        if end_user in accounts[account]:",
        "        if end_user:",
        (f"{_NOTICES}::test_the_same_user_id_at_another_account_is_another_person",),
    ),
    Control(
        "posts_of_anybody_are_believed",
        "Only what WeCom signed for this company is heard.",
        "evergreen/touches/channels/wecom/callbacks.py",
        "    if not token or not sealed or not hmac.compare_digest(right.encode(), given):",
        "    if not token or not sealed or not given or not right:",
        (f"{_TIES}::test_what_wecom_did_not_sign_for_us_changes_nothing",),
    ),
    Control(
        "removed_tie_lives_again",
        "A tie that a customer ended has ended, also while WeCom lists it.",
        "evergreen/touches/ties/keeping.py",
        "        if kept is None and name in over and one.added_at <= over[name]:",
        "        if kept is None and name in over and one.added_at < one.added_at:",
        (f"{_TIES}::test_a_customer_who_removes_one_of_us_is_told_once_with_who_did_it",),
    ),
    Control(
        "empty_list_ends_all_ties",
        "A list that comes back empty ends nothing.",
        "evergreen/touches/ties/keeping.py",
        "if name not in told] if told else []",
        "if name not in told]",
        (
            f"{_TIES}::test_a_tie_that_is_no_longer_listed_ended_nobody_knows_how_and_an_empty_list_is_not_believed",
        ),
    ),
)
