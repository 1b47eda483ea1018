"""Files as answers, sent in pieces under either kind of server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import IO

from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from evergreen.web.csv_text import csv_text

_PIECE = 256 << 10
# Never a page of ours, whatever is in the file.
_TYPE = "application/octet-stream"


def download(request: HttpRequest, path: Path, name: str) -> StreamingHttpResponse:
    """The file, to be saved under a name. Raises OSError when it cannot be opened.

    Django's own FileResponse would hold the whole file in memory under ASGI.
    """
    file = path.open("rb")
    if not isinstance(request, ASGIRequest):
        return FileResponse(file, as_attachment=True, filename=name, content_type=_TYPE)
    answer = StreamingHttpResponse(_pieces(file), content_type=_TYPE)
    answer["Content-Length"] = str(path.stat().st_size)
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


def csv_file(rows: Iterable[Iterable[object]], name: str) -> HttpResponse:
    """A table, headings first, as a file of this name."""
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return HttpResponse(csv_text(rows), content_type="text/csv; charset=utf-8", headers=headers)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
