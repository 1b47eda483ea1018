"""Pages. URLs are nouns; a change of state is a POST to a noun. Each module of ``pages`` lists its own."""

from django.urls import URLPattern, URLResolver

from evergreen.web.api import app as api
from evergreen.web.pages import (
    account,
    accounts,
    forecast,
    frame,
    identity,
    jobs,
    kpis,
    records,
    search,
    undo,
    urls_work,
)

urlpatterns: list[URLPattern | URLResolver] = [
    *frame.urls,
    *accounts.urls,
    *forecast.urls,
    *account.urls,
    *identity.urls,
    *kpis.urls,
    *jobs.urls,
    *records.urls,
    *search.urls,
    *undo.urls,
    *urls_work.urls,
    *api.urls,
]
