"""Text of a template to its tree, or to every mistake in it with the line where it stands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from evergreen.touches.language.filters import FILTERS

MOST_CHARACTERS = 65_536
MOST_OUTPUT = 262_144
_MOST_TAGS = 1_000
_MOST_DEPTH = 10
_TAG = re.compile(r"\{\{(?P<out>.*?)\}\}|\{%(?P<tag>.*?)%\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\n]*"|'[^'\n]*'|“[^”\n]*”)|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<path>[A-Za-z_]\w*(?:\.\w+)*)|(?P<mark>==|!=|<=|>=|[<>|:()]))"""
)
COMPARED = ("==", "!=", "<=", ">=", "<", ">")


class TemplateError(ValueError):
    """The template cannot be read. ``problems`` are all of its mistakes, in words, each with its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Path:
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | float | bool


Operand = Path | Literal


@dataclass(frozen=True, slots=True)
class Call:
    """A filter with what stands behind its colon."""

    name: str
    argument: Operand | None


@dataclass(frozen=True, slots=True)
class Output:
    operand: Operand
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """An operand by itself (is it there, and not empty, 0 or false), or compared with another."""

    left: Operand
    sign: str = ""
    right: Operand | None = None


@dataclass(frozen=True, slots=True)
class Negated:
    inner: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """``parts`` hold together: all of them, or with ``is_any`` one."""

    parts: tuple[Condition, ...]
    is_any: bool


Condition = Test | Negated | Joined


@dataclass(frozen=True, slots=True)
class Choice:
    """The first of ``ways`` whose condition holds, else ``otherwise``."""

    ways: tuple[tuple[Condition, tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]


Node = str | Output | Choice


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read. ``paths`` are the values it asks for."""

    nodes: tuple[Node, ...]
    paths: frozenset[str]


def parse(text: str, known: Collection[str] | None = None) -> Template:
    """Read a template. ``known`` are the values there are (None: any). Raises TemplateError with every mistake."""
    if len(text) > MOST_CHARACTERS:
        raise TemplateError(
            [
                _("The text has %(n)s characters; %(most)s are allowed.")
                % {"n": len(text), "most": MOST_CHARACTERS}
            ]
        )
    reader = _Reader(text, known)
    nodes = reader.nodes()
    if reader.problems:
        raise TemplateError(reader.problems)
    return Template(nodes, frozenset(_paths(nodes)))


class _WrongError(Exception):
    """A tag cannot be read; the message says why."""


@dataclass(slots=True)
class _Frame:
    """An ``if`` that is not closed yet, and where it stands."""

    line: int
    ways: list[tuple[Condition, list[Node]]] = field(default_factory=list)
    otherwise: list[Node] | None = None

    @property
    def current(self) -> list[Node]:
        return self.otherwise if self.otherwise is not None else self.ways[-1][1]

    @property
    def node(self) -> Choice:
        ways = tuple((condition, tuple(nodes)) for condition, nodes in self.ways)
        return Choice(ways, tuple(self.otherwise or ()))


class _Reader:
    def __init__(self, text: str, known: Collection[str] | None) -> None:
        self._text, self._known = text, known
        self.problems: list[str] = []

    def nodes(self) -> tuple[Node, ...]:
        top: list[Node] = []
        frames: list[_Frame] = []
        at = tags = 0
        for found in _TAG.finditer(self._text):
            here = frames[-1].current if frames else top
            self._plain(here, at, found.start())
            at, tags = found.end(), tags + 1
            if tags > _MOST_TAGS:
                self._wrong(found.start(), _("More than %(n)s placeholders.") % {"n": _MOST_TAGS})
                return ()
            try:
                if found["out"] is not None:
                    here.append(_Tokens(found["out"], self._known).output())
                else:
                    self._tag(found, frames, top)
            except _WrongError as error:
                self._wrong(found.start(), str(error))
        self._plain(frames[-1].current if frames else top, at, len(self._text))
        for frame in frames:
            self.problems.append(
                _("Line %(n)s: {%% if %%} is not closed. Write {%% endif %%} where it ends.")
                % {"n": frame.line}
            )
        return tuple(top)

    def _plain(self, here: list[Node], start: int, end: int) -> None:
        text = self._text[start:end]
        for mark in ("{{", "{%", "}}", "%}"):
            if mark in text:
                self._wrong(
                    start + text.index(mark),
                    _("“%(mark)s” stands alone. A placeholder is {{ name }}, a condition {%% if … %%}.")
                    % {"mark": mark},
                )
        if text:
            here.append(text)

    def _tag(self, found: re.Match[str], frames: list[_Frame], top: list[Node]) -> None:
        words = found["tag"].strip()
        name, _space, rest = words.partition(" ")
        if name == "if":
            if len(frames) >= _MOST_DEPTH:
                raise _WrongError(
                    _("Conditions stand in each other more than %(n)s deep.") % {"n": _MOST_DEPTH}
                )
            frames.append(_Frame(self._line(found.start())))
            # Kept although it may be wrong, so that its {% endif %} is not told as a second mistake.
            frames[-1].ways.append((Test(Literal(False)), []))
            frames[-1].ways[-1] = (_Tokens(rest, self._known).condition(), [])
        elif name in {"elif", "else", "endif"}:
            if not frames:
                raise _WrongError(_("{%% %(name)s %%} without an {%% if %%} before it.") % {"name": name})
            if name == "endif":
                done = frames.pop()
                (frames[-1].current if frames else top).append(done.node)
            elif frames[-1].otherwise is not None:
                raise _WrongError(_("{%% %(name)s %%} after {%% else %%}.") % {"name": name})
            elif name == "else":
                frames[-1].otherwise = []
            else:
                frames[-1].ways.append((_Tokens(rest, self._known).condition(), []))
        else:
            raise _WrongError(
                _("“%(name)s” is not known. Allowed: if, elif, else, endif.") % {"name": name[:40]}
            )

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def _wrong(self, at: int, message: str) -> None:
        self.problems.append(_("Line %(n)s: %(message)s") % {"n": self._line(at), "message": message})


