"""ING-12 on the real server: each limit one byte below, at and above it, in every packing, and what heads may say."""

from __future__ import annotations

import pytest

from tests.launch.installation import Installation
from tests.torture import fault_limits

pytestmark = pytest.mark.server


def test_every_limit_is_where_the_contract_says(installation: Installation) -> None:
    key = installation.new_key("limits")
    installation.serve()
    cases, wrong = fault_limits.wrong(installation.port, key)
    assert not wrong
    assert cases >= 120
