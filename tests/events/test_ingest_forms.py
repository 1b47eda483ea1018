"""Forms are undone as the standard library undoes them, only faster."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.events.ingest.shapes import BadRequestError
from evergreen.events.ingest.wires.asked import fields


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5, unique_by=lambda pair: pair[0]))
def test_every_form_is_read_back_as_it_was(pairs: list[tuple[str, str]]) -> None:
    assert fields(urlencode(pairs).encode()) == dict(pairs)


@given(st.text(alphabet='%2230aAfF+:"{é/ ', max_size=30))
def test_odd_escapes_are_read_as_the_library_reads_them(text: str) -> None:
    try:
        expected = dict(parse_qsl(f"data={text}", keep_blank_values=True, errors="strict"))["data"]
    except UnicodeDecodeError:
        with pytest.raises(BadRequestError):
            fields(f"data={text}".encode())
    else:
        assert fields(f"data={text}".encode()) == {"data": expected}


def test_of_equal_names_the_first_stands_and_there_may_not_be_many() -> None:
    assert fields(b"a=1&a=2&b") == {"a": "1", "b": ""}
    with pytest.raises(BadRequestError, match="more than 50 fields"):
        fields(b"&".join([b"a=1"] * 60))
    assert fields(f"data={quote_plus('阅读')}".encode()) == {"data": "阅读"}
