"""Filters and components of every page; docs/components.md shows each. Built in: no ``{% load %}``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import template
from django.core.paginator import Page
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy

from evergreen.base import money as coins
from evergreen.base.markdown import render
from evergreen.customers.models import Account
from evergreen.web import drawing, formats, rejections

register = template.Library()

register.filter("named", formats.named)
register.filter("number", formats.number)
register.filter("points", formats.points)
register.filter("fixed", formats.fixed)
register.filter("percent", formats.percent)
register.filter("signed", formats.signed)
register.filter("days", formats.days)
register.filter("days_until", formats.days_until)
register.filter("day", formats.day)
register.filter("moment", formats.moment)
register.filter("weekday", formats.weekday)
register.filter("age", formats.age)
register.filter("tenure", formats.tenure)
register.filter("unit", formats.with_unit)
register.filter("band_tone", formats.band_tone)
register.filter("band_word", formats.band_word)
register.filter("rejection", rejections.reason)


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> Any:
    """A value of a dict by a key that is itself a variable."""
    return mapping.get(key) if mapping else None


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown of people as safe HTML."""
    return render(text)


@register.filter
def iso(value: dt.date | dt.datetime | None) -> str:
    return value.isoformat() if value else ""


@register.filter
def mrr(arr_cents: int | None) -> int | None:
    """ARR as a month's part."""
    return None if arr_cents is None else round(arr_cents / 12)


# ---- figures ----


@register.simple_tag(takes_context=True)
def money(context: Context, cents: int | None, currency: str = "") -> SafeString:
    """Money in short with the exact amount on hover; dots where the reader's role does not see money."""
    return _money(context, cents, currency, formats.money_short)


@register.simple_tag(takes_context=True)
def whole_money(context: Context, cents: float | None, currency: str = "") -> SafeString:
    """Money in whole units of its currency, as the parts of a formula are shown."""
    return _money(context, None if cents is None else round(cents), currency, coins.whole)


@register.simple_tag(takes_context=True)
def amount(context: Context, cents: int | None, unit: formats.AmountUnit) -> SafeString:
    """Money among other amounts in their common unit, which the table names."""
    return _money(context, cents, "", lambda minor, _currency: unit.figure(minor))


def _money(
    context: Context, cents: int | None, currency: str, shown: Callable[[int, str], str]
) -> SafeString:
    request = context.get("request")
    user = getattr(request, "user", None)
    if not getattr(user, "sees_money", False):
        return format_html(
            '<span class="muted" title="{}">•••</span>', gettext("Your role does not see amounts.")
        )
    if cents is None:
        return mark_safe(f'<span class="muted">{formats.DASH}</span>')  # noqa: S308 constant
    known = currency or context.get("vendor_currency") or "CNY"
    return format_html(
        '<span class="nowrap" title="{}">{}</span>',
        coins.full(int(cents), known),
        shown(int(cents), known),
    )


_PROPERTY_TYPES = {
    "text": gettext_lazy("text"),
    "number": gettext_lazy("number"),
    "boolean": gettext_lazy("yes or no"),
    "list": gettext_lazy("list"),
    "object": gettext_lazy("object"),
    "empty": gettext_lazy("empty"),
}


@register.simple_tag
def property_type(key: str) -> str:
    """A property's type (``events.source_traffic``) in words."""
    return str(_PROPERTY_TYPES.get(key, key))


@register.simple_tag(takes_context=True)
def arr(context: Context, account: Account) -> SafeString:
    """An account's ARR in the vendor's currency, or in its own where no exchange rate is known."""
    return money(context, *formats.arr_of(account, context.get("vendor_currency") or ""))


@register.simple_tag(takes_context=True)
def why(context: Context, reason: Any) -> str:
    """A kept ``{zh, en}`` reason in the reader's language; its amounts are dots where the role sees none."""
    user = getattr(context.get("request"), "user", None)
    return formats.for_reader(formats.named(reason), getattr(user, "sees_money", False))


@register.simple_tag
def delta(value: float | None, digits: int = 0, good: str = "up") -> SafeString:
    """A change, coloured by whether it is good news: ``good`` is up, down or none."""
    if value is None:
        return SafeString("")
    rounded = round(float(value), digits)
    tone = "" if not rounded or good == "none" else ("up" if (rounded > 0) == (good == "up") else "down")
    return format_html('<span class="{}">{}</span>', tone, formats.signed(value, digits))


# ---- small marks ----


@register.simple_tag
def pill(text: Any, tone: str = "", dot: bool = False) -> SafeString:
    """A word with a state: tone is good, warn, bad, info, none or empty."""
    sign = mark_safe('<i class="dot"></i>') if dot else ""
    return format_html('<span class="pill {}">{}{}</span>', tone, sign, text)


