"""The YAML that declares a REST API, read without leaving a mistake for later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
import yaml
from django.utils.translation import gettext as _

from evergreen.events.sources.adapter import NAME, SourceError, wrong_name

MOST_CHARACTERS = 100_000
# What may stand in texts beside secrets: from when on, and how many rows were read so far.
SINCE, OFFSET = "{since}", "{offset}"
# Stands for the offset where dlt, which knows braces of its own, has the texts.
MARK = "\u27e8offset\u27e9"
_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BRACES = re.compile(r"\{[^{}]*\}?|\}")


class Fetching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request that brings a token."""

    path: str
    method: Literal["GET", "POST"] = "POST"
    params: dict[str, Any] = {}
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None


class Signing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How requests are signed. ``token``: the path of the token in the answer; ``body``: what of the answer goes into
    the JSON of each request, by its place there.
    """

    kind: Literal["none", "bearer", "basic", "header", "query", "token"] = "none"
    value: str = ""
    name: str = ""
    user: str = ""
    password: str = ""
    request: Fetching | None = None
    token: str = ""
    header: str = "Authorization"
    prefix: str = "Bearer "
    body: dict[str, str] = {}


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For APIs that answer 200 to everything: where the code stands and which codes mean what."""

    code: str
    ok: list[str | int]
    expired: list[str | int] = []
    busy: list[str | int] = []


class Pages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a list is paged. ``param`` and ``size_param`` are places in the JSON body where ``in_body`` says so."""

    kind: Literal["none", "page_number", "offset", "offset_in_text", "cursor", "next_url", "link_header"] = (
        "none"
    )
    param: str = ""
    size_param: str = ""
    size: int = 100
    start: int | None = None
    path: str = ""
    total: str = ""
    more: str = ""
    in_body: bool = False


class Incremental(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which field only the new is read; ``{since}`` in params or json says from when on."""

    field: str
    format: Literal["iso", "iso_seconds", "date", "epoch_s", "epoch_ms", "number"] = "iso"
    param: str = ""
    lag_minutes: int = 0
    start: str = "2000-01-01"


class Deleted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which field a row says that it was deleted: by one of ``values``, or without them by having any (a time)."""

    field: str
    values: list[str | int | bool] = []


class Resource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One list and what its rows become. ``moments`` are columns that hold times as numbers."""

    name: str
    record: str
    path: str
    mapping: dict[str, Any]
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, Any] = {}
    json: dict[str, Any] | None = None
    rows: str = ""
    pages: Pages | None = None
    incremental: Incremental | None = None
    key: str = "id"
    order: Literal["ascending", "descending", "none"] = "none"
    title: dict[str, str] = {}
    moments: dict[str, Literal["epoch_s", "epoch_ms"]] = {}
    deleted: Deleted | None = None


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole API."""

    base_url: str
    resources: list[Resource]
    also_calls: list[str] = []
    sign_in: Signing = Signing()
    answers: Verdict | None = None
    pages: Pages = Pages()
    headers: dict[str, str] = {}


def read_declaration(text: str, secrets: Mapping[str, str]) -> Declaration:
    """The declaration with its secrets put in. Raises SourceError with what was found and what is allowed."""
    if len(text) > MOST_CHARACTERS:
        raise SourceError(
            _("The declaration has %(found)s characters; at most %(most)s are read.")
            % {"found": len(text), "most": MOST_CHARACTERS}
        )
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SourceError(_("The declaration is no YAML: %(error)s") % {"error": str(error)[:300]}) from error
    missing = sorted(_secrets_of(given) - secrets.keys())
    if missing:
        raise SourceError(
            _("The declaration uses secrets that are not given: %(missing)s. Given: %(given)s.")
            % {"missing": ", ".join(missing), "given": ", ".join(sorted(secrets)) or "-"}
        )
    try:
        declared = msgspec.convert(_with_secrets(given, secrets), Declaration)
    except msgspec.ValidationError as error:
        raise SourceError(
            _("The declaration: %(error)s.") % {"error": _without(str(error), secrets)}
        ) from error
    _check(declared)
    return declared


def read_secrets(text: str) -> dict[str, str]:
    """Lines of ``name: value``. Raises SourceError naming the line, never its value."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()) or not value.strip():
            raise SourceError(
                _("Secrets, line %(number)s: write name: value, with letters, digits and _ in the name.")
                % {"number": number}
            )
        found[name.strip()] = value.strip()
    return found


def pick(value: Any, path: str) -> Any:
    """What stands at a path of names split by dots; None where there is nothing."""
    for name in path.split(".") if path and path != "$" else ():
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict):
            value = value.get(name)
        else:
            return None
    return value


def _check(declared: Declaration) -> None:
    from evergreen.events.imports.mapping import MappingError, read_mapping
    from evergreen.events.imports.records import RECORDS

    problems = []
    names = [one.name for one in declared.resources]
    if not names:
        problems.append(_("resources: none is declared."))
    problems += [
        _("resources: “%(name)s” is there twice.") % {"name": name} for name in names if names.count(name) > 1
    ]
    if declared.sign_in.kind == "token" and (declared.sign_in.request is None or not declared.sign_in.token):
        problems.append(_("sign_in: kind token needs the request and where the token stands in its answer."))
    for one in declared.resources:
        if not NAME.fullmatch(one.name):
            problems.append(wrong_name(one.name))
        if one.record not in RECORDS:
            problems.append(
                _("resources.%(name)s.record: found “%(found)s”. Allowed: %(allowed)s.")
                % {"name": one.name, "found": one.record, "allowed": ", ".join(RECORDS)}
            )
            continue
        try:
            read_mapping(one.mapping, one.record)
        except MappingError as error:
            problems += [f"resources.{one.name}.mapping: {said}" for said in error.problems]
        problems += _strange_places(one)
    if problems:
        raise SourceError("\n".join(problems))


def _strange_places(one: Resource) -> Iterable[str]:
    """Braces that stand for nothing: only {since} and {offset} do, and only where they have a value."""
    allowed = {SINCE} if one.incremental else set()
    if one.pages and one.pages.kind == "offset_in_text":
        allowed.add(OFFSET)
    for text in _texts([one.path, one.params, one.json]):
        for found in _BRACES.findall(text):
            if found not in allowed:
                yield _("resources.%(name)s: found %(found)s in a text. Allowed: %(allowed)s.") % {
                    "name": one.name, "found": found, "allowed": ", ".join(sorted(allowed)) or "-",
                }  # fmt: skip


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(str(key))
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _secrets_of(value: Any) -> set[str]:
    return {name for text in _texts(value) for name in _SECRET.findall(text)}


def _with_secrets(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _SECRET.sub(lambda found: secrets[found[1]], value)
    if isinstance(value, dict):
        return {key: _with_secrets(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_secrets(inner, secrets) for inner in value]
    # YAML reads 2025-01-31 as a day; texts are meant.
    return value.isoformat() if hasattr(value, "isoformat") else value


def _without(text: str, secrets: Mapping[str, str]) -> str:
    for secret in secrets.values():
        text = text.replace(secret, "•••")
    return text
