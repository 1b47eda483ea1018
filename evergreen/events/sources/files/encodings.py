"""Which encoding a text file is in: its mark (BOM), else strict trials, else a guess by how likely the text
is.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from django.utils.translation import gettext as _

from evergreen.events.sources.files.tables import FileError

SAMPLE = 1 << 20
BAD = "\ufdd0"  # stands for bytes that are none of the encoding; no text holds this noncharacter

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (b"\x84\x31\x95\x33", "gb18030"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ALLOWED = "utf-8, utf-16, utf-16-le, utf-16-be, gb18030, gbk, big5, shift_jis, windows-1252"
_NO_TEXT = {
    "base64",
    "bz2",
    "hex",
    "quopri",
    "rot13",
    "uu",
    "zlib",
    "idna",
    "punycode",
    "undefined",
    "utf-32",
}


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return BAD, error.end
    raise error


codecs.register_error("evergreen.mark", _mark_bad)


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder that puts ``BAD`` where bytes are none of the encoding."""
    return codecs.getincrementaldecoder(encoding)("evergreen.mark")


def stated(name: str, path: Path) -> str:
    """The codec of an encoding that a mapping states; the file's own mark beats it."""
    marked = _marked(path)
    try:
        codec = codecs.lookup(name.strip()).name
    except LookupError:
        codec = ""
    if not codec or codec in _NO_TEXT:
        raise FileError(
            _("Encoding %(found)s is unknown. Allowed: %(allowed)s. Nothing was loaded.")
            % {"found": repr(name), "allowed": _ALLOWED}
        )
    if marked:
        return marked
    # Without a mark, UTF-16 of Windows is little-endian; GB2312 and GBK are parts of GB18030.
    return {"utf-16": "utf-16-le", "utf-8-sig": "utf-8", "gb2312": "gb18030", "gbk": "gb18030"}.get(
        codec, codec
    )


def detect(path: Path) -> tuple[str, str]:
    """(codec, notice): the notice is '' where the answer is sure. Reads on to the first byte that is no
    ASCII.
    """
    if marked := _marked(path):
        return marked, ""
    sample, is_whole = _sample(path)
    if wide := _wide(sample):
        return wide, ""
    if sample.isascii() or _share_bad(sample, "utf-8", is_whole) == 0:
        return "utf-8", ""
    if _share_bad(sample, "utf-8", is_whole) < 0.02:
        return "utf-8", ""
    if _share_bad(sample, "gb18030", is_whole) < 0.02 and _is_common_chinese(sample):
        return "gb18030", ""
    found = _likely(sample)
    return found, _(
        "The encoding is not certain; %(found)s was taken. State format.encoding in the mapping if text "
        "looks wrong."
    ) % {"found": found}


def _marked(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS if start.startswith(mark)), "")


def _sample(path: Path) -> tuple[bytes, bool]:
    """A piece with bytes beyond ASCII where there are any, from the start of a line on; whether it reaches
    the end.
    """
    with path.open("rb") as file:
        piece = file.read(SAMPLE)
        while piece and piece.isascii() and b"\0" not in piece:
            following = file.read(SAMPLE)
            if not following:
                return piece, True
            # A line that began in the piece before may hold its first odd byte in this one.
            piece = (
                following if b"\n" not in piece[-4096:] else piece[-4096:].rpartition(b"\n")[2] + following
            )
        return piece, not file.read(1)


def _share_bad(sample: bytes, encoding: str, is_whole: bool) -> float:
    """Bad places among the characters beyond ASCII; a character cut off by the sample's end is none."""
    text = decoder(encoding).decode(sample, is_whole)
    odd = sum(1 for character in text if character > "\x7f")
    return text.count(BAD) / odd if odd else 0.0


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark: every second byte of ASCII is zero; in Chinese text the line ends and commas
    show it.
    """
    if b"\0" not in sample:
        return ""
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(name)("strict").decode(sample[: len(sample) // 2 * 2])
        except UnicodeDecodeError:
            continue
        plain = sum(text.count(mark) for mark in "\n,;\t|")
        if plain and "\0" not in text and plain * 400 >= len(text):
            return name
    return ""


def _is_common_chinese(sample: bytes) -> bool:
    """Whether the sample, read as GB18030, holds mostly the characters of everyday Chinese (GB2312).

    Latin letters with accents, misread so, become rare characters.
    """
    text = decoder("gb18030").decode(sample)
    odd = [character for character in text if character > "\x7f" and character != BAD][:20_000]
    common = sum(1 for character in odd if _in_gb2312(character))
    return bool(odd) and common >= 0.9 * len(odd)


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _likely(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    found = from_bytes(sample[: SAMPLE // 4])
    best = found.best()
    if best is None:
        return "utf-8"
    equal = {one.encoding for one in found if (one.chaos, one.coherence) == (best.chaos, best.coherence)}
    if "cp1252" in equal:
        return "cp1252"
    return "gb18030" if best.encoding in {"gb2312", "gbk", "gb18030"} else best.encoding
