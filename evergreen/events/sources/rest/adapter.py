"""A declared REST API read through dlt's rest_api source."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources import wire as wires
from evergreen.events.sources.adapter import GONE, Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.rest.declaration import (
    MARK,
    OFFSET,
    SINCE,
    Declaration,
    Deleted,
    Incremental,
    Pages,
    Resource,
    Verdict,
    pick,
    read_declaration,
    read_secrets,
)
from evergreen.events.sources.wire import Wire

_COUNTED = {"page_number", "offset", "offset_in_text"}
_EXAMPLE = """\
base_url: https://erp.example.com
sign_in: {kind: header, name: X-Api-Key, value: "${api_key}"}
resources:
  - name: customers
    record: accounts
    path: /api/customers
    pages: {kind: page_number, param: page, size_param: size, size: 100}
    rows: data
    key: id
    mapping:
      columns: {id: id, name: name}"""


@dataclass(frozen=True)
class RestConfig:
    declaration: str = option(
        "声明（YAML）", "Declaration (YAML)", is_long=True, example=_EXAMPLE,
        about=("接口地址、登录方式、列表与映射；见 docs/connectors.md", "Address, sign-in, lists and mappings; see docs/connectors.md"),
    )  # fmt: skip
    secrets: str = option(
        "密钥", "Secrets", secret=True, default="", is_long=True, example="app_secret: …",
        about=("每行一个“名称: 值”，在声明中写作 ${名称}", "One “name: value” a line; the declaration writes ${name}"),
    )  # fmt: skip


class RestAdapter(Adapter):
    kind = "rest"
    zh = "任意 REST 接口"
    en = "Any REST API"
    Config = RestConfig

    def __init__(self, config: RestConfig) -> None:
        super().__init__(config)
        self.declared: Declaration = read_declaration(config.declaration, read_secrets(config.secrets))

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(
            Stream(
                one.name, one.record, one.title.get("zh", one.name), one.title.get("en", one.name), one.mapping,
                key="" if one.record in {"events", "usage"} else one.key, order=one.order,
                makes_accounts=one.record == "accounts",
                is_whole=not one.incremental and not one.deleted and one.record not in {"events", "usage", "kpis"},
            )
            for one in self.declared.resources
        )  # fmt: skip

    def wire_up(self, wire: Wire) -> None:
        declared = self.declared
        wire.goes_to(declared.base_url, *declared.also_calls)
        wire.headers.update(declared.headers)
        wire.sign_in = _sign_in(declared)
        if declared.answers is not None:
            verdict = declared.answers
            wire.judge = lambda response: _judged(response, verdict)

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Any:
        resource = next(one for one in self.declared.resources if one.name == stream.name)
        pages = resource.pages or self.declared.pages
        is_sought = resource.incremental and resource.order == "ascending" and pages.kind in _COUNTED
        rows = self._sought(resource, wire, asked) if is_sought else self._resource(resource, wire, asked)
        rows = _with_moments(rows, resource.moments) if resource.moments else rows
        return _marked(rows, resource.deleted) if resource.deleted else rows

    def _sought(self, resource: Resource, wire: Wire, asked: Asked) -> Iterator[Row]:
        """Page after page, each asked for from the newest row seen on: pages that are counted shift while rows change,
        and a row that slips through between two of them would never be asked for again.
        """
        is_first, is_whole = True, False
        while True:
            rows = self._resource(resource, wire, asked, is_first=is_first)
            found = False
            for row in rows if is_whole else rows.add_limit(1):
                found = True
                yield row
            if not found and is_whole:
                return
            # A page without anything new: the end, or more rows of one moment than a page holds.
            is_first, is_whole = False, not found

    def _resource(self, resource: Resource, wire: Wire, asked: Asked, *, is_first: bool = True) -> Any:
        from dlt.sources.rest_api import rest_api_resources

        client = {"base_url": self.declared.base_url, "session": wire}
        endpoint = _endpoint(resource, self.declared.pages, asked, is_first=is_first)
        try:
            config: Any = {"client": client, "resources": [endpoint]}
            return rest_api_resources(config)[0]
        except (ValueError, TypeError) as error:
            raise SourceError(
                _("The list “%(name)s” cannot be read as declared: %(error)s")
                % {"name": resource.name, "error": str(error)[:300]}
            ) from error

    def test(self, wire: Wire) -> str:
        first = self.declared.resources[0]
        rows = self.read(self.stream(first.name), wire, Asked(now=dt.datetime.now(dt.UTC)))
        found = next(iter(rows), None)
        if found is None:
            return _("“%(name)s” answers and holds no rows.") % {"name": first.name}
        names = ", ".join(list(found)[:12])
        return _("“%(name)s” answers. Its rows have: %(names)s.") % {"name": first.name, "names": names}


def _endpoint(resource: Resource, pages: Pages, asked: Asked, *, is_first: bool) -> dict[str, Any]:
    """The resource as dlt's rest_api declares it."""
    endpoint: dict[str, Any] = {
        "path": resource.path,
        "method": resource.method,
        "params": _as_dlt_has_it(resource.params),
        "data_selector": resource.rows or "$",
        "paginator": _paginator(resource.pages or pages),
    }
    if resource.json is not None:
        endpoint["json"] = _as_dlt_has_it(resource.json)
    if resource.incremental is not None:
        form = resource.incremental
        if form.param:
            endpoint["params"][form.param] = "{incremental.start_value}"
        endpoint["incremental"] = {
            "cursor_path": form.field,
            "initial_value": written(asked.since, form) if asked.since else _first(form),
            "on_cursor_value_missing": "include",
            **({"convert": _backed_up(form)} if form.lag_minutes and is_first else {}),
        }
    return {"name": resource.name, "endpoint": endpoint}


