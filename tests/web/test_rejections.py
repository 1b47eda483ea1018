"""Why an event was rejected is read in the reader's language, whatever the ingest says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

import evergreen.events.ingest
from evergreen.events.ingest.shapes import Rejection
from evergreen.events.journal import Record
from evergreen.events.unpacking.dialects import unpack
from evergreen.web import rejections
from tests.events import dirt

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ERRORS = {"BadEventError", "BadRequestError", "BadEncodingError"}
# The decoder's own words behind the field's name; the dirt below brings them.
_OF_THE_DECODER = {"value: valuevalue."}


def _said(node: ast.expr) -> str:
    """A text as it comes out, with a word for each value in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_said(part) if isinstance(part, ast.Constant) else "value" for part in parts)
        case ast.BoolOp() | ast.Name() | ast.Call():
            return ""
    raise AssertionError(f"A reason of another form: {ast.unparse(node)}")


def _reasons() -> Iterator[str]:
    """What every refusal in the sources of the ingest says."""
    for path in sorted(Path(evergreen.events.ingest.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ERRORS:
                yield _said(node.args[1 if node.func.id == "BadEventError" else 0])


@pytest.mark.parametrize("said", sorted({*_reasons()} - _OF_THE_DECODER))
def test_every_refusal_of_the_ingest_is_known_in_chinese(said: str) -> None:
    with translation.override("zh-hans"):
        told = rejections.reason(said)
    assert _CHINESE.search(told), told
    assert told.count("value") == said.count("value")
    with translation.override("en"):
        assert rejections.reason(said) == said


def test_what_real_dirt_is_rejected_for_is_told_in_chinese_with_its_values() -> None:
    bad = [make(f"m{at}") for at, (make, stored) in enumerate(dirt.DIRT.values()) if not stored]
    record = Record("web", "segment/batch", 1_790_000_000_000_000, dirt.batch(*bad))
    found = [one for one in unpack(record, []) if isinstance(one, Rejection)]
    assert len(found) == len(bad)
    with translation.override("zh-hans"):
        told = {one.reason: rejections.reason(one.reason) for one in found}
    assert all(_CHINESE.search(text) for text in told.values()), told
    assert (
        told["event has 501 characters; at most 500 are allowed."] == "event 有 501 个字符；最多允许 500 个。"
    )


def test_a_reason_that_is_not_known_is_shown_as_it_stands() -> None:
    with translation.override("zh-hans"):
        assert rejections.reason("Something else 100%s.") == "Something else 100%s."
