"""The history that the tests of answers share."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from tests.metrics.analytics.booked import filled


@pytest.fixture
def book(home: Any, cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """What ``booked.filled`` tells, in the lake of a home."""
    return filled(cast, now)
