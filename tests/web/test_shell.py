"""The frame: who gets in, which language and theme, how fresh the data is, search, words about what was done."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from evergreen.base.models import Progress
from evergreen.web import formats, shell, translations

STATIC = Path(__file__).resolve().parents[2] / "evergreen" / "web" / "static" / "web"
TEMPLATES = STATIC.parents[1] / "templates"


def test_every_page_asks_for_a_sign_in_first(client: Client, db: None) -> None:
    for address in ("/accounts/", "/accounts/1/", "/search/", "/jobs/", "/as-of/"):
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/sign-in/"), address


def test_a_fragment_after_the_session_ended_leads_the_whole_page_to_the_sign_in(
    client: Client, db: None
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/accounts/?stage=trial"}
    answer = client.get("/accounts/filters/", headers=headers)
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in/?next=/accounts/%3Fstage%3Dtrial"


def test_what_a_signed_in_person_sees_is_kept_in_no_cache(cast: SimpleNamespace, as_person: Any) -> None:
    assert as_person(cast.owner).get("/accounts/")["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("language", "word"), [("en", "Accounts"), ("zh-hans", "客户")])
def test_the_frame_speaks_the_persons_language(
    cast: SimpleNamespace, as_person: Any, language: str, word: str
) -> None:
    cast.owner.language = language
    cast.owner.save()
    answer = as_person(cast.owner).get("/accounts/")
    assert f"<h1>{word}</h1>" in answer.content.decode()
    assert answer["Content-Language"] == language


def test_a_person_without_a_choice_reads_the_vendors_language(cast: SimpleNamespace, as_person: Any) -> None:
    cast.boss.language = ""
    cast.boss.save()
    assert as_person(cast.boss).get("/accounts/")["Content-Language"] == "zh-hans"


def test_language_and_theme_are_kept_and_lead_back_to_the_same_page(
    cast: SimpleNamespace, as_person: Any
) -> None:
    client = as_person(cast.owner)
    answer = client.post("/preferences/", {"language": "zh-hans", "next": "/accounts/?stage=trial"})
    assert answer["Location"] == "/accounts/?stage=trial"
    client.post("/preferences/", {"theme": "dark"})
    cast.owner.refresh_from_db()
    assert (cast.owner.language, cast.owner.theme) == ("zh-hans", "dark")
    assert 'data-theme="dark"' in client.get("/accounts/").content.decode()


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "https:evil", r"\\evil"])
def test_preferences_never_lead_to_another_site(
    cast: SimpleNamespace, as_person: Any, elsewhere: str
) -> None:
    answer = as_person(cast.owner).post("/preferences/", {"theme": "dark", "next": elsewhere})
    assert answer["Location"] == "/"


def test_an_unknown_language_or_theme_changes_nothing(cast: SimpleNamespace, as_person: Any) -> None:
    as_person(cast.owner).post("/preferences/", {"language": "xx", "theme": "pink"})
    cast.owner.refresh_from_db()
    assert (cast.owner.language, cast.owner.theme) == ("en", "auto")


@pytest.mark.postgres
def test_the_rail_counts_what_the_person_may_see(
    cast: SimpleNamespace, as_person: Any, today: dt.date
) -> None:
    assert shell.counts_for(cast.owner, today)["accounts"] == 3
    assert shell.counts_for(cast.outsider, today)["accounts"] == 0


def test_a_change_makes_the_rails_counts_fresh_at_once(
    cast: SimpleNamespace, as_person: Any, today: dt.date
) -> None:
    client = as_person(cast.owner)
    client.get("/accounts/")
    client.post(
        f"/accounts/{cast.well.pk}/tasks/", {"title": "Call", "assignee": cast.owner.pk, "priority": 3}
    )
    assert shell.counts_for(cast.owner, today)["tasks"] == 1


def test_the_frame_says_how_fresh_the_data_is_and_when_it_is_stale(now: dt.datetime, db: None) -> None:
    vendor = {"timezone": "Asia/Shanghai"}
    assert shell.as_of(vendor, now).night is None
    Progress.objects.create(
        step="playbooks", day=dt.date(2026, 11, 19), state=Progress.State.DONE, started_at=now
    )
    assert shell.as_of(vendor, now).night == dt.date(2026, 11, 19)
    assert not shell.as_of(vendor, now).is_stale
    # The day ended at midnight in Shanghai, 16:00 UTC; 36 hours later it is stale.
    assert not shell.as_of(vendor, dt.datetime(2026, 11, 21, 4, 0, tzinfo=dt.UTC)).is_stale
    assert shell.as_of(vendor, dt.datetime(2026, 11, 21, 4, 1, tzinfo=dt.UTC)).is_stale


def test_a_night_that_is_still_running_is_not_yet_the_newest(now: dt.datetime, db: None) -> None:
    for day, state in ((18, "done"), (19, "started")):
        Progress.objects.create(step="score", day=dt.date(2026, 11, day), state=state, started_at=now)
    assert shell.newest_night() == dt.date(2026, 11, 18)


@pytest.mark.postgres
def test_search_finds_accounts_contacts_tickets_tasks_and_notes(
    cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    from evergreen.customers import actions as customers
    from evergreen.desk.actions import open_ticket
    from evergreen.work import actions as work

    customers.add_contact(cast.well, name="Lantern Wu", by=cast.owner, now=now)
    customers.add_note(cast.well, "They keep a lantern at the door.", by=cast.owner, now=now)
    open_ticket(cast.well, subject="Lantern is dark", external_id="T-9", by=None, now=now)
    work.add_task(account=cast.well, title="Bring a lantern", assignee=cast.owner, by=cast.owner, now=now)
    page = as_person(cast.owner).get("/search/?q=lantern").content.decode()
    for text in ("Lantern Wu", "They keep a lantern", "Lantern is dark", "Bring a lantern"):
        assert text in page
    assert "恒岳机械" in as_person(cast.owner).get("/search/suggestions/?q=恒岳").content.decode()


def test_search_shows_nothing_of_accounts_that_are_not_the_persons(
    cast: SimpleNamespace, as_person: Any, now: dt.datetime
) -> None:
    from evergreen.customers import actions as customers

    customers.add_note(cast.well, "canary-7731", by=cast.owner, now=now)
    for address in ("/search/?q={}", "/search/suggestions/?q={}"):
        for text in ("canary", "恒岳", "A-well"):
            page = as_person(cast.outsider).get(address.format(text)).content.decode()
            assert "canary-7731" not in page
            assert "恒岳机械" not in page


def test_words_about_what_was_done_reach_a_fragment_in_a_header(
    cast: SimpleNamespace, as_person: Any
) -> None:
    answer = as_person(cast.owner).post(
        f"/accounts/{cast.well.pk}/fields/stage/", {"value": "nonsense"}, headers={"HX-Request": "true"}
    )
    assert "nonsense" in answer["HX-Trigger"]
    assert '"tone": "error"' in answer["HX-Trigger"]


# ---- words and figures ----


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (28_600_000, "¥ 28.6 万", "¥286k"),
        (3_186_000_000, "¥ 3,186 万", "¥31.9M"),
        (15_000_000_000, "¥ 1.5 亿", "¥150M"),
        (0, "¥ 0", "¥0"),
        (-1_200_000, "¥ -1.2 万", "¥-12k"),
    ],
)
def test_money_is_short_in_the_readers_words(value: int, zh: str, en: str) -> None:
    from django.utils import translation

    with translation.override("zh-hans"):
        assert formats.money_short(value, "CNY") == zh
    with translation.override("en"):
        assert formats.money_short(value, "CNY") == en


def test_lengths_and_ages_have_right_plurals_in_both_languages(now: dt.datetime) -> None:
    from django.utils import translation

    with translation.override("en"):
        assert [formats.days(n) for n in (0, 1, 2, 1234)] == ["0 days", "1 day", "2 days", "1,234 days"]
        assert formats.age(now - dt.timedelta(seconds=1), now) == "1 second ago"
        assert formats.age(now - dt.timedelta(hours=5), now) == "5 hours ago"
        assert formats.days_until(dt.date(2026, 11, 21), dt.date(2026, 11, 20)) == "in 1 day"
        assert formats.tenure(dt.date(2024, 7, 20), dt.date(2026, 11, 20)) == "2 yr 4 mo"
    with translation.override("zh-hans"):
        assert formats.days(1) == "1 天"
        assert formats.age(now - dt.timedelta(minutes=3), now) == "3 分钟前"
        assert formats.days_until(dt.date(2026, 11, 17), dt.date(2026, 11, 20)) == "3 天前"
        assert formats.tenure(dt.date(2024, 7, 20), dt.date(2026, 11, 20)) == "2 年 4 个月"


def test_changes_carry_their_sign_and_nothing_is_minus_zero() -> None:
    assert [formats.signed(value, 1) for value in (1.14, -14, 0.04, -0.04, None)] == [
        "+1.1", "−14", "0", "0", "—",
    ]  # fmt: skip


# ---- translations ----


def test_no_text_on_screen_lacks_its_chinese_or_has_other_placeholders() -> None:
    assert translations.faults() == []


def test_the_tool_finds_texts_of_templates_and_python_with_context_and_plural() -> None:
    source = (
        '{% load i18n %}{% translate "One" %}{% blocktranslate count n=n %}{{ n }} cat{% plural %}'
        '{{ n }} cats{% endblocktranslate %}{% include "x" with y=_("Two") %}{% translate "Open" context "door" %}'
    )
    found = {m.key: m.plural for m in translations.template_messages(source)}
    assert found == {"One": "", "%(n)s cat": "%(n)s cats", "Two": "", "door\x04Open": ""}
    python = 'a = _("Three"); b = ngettext("%(n)s dog", "%(n)s dogs", n); c = pgettext_lazy("wall", "Paint")'
    found = {m.key: m.plural for m in translations.python_messages(python)}
    assert found == {"Three": "", "%(n)s dog": "%(n)s dogs", "wall\x04Paint": ""}


# ---- laws of the templates and styles ----


def test_templates_hold_no_inline_style_and_no_inline_script() -> None:
    wrong = []
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text("utf-8")
        if re.search(r"\sstyle=|\son[a-z]+=|<script(?![^>]*(src=|application/json))|hx-on|javascript:", text):
            wrong.append(path.name)
    assert wrong == []


def test_text_colours_hold_four_and_a_half_to_one_on_their_grounds_in_light_and_dark() -> None:
    text = (STATIC / "tokens.css").read_text("utf-8")
    light, dark = text.split('[data-theme="dark"]')[0], text.split('[data-theme="dark"]')[1]
    for sheet in (light, dark):
        tokens = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})", sheet))
        pairs = [(ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in ("bg", "surface", "sunken")]
        pairs += [("brand", "brand-soft"), ("brand", "surface"), ("brand-ink", "brand")]
        for tone in ("good", "warn", "bad", "info"):
            pairs += [(tone, f"{tone}-soft"), (tone, "surface"), (tone, "bg")]
        for ink, ground in pairs:
            assert _contrast(tokens[ink], tokens[ground]) >= 4.5, (ink, ground)


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(char * 2 for char in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_no_page_uses_an_address_that_belongs_to_the_tracking_api() -> None:
    taken = ("v1/", "i/", "batch/", "capture/", "flags/", "track", "engage", "groups", "import/")

    def addresses(patterns: list[URLPattern | URLResolver], start: str = "") -> list[str]:
        found = []
        for pattern in patterns:
            route = start + str(pattern.pattern)
            found += addresses(pattern.url_patterns, route) if isinstance(pattern, URLResolver) else [route]
        return found

    wrong = [route for route in addresses(get_resolver().url_patterns) if route.startswith(taken)]
    assert wrong == []
