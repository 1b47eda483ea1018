"""The Chinese catalogue: ``python -m evergreen.web.translations compile|check|missing|set|prune``.

English stands in the sources (templates and Python), Chinese in one ``.po``. ``check`` reads every source
again and compares, so that nothing on screen is left in the wrong language. No gettext tools are needed.
"""

from __future__ import annotations

import ast
import fcntl
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polib
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parent.parent
CATALOGUE = PACKAGE / "web" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
CONTEXT = "\x04"  # between context and message in keys, as gettext itself writes them

_PLAIN = {"_", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_CONTEXT = {"pgettext", "pgettext_lazy"}
_CONTEXT_PLURAL = {"npgettext", "npgettext_lazy"}
_CALL = re.compile(r"(?<![\w.])(n?p?gettext|_)\(")
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sdif]|%[sdif]|{(\w*)}")


@dataclass(frozen=True, slots=True)
class Message:
    """One text on screen as it stands in a source."""

    text: str
    plural: str = ""
    context: str = ""

    @property
    def key(self) -> str:
        return f"{self.context}{CONTEXT}{self.text}" if self.context else self.text


def extract(root: Path = PACKAGE) -> dict[str, tuple[Message, set[str]]]:
    """Every message of the sources under ``root`` with the files it stands in, by key."""
    found: dict[str, tuple[Message, set[str]]] = {}
    for path in sorted(
        [*root.rglob("*.py"), *root.rglob("templates/**/*.html"), *root.rglob("templates/**/*.txt")]
    ):
        source = path.read_text("utf-8")
        messages = python_messages(source) if path.suffix == ".py" else template_messages(source)
        for message in messages:
            known, files = found.setdefault(message.key, (message, set()))
            files.add(str(path.relative_to(root.parent)))
            if message.plural and not known.plural:
                found[message.key] = (message, files)
    return found


def python_messages(source: str) -> Iterator[Message]:
    """Messages of a Python source: calls of gettext and its relatives with literal texts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (message := _message(node)):
            yield message


def template_messages(source: str) -> Iterator[Message]:
    """Messages of a Django template, through Django's own translation of templates into calls."""
    calls = templatize(source)
    for match in _CALL.finditer(calls):
        if (end := _closing(calls, match.end())) is None:
            continue
        node = ast.parse(calls[match.start() : end], mode="eval").body
        if isinstance(node, ast.Call) and (message := _message(node)):
            yield message


def _closing(text: str, at: int) -> int | None:
    """Where the call that opened before ``at`` ends, quotes respected."""
    quote, depth = "", 1
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if not depth:
                return at + 1
        at += 1
    return None


def _message(call: ast.Call) -> Message | None:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    texts = [
        arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else None
        for arg in call.args
    ]
    match name, texts:
        case name, [str(text), *_] if name in _PLAIN:
            return Message(text) if text else None
        case name, [str(text), str(plural), *_] if name in _PLURAL:
            return Message(text, plural)
        case name, [str(context), str(text), *_] if name in _CONTEXT:
            return Message(text, context=context)
        case name, [str(context), str(text), str(plural), *_] if name in _CONTEXT_PLURAL:
            return Message(text, plural, context)
    return None


