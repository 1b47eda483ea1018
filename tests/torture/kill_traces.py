"""ING-03: the order of system calls, from a trace of the real server: bytes are synced before their 2xx is written."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.launch.installation import COMMAND, ROOT, Installation, children, free_port
from tests.launch.sending import basic
from tests.torture.kill_traffic import Stream
from tests.torture.postgresql import NoServerError, Server
from tests.torture.resuming import Part

TRACED = "read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
PARALLEL = 32
MOST_ALONE, MOST_PARALLEL = 1.0, 0.2
_READS = {"read", "recvfrom", "recvmsg", "readv"}
_WRITES = {"write", "writev", "sendto", "sendmsg", "pwrite64"}
_SYNCS = {"fsync", "fdatasync"}
_LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_FD = re.compile(r"^(\d+)<([^>]*(?:->[^>]*)?)>")
_ID = re.compile(r'messageId\\":\\"([^\\"]+)\\"')
_PHASE = "GET /healthz?the-rest-in-parallel"


class NoStraceError(RuntimeError):
    """There is no strace, or it may not trace here: such a test is skipped, and says so."""


@dataclass(slots=True)
class Traced:
    """What a trace says: answered ids, those answered before they were synced, and counts by phase (alone, parallel)."""

    answered: set[str] = field(default_factory=set)
    early: set[str] = field(default_factory=set)
    answers: list[int] = field(default_factory=lambda: [0, 0])
    syncs: list[int] = field(default_factory=lambda: [0, 0])


@dataclass(frozen=True, slots=True)
class _Call:
    """A system call at its beginning or end; at the end ``text`` holds what was read."""

    thread: str
    name: str
    text: str
    begins: bool
    ends: bool


def _calls(lines: Iterable[str]) -> Iterator[_Call]:
    """Lines of strace -f -y as beginnings and ends, in the order in which the kernel saw them."""
    begun: dict[str, str] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        thread, resumed, name, rest = match.groups()
        if resumed:
            yield _Call(thread, resumed, begun.pop(thread, "") + rest, begins=False, ends=True)
        elif rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>")
            yield _Call(thread, name, begun[thread], begins=True, ends=False)
        else:
            yield _Call(thread, name, rest, begins=True, ends=True)


def parsed(lines: Iterable[str]) -> Traced:
    """Follow each message id from the socket into a journal file, through a sync, to the answer."""
    found = Traced()
    asked: dict[str, str] = {}
    written: dict[str, set[str]] = {}
    syncing: dict[str, tuple[str, set[str]]] = {}
    synced: set[str] = set()
    phase = 0
    for call in _calls(lines):
        named = _FD.match(call.text)
        if named is None:
            continue
        fd, path = named.groups()
        is_journal, is_socket = ".journal" in path, path.startswith(("TCP", "socket"))
        if call.name in _READS and is_socket and call.ends:
            asked[fd] = asked.get(fd, "") + _data(call.text)
            phase = 1 if asked[fd].startswith(_PHASE) else phase
        elif call.name in _WRITES and is_journal and call.ends:
            written.setdefault(path, set()).update(_ID.findall(call.text))
        elif call.name in _SYNCS and (is_journal or path.endswith("/journal")):
            if call.begins:
                found.syncs[phase] += 1
                syncing[call.thread] = path, set(written.get(path, ()))
            if call.ends and call.text.rstrip().endswith("= 0"):
                synced |= syncing.pop(call.thread, ("", set()))[1]
        elif call.name in _WRITES and is_socket and call.begins and "HTTP/1.1 2" in call.text:
            ids = set(_ID.findall(asked.pop(fd, "")))
            found.answers[phase] += bool(ids)
            found.answered |= ids
            found.early |= ids - synced
    return found


def _data(text: str) -> str:
    """The bytes of a read as strace writes them, without the quotes, so that parts can be put together."""
    first, last = text.find('"'), text.rfind('"')
    return text[first + 1 : last] if 0 <= first < last else ""


def traced(installation: Installation, key: str, trace: Path, seed: int, requests: int) -> tuple[Traced, int]:
    """Send ``requests`` to a server under strace, a quarter one after another, the rest 32 at a time; and how many ids.

    Raises NoStraceError where strace is not to be had.
    """
    if shutil.which("strace") is None:
        raise NoStraceError("There is no strace: `apt-get install strace`, then run again.")
    probe = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    if probe.returncode:
        raise NoStraceError(f"strace may not trace here: {probe.stderr.strip()}")
    installation.port = free_port()  # whoever has the old one may still live
    watch = [
        "strace",
        "-f",
        "-y",
        "-s",
        "200000",
        "-e",
        f"trace={TRACED}",
        "-e",
        "signal=none",
        "-o",
        str(trace),
    ]
    command = [*watch, *COMMAND, "web", "--port", str(installation.port)]
    with (installation.home / "server.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=installation.environment, stdout=log, stderr=log)
    try:
        installation.wait_until_up()
        sent = _send(installation.port, key, Stream(seed), requests)
    finally:
        # strace itself holds signals back; it ends with what it traces.
        for pid in children(server.pid):
            os.kill(pid, signal.SIGTERM)
        server.wait(60)
    with trace.open(encoding="utf-8", errors="replace") as lines:
        return parsed(lines), sent


def _send(port: int, key: str, stream: Stream, requests: int) -> int:
    """Send and read every answer; returns how many events were acknowledged."""
    links = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(PARALLEL)]
    alone, number, asked = requests // 4, 0, 0

    def ask(link: socket.socket) -> None:
        nonlocal number, asked
        # One in four is a batch.
        asked += 1
        count = 12 if asked % 4 == 0 else 1
        path, body = stream.request(number, count)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(key)}\r\nContent-Length: {len(body)}\r\n\r\n"
        link.sendall(head.encode() + body)
        number += count

    for _ in range(alone):
        ask(links[0])
        read_answer(links[0])
    with socket.create_connection(("127.0.0.1", port), 60) as link:
        link.sendall(f"{_PHASE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        read_answer(link)
    left = requests - alone
    while left:
        round_ = links[:left]
        for link in round_:
            ask(link)
        for link in round_:
            read_answer(link)
        left -= len(round_)
    for link in links:
        link.close()
    return number


def read_answer(link: socket.socket) -> None:
    """One answer, which must be a 200. Raises AssertionError when it is not."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = link.recv(65536)
        if not more:
            raise AssertionError(f"the server hung up after {data!r}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise AssertionError(f"an answer was {head[:60]!r}: {body[:300]!r}")
    wanted = re.search(rb"(?i)content-length: *(\d+)", head)
    while wanted and len(body) < int(wanted[1]):
        body += link.recv(65536)


def ordered(part: Part) -> None:
    """2,000 requests with the records in SQLite and 2,000 with PostgreSQL: no 2xx before its bytes are synced; at most
    one sync a request, under 0.2 with 32 senders."""
    try:
        _ordered_on(part, "SQLite", {})
        try:
            server = Server()
        except NoServerError as error:
            part.figures["PostgreSQL skipped"] = str(error)
            part.say(f"skipped: {error}")
            return
        try:
            _ordered_on(part, "PostgreSQL", {"EVERGREEN_DATABASE": server.url})
        finally:
            server.remove()
    except NoStraceError as error:
        part.figures["skipped"] = str(error)
        part.say(f"skipped: {error}")


def _ordered_on(part: Part, database: str, extra: dict[str, str]) -> None:
    if database in part.marks:  # in an earlier call
        return
    requests = 2_000
    home = part.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    installation = Installation(home, extra)
    installation.run("init")
    key = installation.new_key("shop")
    found, sent = traced(installation, key, part.folder / "trace", part.report.seed, requests)
    (part.folder / "trace").unlink()
    _judge(part, database, found, requests, sent)
    part.marks[database] = True
    part.case_done(requests)


def _judge(part: Part, database: str, found: Traced, requests: int, sent: int) -> None:
    def expect(holds: object, otherwise: str) -> None:
        part.expect(holds, f"{database}: {otherwise}")

    expect(sum(found.answers) == requests, f"{sum(found.answers)} answers traced of {requests} requests")
    expect(
        len(found.answered) == sent, f"{len(found.answered)} ids answered in the trace, {sent} by the sender"
    )
    expect(not found.early, f"{len(found.early)} events were acknowledged before they were synced")
    alone, parallel = (
        syncs / max(answers, 1) for syncs, answers in zip(found.syncs, found.answers, strict=True)
    )
    expect(alone <= MOST_ALONE + 0.01, f"{alone:.3f} syncs a request of one sender")
    expect(parallel < MOST_PARALLEL, f"{parallel:.3f} syncs a request of {PARALLEL} senders")
    part.figures["acked"] = part.figures.get("acked", 0) + sent
    early = part.figures.get("acked before the sync", 0)
    part.figures["acked before the sync"] = early + len(found.early)
    part.figures[f"syncs a request, {database}"] = (
        f"{alone:.3f} alone, {parallel:.3f} with {PARALLEL} senders"
    )