@register.simple_tag
def band(score: float | None, name: str) -> SafeString:
    """A score in the colour and sign of its band; insufficient data in words."""
    word = formats.band_word(name)
    if score is None:
        return format_html('<span class="pill none"><i class="dot"></i>{}</span>', word)
    return format_html(
        '<span class="pill {0}" title="{1}"><i class="dot"></i>{2}<span class="sr">{1}</span></span>',
        formats.band_tone(name),
        word,
        formats.points(score),
    )


@register.simple_tag
def avatar(name: Any) -> SafeString:
    """A person's sign: the family name's character, or Latin initials."""
    text = str(name or "?").strip()
    parts = text.split()
    sign = text[:1] if not text.isascii() else "".join(part[0] for part in parts[:2]).upper()
    return format_html('<span class="avatar" aria-hidden="true">{}</span>', sign or "?")


# ---- drawings ----

register.simple_tag(drawing.ring, name="ring")
register.simple_tag(drawing.sparkline, name="sparkline")
register.simple_tag(drawing.change_bar, name="change_bar")
register.simple_tag(drawing.share_bar, name="share_bar")
register.simple_tag(drawing.interval_bar, name="interval_bar")
register.simple_tag(drawing.difference_bar, name="difference_bar")
register.simple_tag(drawing.mix, name="mix")


@register.inclusion_tag("parts/chart.html")
def chart(option: Mapping[str, Any], label: str, size: str = "", key: str = "chart") -> dict[str, Any]:
    """An ECharts option drawn in the browser in the page's colours; ``label`` says in words what it shows."""
    return {"option": option, "label": label, "size": size, "key": key}


@register.inclusion_tag("parts/lazy.html")
def lazy(url: str, size: str = "", when: str = "load") -> dict[str, Any]:
    """A place that fills itself from ``url`` after the page stands; ``size`` is chart or empty.

    ``when`` is HTMX's trigger: with "intersect once" what nobody scrolls to is never asked for.
    """
    return {"url": url, "size": size, "when": when}


# ---- surfaces ----


@register.simple_block_tag
def card(content: str, title: str = "", small: Any = "", id: str = "", extra: str = "") -> SafeString:
    """A card with its heading and, at the right, the evidence in small print."""
    head = format_html("<header><h2>{}</h2><small>{}</small></header>", title, small) if title else ""
    return format_html(
        '<section class="card{}"{}>{}{}</section>',
        f" {extra}" if extra else "",
        format_html(' id="{}"', id) if id else "",
        head,
        mark_safe(content),  # noqa: S308 rendered by the template
    )


@register.simple_block_tag
def header(content: str, title: str, small: Any = "") -> SafeString:
    """A page's heading, the line below it, and at the right its actions."""
    return format_html(
        '<header class="page-head"><div><h1>{}</h1>{}</div><div class="acts">{}</div></header>',
        title,
        format_html('<p class="muted">{}</p>', small) if small else "",
        mark_safe(content.strip()),  # noqa: S308 rendered by the template
    )


@register.simple_block_tag
def dialog(content: str, id: str, title: str) -> SafeString:
    """A native dialog, opened by any element with ``data-dialog="ID"``."""
    return format_html(
        '<dialog id="{0}" aria-labelledby="{0}-title"><header><h2 id="{0}-title">{1}</h2>'
        '<button class="btn plain small" type="button" data-close aria-label="{2}">✕</button></header>'
        "{3}</dialog>",
        id,
        title,
        gettext("Close"),
        mark_safe(content),  # noqa: S308 rendered by the template
    )


@register.simple_block_tag
def state(content: str, kind: str, title: str, text: Any = "", compact: bool = False) -> SafeString:
    """A designed state: kind is empty, error, stale, loading or forbidden; the body is the one next thing."""
    actions = content.strip()
    return format_html(
        '<div class="state {}{}"{}><p class="state-title">{}</p>{}{}</div>',
        kind,
        " compact" if compact else "",
        mark_safe(' role="alert"') if kind == "error" else "",
        title,
        format_html("<p>{}</p>", text) if text else "",
        format_html('<div class="acts">{}</div>', mark_safe(actions)) if actions else "",  # noqa: S308 rendered
    )


@register.simple_tag
def tabs(items: Iterable[tuple[str, str, bool]], label: str = "") -> SafeString:
    """Tabs as links: (address, words, is it this one)."""
    links = format_html_join(
        "",
        '<a href="{}"{}>{}</a>',
        ((url, mark_safe(' aria-current="page"') if on else "", words) for url, words, on in items),
    )
    return format_html('<nav class="tabs" aria-label="{}">{}</nav>', label or gettext("Sections"), links)


@register.inclusion_tag("parts/pages.html", takes_context=True)
def pages(context: Context, page: Page[Any], keys: bool = False) -> dict[str, Any]:
    """Which rows of how many, to the next and previous page; ``keys`` names the shortcuts."""
    return {"page": page, "request": context.get("request"), "keys": keys}


@register.inclusion_tag("parts/job.html")
def job(job: Any) -> dict[str, Any]:
    """Progress of a base.Job; asks again by itself until the job is over."""
    return {"job": job}
