"""Columns of what senders wrote: texts, ids, times, properties. Looked at all at once where nothing is unusual. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evergreen.events.ingest import times
from evergreen.events.ingest.shapes import MESSAGE_ID_LENGTH

Mask = NDArray[np.bool_]

REPEATING = pa.dictionary(pa.int32(), pa.string())
# Stands where a time cannot be read.
UNREAD = np.iinfo(np.int64).min
_MOMENT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)$"
)
_MESSAGE_ID = rf"^[A-Za-z0-9_.:/+=-]{{1,{MESSAGE_ID_LENGTH}}}$"
_ID_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/+=-"
_NEWLINE = ord("\n")
_SHORTEST = len('{"":0}')


def column(values: list[Any], kind: pa.DataType) -> tuple[pa.Array, Mask]:
    """Values as text (anything else: null), and which are text or None."""
    try:
        return pa.array(values, kind), np.ones(len(values), np.bool_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        text = [one if one.__class__ is str and _is_unicode(one) else None for one in values]
        good = [one is None or kept is not None for one, kept in zip(values, text, strict=True)]
        return pa.array(text, kind), np.array(good, np.bool_)


def repeating(values: list[Any]) -> tuple[pa.DictionaryArray, Mask]:
    """The same as a dictionary."""
    texts, good = column(values, pa.string())
    return texts.dictionary_encode(), good


def ids(values: list[Any]) -> tuple[pa.DictionaryArray, Mask]:
    """Ids as text: whole numbers are ids too."""
    found, good = repeating(values)
    if good.all():
        return found, good
    return repeating([str(one) if one.__class__ is int else one for one in values])


def is_clean(text: str, most: int) -> bool:
    """Whether a text may stand as it is: not empty or too long, nothing to strip, no NUL."""
    return 0 < len(text) <= most and text == text.strip() and "\0" not in text


def each(texts: pa.DictionaryArray, holds: Callable[[str], bool], *, missing: bool) -> Mask:
    """Whether something holds of each text; asked once for each different one. Null: ``missing``."""
    answers = np.array([holds(text) for text in texts.dictionary.to_pylist()] or [missing], np.bool_)
    if not texts.null_count:
        if answers.all():
            return np.ones(len(texts), np.bool_)
        return np.asarray(answers[texts.indices.to_numpy(zero_copy_only=False)], np.bool_)
    found = answers[texts.indices.fill_null(0).to_numpy(zero_copy_only=False)]
    return np.where(is_there(texts), found, missing)


def is_there(texts: pa.Array) -> Mask:
    """Which are not null."""
    return np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def are_message_ids(texts: pa.StringArray) -> Mask:
    """Which are message ids as clients make them: of few signs, so that there is nothing to strip and a sign is a byte."""
    sizes, signs = _bytes(texts)
    # All signs at once take a sixth of the time of text after text.
    if texts.null_count or signs.tobytes().translate(None, _ID_SIGNS):
        return _matches(texts, _MESSAGE_ID)
    return (sizes > 0) & (sizes <= MESSAGE_ID_LENGTH)


def are_moments(texts: pa.StringArray) -> Mask:
    """Which are times of the one form that all readers read alike (``moments`` looks at days and hours)."""
    sizes, signs = _bytes(texts)
    width = int(sizes[0]) if len(sizes) else 0
    if not texts.null_count and (sizes == width).all() and (form := _form(signs[:width].tobytes())):
        # One sender writes all alike: then every sign is of the kind that stands at its place in the form.
        lowest, above = form
        if (signs.reshape(-1, width) - lowest <= above).all():
            return np.ones(len(sizes), np.bool_)
    return _matches(texts, _MOMENT)


def moments(texts: pa.StringArray, fits: Mask) -> NDArray[np.int64]:
    """ISO times as microseconds since 1970 UTC, UNREAD where they are none or do not ``fit``."""
    candidates = texts if fits.all() else pc.if_else(pa.array(fits), texts, None)
    try:
        found = candidates.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:  # such as the 30th of February
        found = pa.array([times.moment(one) if one else None for one in candidates.to_pylist()], pa.int64())
    return np.asarray(found.fill_null(UNREAD).to_numpy(zero_copy_only=False), np.int64)


def objects(lines: bytes) -> pa.Array:
    """Properties written as lines of JSON; null where there are none."""
    ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == _NEWLINE)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))  # no JSON has a newline in it, so all of them go
    is_empty = np.diff(offsets) < _SHORTEST
    told = lines.replace(b"\n", b"")
    text = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(told))
    return pc.if_else(pa.array(is_empty), pa.scalar(None, pa.string()), text) if is_empty.any() else text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _matches(texts: pa.StringArray, pattern: str) -> Mask:
    found = pc.match_substring_regex(texts, pattern).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _bytes(texts: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """(how many bytes each text has, all their bytes)."""
    _, ends, signs = texts.buffers()
    if not len(texts):
        return np.zeros(0, np.int32), np.zeros(0, np.uint8)
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.diff(offsets), np.frombuffer(signs or b"", np.uint8)[offsets[0] : offsets[-1]]


# A time of _MOMENT's form, with "9" for a digit.
_SECONDS, _FRACTION = b"9999-99-99T99:99:99", b".999999"
_FRACTIONS = (0, *range(2, len(_FRACTION) + 1))


def _form(example: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """What times as long as an example, and of its zone, have at each place: (the lowest sign, how many are above it)."""
    zone = b"Z" if example.endswith(b"Z") else b"+00:00"
    fraction = len(example) - len(_SECONDS) - len(zone)
    if fraction not in _FRACTIONS:
        return None
    form = np.frombuffer(_SECONDS + _FRACTION[:fraction] + zone, np.uint8)
    is_digit = form == ord("9")
    return np.where(is_digit, ord("0"), form).astype(np.uint8), np.where(is_digit, 9, 0).astype(np.uint8)
