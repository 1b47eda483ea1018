"""Addresses of the day's work and of what stands behind it."""

from django.urls import URLPattern

from evergreen.web.pages import (
    alerts,
    analytics,
    connections,
    expansion,
    health,
    imports,
    metrics,
    overrides,
    portfolio,
    recommendations,
    segments,
    settings,
    signin,
    tasks,
    today,
    twin,
    twin_groups,
    unmatched,
    work,
)

urls: list[URLPattern] = [
    *today.urls,
    *alerts.urls,
    *tasks.urls,
    *work.urls,
    *health.urls,
    *overrides.urls,
    *metrics.urls,
    *portfolio.urls,
    *recommendations.urls,
    *segments.urls,
    *analytics.urls,
    *expansion.urls,
    *twin.urls,
    *twin_groups.urls,
    *imports.urls,
    *connections.urls,
    *settings.urls,
    *unmatched.urls,
    *signin.urls,
]
