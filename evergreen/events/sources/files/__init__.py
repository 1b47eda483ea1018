"""Tables in files: CSV, XLSX, JSON Lines, Parquet. Read in a stream; a row that cannot be read says why and
stands alone.
"""

from evergreen.events.sources.files.opening import open_table
from evergreen.events.sources.files.tables import (
    REJECT_COLUMNS,
    FileError,
    FileOptions,
    LoadError,
    Problem,
    Reader,
    Row,
    Shape,
)

__all__ = [
    "REJECT_COLUMNS",
    "FileError",
    "FileOptions",
    "LoadError",
    "Problem",
    "Reader",
    "Row",
    "Shape",
    "open_table",
]