@contextmanager
def _locked() -> Iterator[None]:
    """One writer of the catalogue at a time, also across processes."""
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(CATALOGUE.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def catalogue() -> polib.POFile:
    if CATALOGUE.exists():
        return polib.pofile(str(CATALOGUE), wrapwidth=120, encoding="utf-8")
    fresh = polib.POFile(wrapwidth=120, encoding="utf-8")
    fresh.metadata = {
        "Project-Id-Version": "Evergreen",
        "Language": "zh_Hans",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    return fresh


def _key(entry: polib.POEntry) -> str:
    return f"{entry.msgctxt}{CONTEXT}{entry.msgid}" if entry.msgctxt else str(entry.msgid)


def compile_catalogue() -> None:
    """Write the .mo beside the .po, by rename, so that a running server never reads half of it."""
    target = CATALOGUE.with_suffix(".mo")
    made = target.with_name(f".{target.name}.{os.getpid()}")
    catalogue().save_as_mofile(str(made))
    made.replace(target)


def put(pairs: dict[str, str]) -> int:
    """Merge translations into the catalogue and compile it. Returns how many changed."""
    with _locked():
        book, used = catalogue(), extract()
        known = {_key(entry): entry for entry in book if not entry.obsolete}
        changed = 0
        for key, chinese in pairs.items():
            if not chinese:
                continue
            message = used[key][0] if key in used else _from_key(key)
            entry = known.get(key)
            if entry is None:
                entry = polib.POEntry(msgid=message.text, msgctxt=message.context or None)
                book.append(entry)
                known[key] = entry
            before = (entry.msgstr, dict(entry.msgstr_plural))
            if message.plural:
                entry.msgid_plural, entry.msgstr, entry.msgstr_plural = message.plural, "", {0: chinese}
            else:
                entry.msgid_plural, entry.msgstr, entry.msgstr_plural = "", chinese, {}
            entry.flags = ["python-format"] if "%(" in message.text or "%(" in message.plural else []
            changed += before != (entry.msgstr, dict(entry.msgstr_plural))
        book.sort(key=_key)
        made = CATALOGUE.with_name(f".{CATALOGUE.name}.{os.getpid()}")
        book.save(str(made))
        made.replace(CATALOGUE)
        compile_catalogue()
    return changed


def prune() -> int:
    """Drop entries that no source uses any more. Returns how many went."""
    with _locked():
        book, used = catalogue(), extract()
        gone = [entry for entry in book if _key(entry) not in used]
        for entry in gone:
            book.remove(entry)
        book.save(str(CATALOGUE))
        compile_catalogue()
    return len(gone)


def _from_key(key: str) -> Message:
    context, _, text = key.rpartition(CONTEXT)
    return Message(text, context=context)


def _translation(entry: polib.POEntry) -> str:
    return str(entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr)


def missing() -> dict[str, set[str]]:
    """Messages without Chinese, with the files they stand in."""
    done = {_key(entry): entry for entry in catalogue() if not entry.obsolete}
    return {
        key: files
        for key, (message, files) in extract().items()
        if key not in done or not _translation(done[key]) or (message.plural and not done[key].msgid_plural)
    }


def faults() -> list[str]:
    """What ``check`` complains about, a line each: missing, obsolete, fuzzy, placeholders that differ."""
    used = extract()
    lines = [f"missing: {_shown(key)}  ({', '.join(sorted(files))})" for key, files in missing().items()]
    for entry in catalogue():
        key = _key(entry)
        if entry.obsolete or key not in used:
            lines.append(f"obsolete: {_shown(key)}")
            continue
        if entry.fuzzy:
            lines.append(f"fuzzy: {_shown(key)}")
        have, want = _placeholders(_translation(entry)), _placeholders(entry.msgid_plural or entry.msgid)
        if _translation(entry) and not have <= want:
            lines.append(
                f"placeholders: {_shown(key)} → {_translation(entry)!r} has {sorted(have - want)} too many"
            )
        elif _translation(entry) and (lost := want - have):
            lines.append(f"placeholders: {_shown(key)} → {_translation(entry)!r} lacks {sorted(lost)}")
    return lines


def _placeholders(text: str) -> set[str]:
    return {match.group(0) for match in _PLACEHOLDER.finditer(text.replace("%%", ""))}


def _shown(key: str) -> str:
    return repr(key.replace(CONTEXT, " | "))


def main(arguments: list[str]) -> int:
    """Run one of the verbs; the exit code is 1 when ``check`` finds a fault or the call is wrong."""
    match arguments:
        case ["compile"]:
            compile_catalogue()
        case ["check"]:
            found = faults()
            sys.stderr.writelines(f"{line}\n" for line in found)
            sys.stderr.write(f"{len(found)} faults in {len(extract())} messages.\n" if found else "")
            return 1 if found else 0
        case ["missing"]:
            sys.stdout.write(json.dumps(dict.fromkeys(missing(), ""), ensure_ascii=False, indent=1) + "\n")
        case ["set"]:
            sys.stderr.write(f"{put(json.load(sys.stdin))} translations written to {CATALOGUE.name}.\n")
        case ["prune"]:
            sys.stderr.write(f"{prune()} obsolete entries dropped.\n")
        case _:
            sys.stderr.write(
                "Write one of: compile (.po to .mo), check (missing, obsolete, fuzzy; exit 1), missing "
                "(JSON of {message: ''}), set < pairs.json ({message: Chinese}), "
                "prune (drop what no source uses).\n"
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