def _as_dlt_has_it(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(SINCE, "{incremental.start_value}").replace(OFFSET, MARK)
    if isinstance(value, dict):
        return {key: _as_dlt_has_it(inner) for key, inner in value.items()}
    return [_as_dlt_has_it(inner) for inner in value] if isinstance(value, list) else value


def _with_moments(rows: Iterable[Row], forms: Mapping[str, str]) -> Iterator[Row]:
    """Rows with numbers of seconds or milliseconds as times that imports read."""
    for row in rows:
        told = dict(row)
        for name, form in forms.items():
            value = told.get(name)
            if isinstance(value, int | float) or (isinstance(value, str) and value.lstrip("-").isdigit()):
                seconds = float(value) / (1000 if form == "epoch_ms" else 1)
                told[name] = dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
        yield told


def _marked(rows: Iterable[Row], deleted: Deleted) -> Iterator[Row]:
    """Rows, those among them marked that say they were deleted."""
    values = {str(value).casefold() for value in deleted.values}
    for row in rows:
        value = pick(row, deleted.field)
        is_gone = str(value).casefold() in values if values else value not in (None, "", False)
        yield {**row, GONE: True} if is_gone else row


def written(moment: dt.datetime, form: Incremental) -> Any:
    """A moment as the API writes its own."""
    moment = moment.astimezone(dt.UTC)
    if form.format == "epoch_s":
        return int(moment.timestamp())
    if form.format == "epoch_ms":
        return int(moment.timestamp() * 1000)
    if form.format == "date":
        return moment.date().isoformat()
    if form.format == "number":
        return 0
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if form.format == "iso_seconds" else "%Y-%m-%dT%H:%M:%S.000Z")


def _first(form: Incremental) -> Any:
    if form.format == "number":
        return int(form.start) if form.start.lstrip("-").isdigit() else 0
    return written(dt.datetime.fromisoformat(form.start).replace(tzinfo=dt.UTC), form)


def _backed_up(form: Incremental) -> Callable[[Any], Any]:
    """The value asked for, some minutes before the newest one seen: what is written late is not passed over."""
    minutes = form.lag_minutes

    def earlier(value: Any) -> Any:
        if form.format == "epoch_s":
            return int(value) - 60 * minutes
        if form.format == "epoch_ms":
            return int(value) - 60_000 * minutes
        if form.format == "number":
            return value
        moment = dt.datetime.fromisoformat(str(value))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return written(moment - dt.timedelta(minutes=minutes), form)

    return earlier


