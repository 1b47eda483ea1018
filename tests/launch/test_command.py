"""The evergreen command as people and scripts use it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.launch.installation import COMMAND, ROOT, Installation, made

pytestmark = pytest.mark.server


def test_help_comes_at_once_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['evergreen', '--help']\n"
        "from evergreen.launch.command import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'django', 'duckdb', 'pyarrow', 'ibis', 'numpy', 'granian', 'rich', 'msgspec'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip() == "[]"
    for command in (
        "init",
        "serve",
        "web",
        "worker",
        "night",
        "import",
        "accounts",
        "demo",
        "doctor",
        "staff",
    ):
        assert f"\n  {command} " in done.stdout
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([*COMMAND, "--help"], capture_output=True, check=True, cwd=ROOT)
        times.append(time.perf_counter() - began)
    print(f"help: {min(times):.2f} s")


def test_init_asks_nothing_keeps_its_secret_and_may_be_repeated(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "new" / "home")
    first = installation.lines("init", "--vendor-name", "远山软件", "--currency", "USD")[-1]
    assert first["new"] and first["migrations"] > 10 and first["lake_steps"] >= 1
    secret = installation.home / "secret.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    kept = secret.read_bytes()
    again = installation.lines("init")[-1]
    assert not again["new"] and again["migrations"] == again["lake_steps"] == 0
    assert not any(again["added"].values())
    assert secret.read_bytes() == kept
    wrong = installation.run("init", "--timezone", "Asia/Peking", check=False)
    assert wrong.returncode == 2 and "Asia/Shanghai" in wrong.stderr


@pytest.mark.parametrize("place", ["before", "after", "environment", "working folder"])
def test_the_home_is_found_by_option_environment_or_folder(
    installation: Installation, tmp_path: Path, place: str
) -> None:
    environment = {**installation.environment, "PYTHONPATH": str(ROOT)}
    if place != "environment":
        environment["EVERGREEN_HOME"] = str(tmp_path / "nothing here")
    folder = tmp_path
    arguments = ["staff", "list", "--json"]
    if place == "before":
        arguments = ["--home", str(installation.home), *arguments]
    if place == "after":
        arguments += ["--home", str(installation.home)]
    if place == "working folder":
        del environment["EVERGREEN_HOME"]
        (folder / ".evergreen").symlink_to(installation.home)
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", [["serve"], ["key", "list"], ["events", "count"], ["night"], ["accounts"]]
)
def test_without_an_installation_a_command_names_init(tmp_path: Path, command: list[str]) -> None:
    done = Installation(tmp_path / "nothing").run(*command, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert "evergreen init" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_staff_are_added_once_with_a_password_printed_once(installation: Installation) -> None:
    done = installation.run(
        "staff", "add", "Wang@Vendor.example", "--role", "csm", "--name", "王", "--team", "North"
    )
    password = done.stdout.strip()
    assert len(password) >= 12 and password not in done.stderr
    again = installation.run("staff", "add", "wang@vendor.example", "--role", "csm", check=False)
    assert again.returncode == 1 and "already" in again.stderr
    wrong = installation.run("staff", "add", "b@vendor.example", "--role", "king", check=False)
    assert wrong.returncode == 2 and "administrator" in wrong.stderr
    weak = installation.run(
        "staff",
        "add",
        "c@vendor.example",
        "--role",
        "csm",
        "--password-stdin",
        check=False,
        stdin="password\n",
    )
    assert weak.returncode == 2 and weak.stdout == ""
    given = installation.run(
        "staff",
        "add",
        "d@vendor.example",
        "--role",
        "csm",
        "--password-stdin",
        stdin="correct horse battery\n",
    )
    assert given.stdout == ""
    assert _signs_in(
        installation, {"wang@vendor.example": password, "d@vendor.example": "correct horse battery"}
    )
    listed = {line["email"]: line for line in installation.lines("staff", "list")}
    assert listed["wang@vendor.example"]["teams"] == ["North"] and "b@vendor.example" not in listed


def _signs_in(installation: Installation, passwords: dict[str, str]) -> bool:
    code = (
        "from evergreen.launch.terminal import start_django\nstart_django()\nimport json, sys\n"
        "from evergreen.base.models import User\n"
        "given = json.loads(sys.argv[1]).items()\n"
        "print(all(User.objects.get(email=email).check_password(word) for email, word in given))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(passwords)],
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip() == "True"


def test_key_create_prints_the_key_as_its_last_line(installation: Installation) -> None:
    done = installation.run("key", "create", "--source", "商城", "--json")
    key = json.loads(done.stdout.splitlines()[-1])["key"]
    assert len(key) == 32 and key.isalnum() and key not in done.stderr
    plain = installation.run("key", "create", "--source", "商城").stdout.strip()
    assert len(plain) == 32 and plain != key
    assert [line["source"] for line in installation.lines("key", "list")] == ["商城", "商城"]
    taken = installation.run("key", "create", "--source", "evergreen", check=False)
    assert taken.returncode == 2 and "own events" in taken.stderr
    missing = installation.run("key", "revoke", "999", check=False)
    assert missing.returncode == 1 and "key list" in missing.stderr
    installation.run("key", "revoke", plain)
    assert [bool(line["revoked_at"]) for line in installation.lines("key", "list")] == [False, True]


def test_night_refuses_days_that_have_not_ended_or_are_no_days(installation: Installation) -> None:
    for arguments in (
        ["--day", "2999-01-01"],
        ["--day", "tomorrow"],
        ["--day", "2026-01-01", "--to", "2026-01-02"],
    ):
        done = installation.run("night", *arguments, check=False)
        assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    (night,) = installation.lines("night", "--day", "2026-01-01")
    assert night["day"] == "2026-01-01"


def test_an_unknown_scorecard_is_answered_with_those_that_exist(installation: Installation) -> None:
    done = installation.run("accounts", "--scorecard", "none", check=False)
    assert done.returncode == 2 and "starter" in done.stderr


def test_doctor_finds_what_is_wrong_and_says_what_to_do(tmp_path: Path) -> None:
    installation = made(tmp_path / "home")

    def found() -> dict[str, tuple[str, str]]:
        done = installation.run("doctor", "--json", check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        states = {line["check"]: (line["state"], line["do"]) for line in lines}
        assert done.returncode == (1 if any(state == "wrong" for state, _ in states.values()) else 0)
        return states

    assert "wrong" not in {state for state, _ in found().values()}
    installation.extra["EVERGREEN_HOEM"] = "typing mistake"
    (installation.home / "secret.key").chmod(0o644)
    (installation.home / "keys.json").write_text('{"keys": {"0": "stranger"}}')
    waiting = installation.home / "journal" / "00000000000000000001-1-1.journal"
    waiting.write_bytes(b"half a record")
    os.utime(waiting, (1, 1))
    faults = found()
    assert faults["environment"][0] == faults["keys"][0] == "wrong"
    assert "chmod" in faults["home"][1] and "worker" in faults["journal"][1]
    del installation.extra["EVERGREEN_HOEM"]
    (installation.home / "secret.key").chmod(0o600)
    waiting.rename(waiting.with_suffix(".journal.damaged"))
    installation.run("init")
    mended = found()
    assert [mended[check][0] for check in ("environment", "home", "keys", "journal")] == ["ok"] * 4
    assert mended["segments"][0] == "wrong"


def test_doctor_without_an_installation_names_init(tmp_path: Path) -> None:
    done = Installation(tmp_path / "nothing").run("doctor", check=False)
    assert done.returncode == 1 and "evergreen init" in done.stdout
