"""What stands in the journal, read: rows for the lake, in columns where that is possible. Without Django."""

from evergreen.events.unpacking.ahead import Ahead
from evergreen.events.unpacking.dialects import DIALECTS, WHOLE_REQUEST, unpack
from evergreen.events.unpacking.parts import Refused, Single, Unpacked, unpack_entries
from evergreen.events.unpacking.tables import event_table, rejected_table

__all__ = [
    "DIALECTS",
    "WHOLE_REQUEST",
    "Ahead",
    "Refused",
    "Single",
    "Unpacked",
    "event_table",
    "rejected_table",
    "unpack",
    "unpack_entries",
]
