"""A file opened by what it holds, whatever its name says."""

from __future__ import annotations

import zipfile
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evergreen.events.sources.files import encodings
from evergreen.events.sources.files.tables import FileError, FileOptions, Reader

_STRANGERS = (
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", gettext_noop("old Excel (.xls) or encrypted workbook")),
    (b"\x1f\x8b", gettext_noop("gzip archive")),
    (b"BZh", gettext_noop("bzip2 archive")),
    (b"7z\xbc\xaf\x27\x1c", gettext_noop("7-Zip archive")),
    (b"Rar!", gettext_noop("RAR archive")),
    (b"\x28\xb5\x2f\xfd", gettext_noop("Zstandard archive")),
    (b"\xfd7zXZ", gettext_noop("xz archive")),
    (b"SQLite format 3", gettext_noop("SQLite database")),
    (b"\x89PNG", gettext_noop("picture")),
    (b"\xff\xd8\xff", gettext_noop("picture")),
    (b"GIF8", gettext_noop("picture")),
    (b"{\\rtf", gettext_noop("RTF document")),
)
_IN_ZIP = (
    ("xl/workbook.bin", gettext_noop("binary workbook (.xlsb)")),
    ("word/document.xml", gettext_noop("Word document")),
    ("ppt/presentation.xml", gettext_noop("PowerPoint deck")),
    ("content.xml", gettext_noop("OpenDocument file")),
)


def open_table(path: Path, options: FileOptions | None = None) -> Reader:
    """A reader for the file. FileError says what the file is when it is no table, and what to save it as."""
    options = options or FileOptions()
    if not path.is_file():
        raise FileError(_("There is no file %(file)s. Nothing was loaded.") % {"file": path})
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        raise FileError(_("%(file)s is empty. Nothing was loaded.") % {"file": path.name})
    if start.startswith(b"PAR1"):
        from evergreen.events.sources.files.columnar import ParquetReader

        return ParquetReader(path, options)
    if start.startswith(b"PK"):
        return _open_zip(path, options)
    for mark, what in _STRANGERS:
        if start.startswith(mark):
            raise _stranger(path, what)
    return _open_text(path, options)


def _open_zip(path: Path, options: FileOptions) -> Reader:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise _stranger(path, gettext_noop("damaged ZIP archive")) from error
    if "xl/workbook.xml" not in names:
        raise _stranger(
            path, next((what for name, what in _IN_ZIP if name in names), gettext_noop("ZIP archive"))
        )
    from evergreen.events.sources.files.sheets import SheetReader

    return SheetReader(path, options)


def _open_text(path: Path, options: FileOptions) -> Reader:
    encoding = encodings.stated(options.encoding, path) if options.encoding else encodings.detect(path)[0]
    with path.open("rb") as file:
        text = encodings.decoder(encoding).decode(file.read(1 << 16)).removeprefix("\ufeff").lstrip()
    controls = sum(1 for character in text if character < " " and character not in "\t\r\n\f")
    if controls > 0.02 * len(text) or text.count(encodings.BAD) > 0.3 * len(text):
        raise _stranger(path, gettext_noop("binary file"))
    if text[:1] == "<":
        raise _stranger(path, gettext_noop("web page or XML document"))
    if text[:1] == "[" and text[1:].lstrip()[:1] in {"{", "]", ""}:
        raise _stranger(path, gettext_noop("JSON array"))
    if text[:1] == "{":
        from evergreen.events.sources.files.json_lines import JsonLinesReader

        return JsonLinesReader(path, options)
    from evergreen.events.sources.files.delimited import DelimitedReader

    return DelimitedReader(path, options)


def _stranger(path: Path, what: str) -> FileError:
    return FileError(
        _(
            "%(file)s is no table (%(found)s). Allowed: CSV or other delimited text, XLSX, JSON Lines (one "
            "object a line), Parquet. Nothing was loaded; unpack it or save it as one of these."
        )
        % {"file": path.name, "found": _(what)}
    )
