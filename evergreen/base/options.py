"""Every setting of an installation with its default, so that no limit is hidden (see docs/settings.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from evergreen.base.option import Option


def check_together(values: Mapping[str, Any]) -> None:
    """Refuse settings that contradict each other; a ValueError says which."""
    if values["workday_starts"] >= values["workday_ends"]:
        raise ValueError(
            f"A working day cannot start at {values['workday_starts']} and end at {values['workday_ends']}: "
            "workday_starts must be before workday_ends."
        )


OPTIONS: dict[str, Option] = {
    option.key: option
    for option in (
        Option("vendor_name", "", _("Vendor name"), _("Your company, as it stands on pages and reports.")),
        Option(
            "timezone",
            "Asia/Shanghai",
            _("Time zone"),
            _("A day begins and ends here; fixed once events exist."),
        ),
        Option(
            "currency", "CNY", _("Currency"), _("Portfolio figures are converted to it by the rate table.")
        ),
        Option(
            "language", "zh-hans", _("Language"), _("For people who chose none."), choices=("zh-hans", "en")
        ),
        Option(
            "calendar",
            "CN",
            _("Working calendar"),
            _("Statutory holidays and make-up days."),
            choices=("CN", "weekends"),
        ),
        Option("workday_starts", "09:00", _("Working day starts"), _("Service times count from here on.")),
        Option("workday_ends", "18:00", _("Working day ends"), _("Service times count up to here.")),
        Option(
            "sla_response_hours",
            "1, 4, 8, 16",
            _("First answer within"),
            _("Tickets that are urgent, high, medium, low; working hours."),
            unit=_("hours"),
            least=1,
            most=1000,
            numbers=4,
        ),
        Option(
            "sla_resolution_hours",
            "8, 24, 48, 96",
            _("Solved within"),
            _("Tickets that are urgent, high, medium, low; working hours."),
            unit=_("hours"),
            least=1,
            most=10_000,
            numbers=4,
        ),
        Option(
            "cadence_days",
            "30, 60, 120",
            _("A conversation at least every"),
            _("Accounts that are strategic, growth, basic or without a tier."),
            unit=_("days"),
            least=1,
            most=1000,
            numbers=3,
        ),
        Option(
            "playbook_rate",
            30_000,
            _("Playbook runs a tick"),
            _("After a standstill, what is due follows at this rate, the oldest first."),
            least=200,
            most=1_000_000,
        ),
        Option(
            "alerts_a_day",
            15,
            _("New alerts an owner gets a day"),
            _(
                "The rest waits in the digest, those of strategic accounts and reds of the largest tenth never. 0: no limit."
            ),
            unit=_("alerts"),
            least=0,
            most=1000,
        ),
        Option(
            "order_response_hours",
            "4, 9, 18",
            _("Work orders are taken up within"),
            _("By their severity: high, medium, low; working hours."),
            unit=_("hours"),
            least=1,
            most=1000,
            numbers=3,
        ),
        Option(
            "order_resolution_hours",
            "45, 90, 180",
            _("Work orders are resolved within"),
            _("By their severity: high, medium, low; working hours."),
            unit=_("hours"),
            least=1,
            most=10_000,
            numbers=3,
        ),
        Option(
            "order_escalation",
            "manager",
            _("Late work orders go to"),
            _("A manager of the team sees them on Today, once; off: they only show as late."),
            choices=("manager", "off"),
        ),
        Option(
            "public_url",
            "",
            _("Public address"),
            _(
                "Under which people outside reach this installation; links in messages begin with it, such as https://cs.example.com."
            ),
        ),
        Option(
            "touches_a_day",
            2,
            _("Messages a contact gets a day"),
            _(
                "By all channels and playbooks together, in the contact's own day; service messages do not count. 0: no limit."
            ),
            unit=_("messages"),
            least=0,
            most=1000,
        ),
        Option(
            "touches_a_week",
            4,
            _("Messages a contact gets in 7 days"),
            _("Within any 7 days; service messages do not count. 0: no limit."),
            unit=_("messages"),
            least=0,
            most=1000,
        ),
        Option(
            "touches_a_playbook_week",
            3,
            _("Messages of one playbook in 7 days"),
            _("That a contact gets of one playbook. 0: no limit."),
            unit=_("messages"),
            least=0,
            most=1000,
        ),
        Option(
            "quiet_from",
            "21:00",
            _("Quiet hours begin"),
            _("In the contact's time zone; service messages go at any hour. Empty: no quiet hours."),
        ),
        Option("quiet_to", "08:00", _("Quiet hours end"), _("In the contact's time zone.")),
        Option(
            "touches_on_working_days",
            True,
            _("Messages on working days only"),
            _("By the vendor's calendar; service messages go on any day."),
        ),
        Option(
            "marketing_needs_consent",
            True,
            _("Marketing needs a consent"),
            _("Without one in the ledger no message about marketing is sent. SMS always needs one."),
        ),
        Option(
            "message_late_hours",
            24,
            _("A message is sent at most so late"),
            _("Later than this it is held back, with the reason."),
            unit=_("hours"),
            least=1,
            most=720,
        ),
        Option(
            "copy_days",
            30,
            _("One copy an address within"),
            _(
                "Somebody who is a contact of several accounts gets the message of a step once in so many days."
            ),
            unit=_("days"),
            least=1,
            most=365,
        ),
        Option(
            "staff_channel",
            "",
            _("Colleagues are told by"),
            _(
                "What needs somebody is told by this channel, in working hours: new things at once, each morning what stands on Today. Everybody may choose otherwise on their profile. Empty: nobody is told."
            ),
        ),
        Option(
            "survey_every_days",
            90,
            _("One survey a contact within"),
            _(
                "Whoever was asked by any survey is not asked by another within so many days; it is written down, not made up for. 0: no limit."
            ),
            unit=_("days"),
            least=0,
            most=1095,
        ),
        Option(
            "task_minutes",
            20,
            _("A finished task costs"),
            _("Minutes of work, for what playbooks cost in the service review."),
            unit=_("minutes"),
            least=1,
            most=480,
        ),
        Option(
            "reserved_percent",
            20,
            _("Of a channel's day kept for urgent messages"),
            _("What is not urgent stops when only this share is left."),
            unit="%",
            least=0,
            most=90,
        ),
        Option(
            "night_hour",
            2,
            _("Nightly run at"),
            _("Hour of the vendor's day."),
            unit=_("o'clock"),
            least=0,
            most=23,
        ),
        Option(
            "account_property",
            "account_id",
            _("Account property"),
            _("Event property that names the account when no groupId is sent."),
        ),
        Option(
            "account_by_email",
            False,
            _("Account by e-mail domain"),
            _("End users of whom no account was told belong to the account that declares their mail domain."),
        ),
        Option(
            "scorecard", "standard", _("Default scorecard"), _("For accounts that have none of their own.")
        ),
        Option(
            "job_stale_seconds", 120, _("Job taken up again after"), unit=_("seconds"), least=30, most=3600
        ),
        Option(
            "job_attempts", 3, _("A job that loses its worker is tried"), unit=_("times"), least=1, most=20
        ),
        Option(
            "sign_in_tries", 10, _("Sign-in tries an e-mail"), _("More wrong ones wait."), least=3, most=1000
        ),
        Option(
            "sign_in_tries_address",
            100,
            _("Sign-in tries an address"),
            _("A company's people often share one address."),
            least=10,
            most=100_000,
        ),
        Option(
            "sign_in_minutes",
            15,
            _("Tries are counted over"),
            unit=_("minutes"),
            least=1,
            most=1440,
        ),
        Option("attachment_mb", 25, _("Largest attachment of a note"), unit=_("MB"), least=1, most=1024),
        Option("attachments_a_note", 10, _("Attachments a note"), unit=_("files"), least=1, most=100),
        Option("import_mb", 2_048, _("Largest file to import"), unit=_("MB"), least=1, most=1_048_576),
        Option(
            "import_keep_days",
            30,
            _("Files to import are kept"),
            _("Then they are deleted; what was loaded stays."),
            unit=_("days"),
            least=1,
            most=3650,
        ),
        Option(
            "event_keep_days",
            0,
            _("Single events are kept"),
            _("0 keeps them for ever. Daily figures stay."),
            unit=_("days"),
            least=0,
            most=36_500,
        ),
        Option("api_rows", 1_000, _("Rows a request of the API"), unit=_("rows"), least=1, most=5_000),
        Option(
            "api_requests_minute",
            600,
            _("Requests a minute and API key"),
            _("More are told to wait."),
            unit=_("requests"),
            least=1,
            most=100_000,
        ),
        Option(
            "api_repeat_days",
            7,
            _("Answers of the API are kept"),
            _("A request repeated under the same Idempotency-Key gets its first answer."),
            unit=_("days"),
            least=1,
            most=90,
        ),
        Option(
            "renewal_grace_days",
            60,
            _("Late signing is waited for"),
            _("A lapsed contract is overdue for renewal for so long, neither renewed nor lost. 0 is strict."),
            unit=_("days"),
            least=0,
            most=365,
        ),
        Option(
            "recommendation_holdout_percent",
            10,
            _("Held back from recommendations"),
            _(
                "Of so many accounts none is shown, so that what recommendations bring can be measured. 0 measures nothing."
            ),
            unit="%",
            least=0,
            most=50,
        ),
        Option("page_rows", 50, _("Rows a page"), unit=_("rows"), least=10, most=500),
        Option(
            "direct_export_rows",
            20_000,
            _("Rows exported at once"),
            _("Longer exports are made by the worker."),
            unit=_("rows"),
            least=100,
            most=200_000,
        ),
        Option(
            "direct_change_rows",
            5_000,
            _("Rows changed at once"),
            _("Larger changes are made by the worker."),
            unit=_("rows"),
            least=50,
            most=50_000,
        ),
    )
}
