"""Lines of a text file, decoded in a stream. However long a line is, only its beginning is held."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from evergreen.events.sources.files import encodings

LONGEST_LINE = 1 << 20
_BLOCK = 1 << 18


class Overlong(str):
    """The beginning of a line that is longer than ``LONGEST_LINE`` characters; the rest was passed over."""

    __slots__ = ()


class Lines:
    """The lines of a file without their ends (\\n, \\r\\n or \\r)."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._file = path.open("rb")
        self.size = path.stat().st_size
        self.read = 0
        self._decoder = io.IncrementalNewlineDecoder(encodings.decoder(encoding), translate=True)

    def __iter__(self) -> Iterator[str]:
        rest = ""
        is_first = True
        head: str | None = None  # of an overlong line that has not ended yet
        while True:
            block = self._file.read(_BLOCK)
            self.read += len(block)
            text = self._decoder.decode(block, final=not block)
            if is_first and text:
                text, is_first = text.removeprefix("\ufeff"), False
            if head is not None:
                _passed, newline, text = text.partition("\n")
                if newline:
                    yield Overlong(head)
                    head = None
                elif block:
                    continue
                else:
                    text = ""
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                yield line if len(line) <= LONGEST_LINE else Overlong(line[:200])
            if len(rest) > LONGEST_LINE:
                head, rest = rest[:200], ""
            if not block:
                break
        if head is not None:
            yield Overlong(head)
        elif rest:
            yield rest

    def close(self) -> None:
        self._file.close()
