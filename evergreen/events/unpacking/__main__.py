"""A process that unpacks for another one: its argument is the number of the socket to it (``Ahead``)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from multiprocessing.connection import Connection

from evergreen.events.unpacking.ahead import serve

# It ends with its parent, which decides on these.
signal.signal(signal.SIGINT, signal.SIG_IGN)
# Catching up can wait, who waits for an answer cannot.
os.nice(19)
with contextlib.suppress(OSError):
    serve(Connection(int(sys.argv[1])))
