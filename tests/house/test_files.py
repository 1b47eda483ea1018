from __future__ import annotations

import json
import re
from pathlib import Path

from tests.house import ROOT, text_of, tracked

LONGEST_FILE = 400
# Written in halves, so that this file is no find of its own.
HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "yarn" + "pkg.com",
    "npm" + "mirror.com",
    "rubygems" + ".org",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "docker" + ".io/library",
]
ADDRESS = re.compile("|".join(re.escape(host) for host in HOSTS))
MACHINE = re.compile(
    r"(?<![\w.}])/work" + r"/(?:main|shared|\.library)|/root/" + r"\w|/home" + r"/\w+/|bash" + "_jobs"
)


def test_no_python_file_is_longer_than_a_person_reads() -> None:
    long = {
        str(path): lines
        for path in tracked()
        if path.suffix == ".py" and "migrations" not in path.parts
        if (lines := len((text_of(path) or "").splitlines())) > LONGEST_FILE
    }
    assert long == {}, f"make each a package with one module a noun (more than {LONGEST_FILE} lines)"


def test_no_minified_file_is_tracked() -> None:
    wrong = []
    for path in tracked():
        if path.suffix in {".js", ".mjs", ".css", ".html"}:
            text = text_of(path) or ""
            if ".min." in path.name or max(map(len, text.splitlines() or [""])) > 2_000:
                wrong.append(str(path))
    assert wrong == [], "assets/build.py copies such files at setup; they stay out of git"


def test_no_tracked_file_names_a_package_registry() -> None:
    wrong = [str(path) for path in tracked() if ADDRESS.search(text_of(path) or "")]
    assert wrong == []


def test_no_tracked_file_names_a_path_of_somebodys_machine() -> None:
    wrong = {str(path): found.group() for path in tracked() if (found := MACHINE.search(text_of(path) or ""))}
    assert wrong == {}


def test_python_locks_have_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text and "--index-url" not in text and "--find-links" not in text, name
        pinned = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
        loose = [
            block.splitlines()[0] for block in pinned if "==" not in block or "--hash=sha256:" not in block
        ]
        assert loose == [], name


def test_the_front_ends_lock_has_hashes_and_no_addresses() -> None:
    packages = json.loads((ROOT / "assets" / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_every_direct_dependency_is_in_the_lock() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = {re.split(r"[\[<>=~! ]", need)[0].lower() for need in project["project"]["dependencies"]}
    for name, groups in (
        ("requirements.lock", []),
        ("requirements-dev.lock", project["dependency-groups"]["dev"]),
    ):
        wanted = named | {re.split(r"[\[<>=~! ]", need)[0].lower() for need in groups}
        locked = set(re.findall(r"(?m)^([\w.-]+)==", (ROOT / name).read_text()))
        assert sorted(wanted - locked) == [], f"run `make lock` ({name})"


TEMPLATES = [path for path in tracked() if "templates" in path.parts and path.suffix == ".html"]


def test_templates_hold_no_inline_style_and_no_inline_script() -> None:
    # The content policy refuses both; a page would come out bare.
    inline = re.compile(r"""\sstyle=["']|\son[a-z]+=["']|<style\b|javascript:|<script(?![^>]*\bsrc=)[^>]*>""")
    json_data = re.compile(r"""<script[^>]*type=["'](?:application/json|importmap)["'][^>]*>""")
    wrong = []
    for path in TEMPLATES:
        text = json_data.sub("", text_of(path) or "")
        if found := inline.search(text):
            wrong.append(f"{path}: {found.group().strip()}")
    assert wrong == []


def test_styles_stand_in_one_place() -> None:
    folders = {str(path.parent) for path in tracked() if path.suffix in {".css", ".scss"}}
    assert folders <= {"evergreen/web/static/web"}


def test_every_file_ends_with_a_line_and_has_no_stray_spaces() -> None:
    wrong = []
    for path in tracked():
        text = text_of(path)
        if path.suffix in {".py", ".html", ".css", ".js", ".md", ".toml", ".yaml", ".yml"} and text:
            if not text.endswith("\n") or text.endswith("\n\n"):
                wrong.append(f"{path}: end")
            if path.suffix != ".md" and re.search(r"[ \t]\n", text):
                wrong.append(f"{path}: spaces at a line's end")
    assert wrong == []


def test_names_in_the_tree_are_portable() -> None:
    wrong = [str(path) for path in tracked() if not re.fullmatch(r"[\w./+-]+", str(path))]
    lowered: dict[str, Path] = {}
    for path in tracked():
        if (other := lowered.setdefault(str(path).lower(), path)) != path:
            wrong.append(f"{path} and {other}")
    assert wrong == []
