from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.launch.installation import Installation, made


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An initialised installation for the tests of a module, its server ended afterwards."""
    found = made(tmp_path_factory.mktemp("home"))
    yield found
    found.kill()
