"""A real SMTP server in a process of its own, with a log of what it took; recipients' names choose its faults.

Run as ``python -m tests.touches.mail_server LOG``; it prints its port. ``refused``: 554 to the recipient; ``dead``: 550 5.1.1;
``later``: 451 the first time; ``unanswered``: takes the mail and hangs up; ``slow``: takes it and answers after 3 s; ``halfway``:
hangs up in the middle of the mail; ``full``: 421 and hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax


class Server(SMTP):
    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        if self.envelope is not None and any(one.startswith("halfway") for one in self.envelope.rcpt_tos):
            await self.push("354 go on")
            await self._reader.readline()
            _hang_up(self)
            return
        await super().smtp_DATA(arg)


def _hang_up(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()


class Handler:
    """Answers by the recipient's name; everything that was taken stands in the log, a line a mail."""

    def __init__(self, log: Path) -> None:
        self._log, self._seen = log, set[str]()

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refused"):
            return "554 5.7.1 not wanted here"
        if address.startswith("dead"):
            return "550 5.1.1 no such user"
        if address.startswith("full"):
            return "421 4.3.2 shutting down"
        if address.startswith("later") and address not in self._seen:
            self._seen.add(address)
            return "451 4.7.1 greylisted, try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        told = {
            "to": envelope.rcpt_tos, "from": envelope.mail_from, "subject": str(mail["Subject"]),
            "key": mail["X-Evergreen"], "raw": content.decode("utf-8", "replace"),
        }  # fmt: skip
        with self._log.open("a") as log:
            log.write(json.dumps(told) + "\n")
        if any(one.startswith("unanswered") for one in envelope.rcpt_tos):
            _hang_up(server)
        if any(one.startswith("slow") for one in envelope.rcpt_tos):
            await asyncio.sleep(3)
        return "250 2.0.0 taken"


def taken(log: Path) -> list[dict[str, Any]]:
    """What the server took so far."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@contextlib.contextmanager
def running(log: Path) -> Iterator[int]:
    """The server in a process of its own; its port."""
    command = [sys.executable, "-m", "tests.touches.mail_server", str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def _serve(log: Path) -> None:
    handler = Handler(log)
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(handler, hostname="mail.test"), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