def _paginator(pages: Pages) -> Any:
    place = ("_body_path", "_body_path") if pages.in_body else ("_param", "_param")
    total = {"total_path": pages.total or None, **({"has_more_path": pages.more} if pages.more else {})}
    if pages.kind == "page_number":
        start = 1 if pages.start is None else pages.start
        return {"type": "page_number", "base_page": start, f"page{place[0]}": pages.param or "page", **total}
    if pages.kind == "offset":
        named = {
            f"offset{place[0]}": pages.param or "offset",
            f"limit{place[1]}": pages.size_param or "limit",
        }
        return {"type": "offset", "limit": pages.size, "offset": pages.start or 0, **named, **total}
    if pages.kind == "cursor":
        return {
            "type": "cursor", "cursor_path": pages.path, f"cursor{place[0]}": pages.param or "cursor",
            **({"has_more_path": pages.more} if pages.more else {}),
        }  # fmt: skip
    if pages.kind == "next_url":
        return {"type": "json_link", "next_url_path": pages.path or "next"}
    if pages.kind == "link_header":
        return {"type": "header_link"}
    if pages.kind == "offset_in_text":
        from evergreen.events.sources.rest.paging import OffsetInText

        return OffsetInText(pages.size, pages.start or 0)
    return {"type": "single_page"}


def _sign_in(declared: Declaration) -> wires.SignIn:
    form = declared.sign_in
    if form.kind == "bearer":
        return wires.Header(Authorization=f"Bearer {form.value}")
    if form.kind == "basic":
        return wires.Basic(form.user, form.password)
    if form.kind == "header":
        return wires.Header(**{form.name: form.value})
    if form.kind == "query":
        return wires.Query(form.name, form.value)
    return _Fetched(declared) if form.kind == "token" else wires.SignIn()


class _Fetched(wires.Token):
    """A token from a declared request, put where the API wants it: in a header or into the JSON of each request."""

    def __init__(self, declared: Declaration) -> None:
        self._declared = declared
        self._answer: dict[str, Any] = {}
        super().__init__(self._asked, declared.sign_in.header, declared.sign_in.prefix)

    def sign(self, request: requests.PreparedRequest) -> None:
        form = self._declared.sign_in
        if not form.body:
            super().sign(request)
            return
        if self.is_empty or not request.body:
            return
        body = json.loads(request.body)
        for place, source in form.body.items():
            _put(body, place, pick(self._answer, source))
        request.prepare_body(None, None, json=body)

    def _asked(self, wire: Wire) -> str:
        form, asked = self._declared.sign_in, self._declared.sign_in.request
        if asked is None:
            raise SourceError(
                _("sign_in: kind token needs the request and where the token stands in its answer.")
            )
        url = asked.path if "://" in asked.path else f"{self._declared.base_url}/{asked.path.lstrip('/')}"
        request = requests.Request(asked.method, url, params=asked.params, json=asked.json, data=asked.form)
        try:
            self._answer = wire.bare(request).json()
        except ValueError as error:
            raise SourceError(_("The request for a token is not answered in JSON.")) from error
        token = pick(self._answer, form.token)
        if not token:
            raise SourceError(
                _("No token stands at “%(path)s” of the answer. It has: %(names)s.")
                % {"path": form.token, "names": ", ".join(map(str, self._answer))[:200]}
            )
        return str(token)


def _judged(response: requests.Response, verdict: Verdict) -> tuple[str, str] | None:
    if response.status_code >= 400:
        return None
    try:
        code = pick(response.json(), verdict.code)
    except ValueError:
        return None
    for what, codes in (("ok", verdict.ok), ("expired", verdict.expired), ("busy", verdict.busy)):
        if str(code) in map(str, codes):
            return what, str(code)
    return None if code is None else ("refused", str(code)[:60])


def _put(body: dict[str, Any], place: str, value: Any) -> None:
    *way, name = place.split(".")
    for step in way:
        body = body.setdefault(step, {})
    body[name] = value
