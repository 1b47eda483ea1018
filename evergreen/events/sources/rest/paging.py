"""Ways of paging that dlt does not bring."""

from __future__ import annotations

import copy
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from evergreen.events.sources.rest.declaration import MARK


class OffsetInText(BasePaginator):
    """For APIs whose query text holds the offset: ``{offset}`` in any parameter or in the JSON body."""

    def __init__(self, size: int, start: int) -> None:
        super().__init__()
        self._size, self._offset = size, start
        self._written: tuple[Any, Any] = ({}, None)

    def init_request(self, request: Request) -> None:
        self._written = (copy.deepcopy(request.params), copy.deepcopy(request.json))
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        self._offset += self._size
        self._has_next_page = bool(data) and len(data or ()) >= self._size

    def update_request(self, request: Request) -> None:
        params, body = self._written
        request.params = _filled(params, self._offset)
        request.json = _filled(body, self._offset)


def _filled(value: Any, offset: int) -> Any:
    if isinstance(value, str):
        return value.replace(MARK, str(offset))
    if isinstance(value, dict):
        return {key: _filled(inner, offset) for key, inner in value.items()}
    return [_filled(inner, offset) for inner in value] if isinstance(value, list) else value
