"""Loaded before Django's settings: every test process gets an installation of its own in a temporary folder."""

import atexit
import os
import shutil
import tempfile

from tests import once

once.folder()
_root = tempfile.mkdtemp(prefix="evergreen-tests-")
os.environ["EVERGREEN_HOME"] = _root
os.environ.setdefault("EVERGREEN_SECRET_KEY", "tests-only-" + "0" * 40)
os.environ.setdefault("EVERGREEN_THREADS", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Every command that a test starts would compile the sources again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
atexit.register(shutil.rmtree, _root, ignore_errors=True)