class _Tokens:
    """The inside of one tag."""

    def __init__(self, text: str, known: Collection[str] | None) -> None:
        self._known = known
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise _WrongError(
                    _(
                        '“%(part)s” cannot be read: a name such as contact.name is needed, a text in "quotes" or a number.'
                    )
                    % {"part": text[at:].strip()[:40]}
                )
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()

    def output(self) -> Output:
        operand = self._operand()
        calls = []
        while self._take("|"):
            calls.append(self._call())
        self._end()
        return Output(operand, tuple(calls))

    def condition(self) -> Condition:
        found = self._any()
        self._end()
        return found

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._word("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), True)

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), False)

    def _one(self) -> Condition:
        if self._word("not"):
            return Negated(self._one())
        if self._take("("):
            found = self._any()
            if not self._take(")"):
                raise _WrongError(_("A bracket is not closed."))
            return found
        left = self._operand()
        if self._tokens and self._tokens[0][1] in COMPARED:
            sign = self._tokens.pop(0)[1]
            return Test(left, sign, self._operand())
        return Test(left)

    def _call(self) -> Call:
        kind, name = self._tokens.pop(0) if self._tokens else ("", "")
        if kind != "path" or name not in FILTERS:
            raise _WrongError(
                _("“%(name)s” is no filter. Allowed: %(all)s.")
                % {"name": name[:40], "all": ", ".join(FILTERS)}
            )
        argument = self._operand() if self._take(":") else None
        if isinstance(argument, Literal) and (allowed := FILTERS[name].wrong(argument.value)):
            raise _WrongError(
                _("%(name)s: found “%(found)s”. Allowed: %(allowed)s.")
                % {"name": name, "found": argument.value, "allowed": allowed}
            )
        if argument is None and FILTERS[name].is_needed:
            raise _WrongError(
                _("%(name)s needs a value behind it, such as %(example)s.")
                % {"name": name, "example": f"{name}:{FILTERS[name].example}"}
            )
        return Call(name, argument)

    def _operand(self) -> Operand:
        if not self._tokens:
            raise _WrongError(
                _('Something is missing: a name such as contact.name, a text in "quotes" or a number.')
            )
        kind, text = self._tokens.pop(0)
        match kind:
            case "text":
                return Literal(text[1:-1])
            case "number":
                return Literal(float(text) if "." in text else int(text))
            case "path" if text in {"true", "false"}:
                return Literal(text == "true")
            case "path" if text not in {"and", "or", "not"}:
                return self._path(text)
        raise _WrongError(_("“%(part)s” is out of place.") % {"part": text[:40]})

    def _path(self, name: str) -> Path:
        if self._known is not None and name not in self._known:
            near = difflib.get_close_matches(name, self._known, 3, 0.5)
            raise _WrongError(
                _("There is no value “%(name)s”. Near to it: %(near)s.")
                % {"name": name[:60], "near": ", ".join(near)}
                if near
                else _("There is no value “%(name)s”. The values there are stand beside the text.")
                % {"name": name[:60]}
            )
        return Path(name)

    def _take(self, mark: str) -> bool:
        if self._tokens and self._tokens[0] == ("mark", mark):
            self._tokens.pop(0)
            return True
        return False

    def _word(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == ("path", word):
            self._tokens.pop(0)
            return True
        return False

    def _end(self) -> None:
        if self._tokens:
            raise _WrongError(_("“%(part)s” is out of place.") % {"part": self._tokens[0][1][:40]})


def _operands(condition: Condition) -> Iterator[Operand]:
    match condition:
        case Test(left=left, right=right):
            yield from (one for one in (left, right) if one is not None)
        case Negated(inner=inner):
            yield from _operands(inner)
        case Joined(parts=parts):
            for part in parts:
                yield from _operands(part)


def _paths(nodes: tuple[Node, ...]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Output):
            operands: list[Operand | None] = [node.operand, *(call.argument for call in node.calls)]
            yield from (one.name for one in operands if isinstance(one, Path))
        elif isinstance(node, Choice):
            for condition, inner in node.ways:
                yield from (one.name for one in _operands(condition) if isinstance(one, Path))
                yield from _paths(inner)
            yield from _paths(node.otherwise)
