"""What our middleware adds to a request, and who is asking."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from evergreen.base.models import User


class SignedOutRequest(HttpRequest):
    """A request of somebody who may not have signed in."""

    htmx: HtmxDetails
    vendor: dict[str, Any]
    now: dt.datetime


class StaffRequest(HttpRequest):
    """A request of a signed-in member of staff."""

    user: User
    htmx: HtmxDetails
    vendor: dict[str, Any]
    """Every setting of the installation (``base.queries.all_settings``), read once a request."""
    now: dt.datetime
    """The instant at which the request came: views hand it to actions as ``now=``."""
    today: dt.date
    """The vendor's calendar day at that instant."""
