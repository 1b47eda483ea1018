"""Put what ships into an installation: templates, and surveys that are off."""

from __future__ import annotations

import datetime as dt

from evergreen.touches.actions.templates import save_template
from evergreen.touches.models import Survey, Template
from evergreen.touches.shipped import surveys, templates
from evergreen.touches.surveys.declaring import save_survey


def install_shipped(*, now: dt.datetime) -> int:
    """Add the shipped templates and surveys that are not there yet; changed ones are left alone. Returns how many were added."""
    added = 0
    known = set(Template.objects.values_list("key", flat=True))
    for key, one in templates().items():
        if key not in known:
            save_template(None, key, one, by=None, now=now)
            added += 1
    known = set(Survey.objects.values_list("key", flat=True))
    for key, one in surveys().items():
        if key not in known:
            save_survey(None, key, one, by=None, now=now)
            added += 1
    return added
