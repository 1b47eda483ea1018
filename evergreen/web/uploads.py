"""Files that people bring in: written straight into the home's files folder, piece by piece, never into memory."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from pathlib import Path
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.db import transaction
from django.http import HttpRequest
from django.utils.text import get_valid_filename

from evergreen.base import env
from evergreen.base.actions import audit
from evergreen.base.models import Job, User
from evergreen.web.models import Upload

_MB = 1024 * 1024


class Stored(UploadedFile):  # type: ignore[type-arg]  # generic for the checker only
    """A file that already lies in the files folder."""

    def __init__(self, path: Path, name: str, size: int) -> None:
        super().__init__(file=None, name=name, size=size)
        self.path = path


class IntoFiles(FileUploadHandler):
    """Writes what comes into the files folder; stops as soon as it is too large."""

    def __init__(self, request: HttpRequest, most_mb: int) -> None:
        super().__init__(request)
        self.most, self.is_too_large = most_mb * _MB, False
        self._path: Path | None = None
        self._file: IO[bytes] | None = None
        self._size = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        folder = env.home().files
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._size = folder / f"upload-{uuid.uuid4().hex}", 0
        # Files hold personal data: nobody else on the machine reads them.
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._file is None:
            return
        self._size += len(raw_data)
        if self._size > self.most:
            self.is_too_large = True
            self._throw_away()
            raise StopUpload(connection_reset=True)
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> Stored | None:
        if self._file is None or self._path is None:
            return None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        return Stored(self._path, self.file_name or "file", self._size)

    def upload_interrupted(self) -> None:
        self._throw_away()

    def _throw_away(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)


@transaction.atomic
def keep(file: Stored, *, record: str, by: User, now: dt.datetime) -> Upload:
    """Take a stored file into the list of those to be loaded."""
    name = get_valid_filename(Path(file.name or "file").name)[-200:] or "file"
    upload = Upload.objects.create(
        name=name, stored_as=file.path.name, size=file.size or 0, record=record, by=by, at=now
    )
    audit("file.uploaded", "upload", [upload.pk], by=by, now=now, after={"name": name, "bytes": upload.size})
    return upload


def path_of(upload: Upload) -> Path:
    return env.home().files / Path(upload.stored_as).name


@transaction.atomic
def remove(upload: Upload, *, by: User | None, now: dt.datetime) -> None:
    """Delete a file; what was loaded from it stays."""
    audit("file.removed", "upload", [upload.pk], by=by, now=now, before={"name": upload.name})
    upload.delete()
    transaction.on_commit(lambda: path_of(upload).unlink(missing_ok=True))


def tidy(keep_days: int, *, now: dt.datetime) -> int:
    """Delete files older than so many days that no job is about to read. Returns how many."""
    busy = Job.objects.filter(kind="import", state__in=[Job.State.WAITING, Job.State.RUNNING])
    in_use = {str(params.get("file")) for params in busy.values_list("params", flat=True)}
    old = Upload.objects.filter(at__lt=now - dt.timedelta(days=keep_days)).exclude(stored_as__in=in_use)
    listed = list(old)
    for upload in listed:
        remove(upload, by=None, now=now)
    return len(listed)
