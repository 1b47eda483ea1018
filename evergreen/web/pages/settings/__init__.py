"""Settings. Only those who may configure find them; others get their own profile."""

from django.urls import URLPattern

from evergreen.web.pages.settings import calendar, catalogue, kpis, people, records, sources, vendor

urls: list[URLPattern] = [
    *vendor.urls,
    *people.urls,
    *sources.urls,
    *catalogue.urls,
    *kpis.urls,
    *calendar.urls,
    *records.urls,
]
