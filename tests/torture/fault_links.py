"""A link that does what links do: cut, wait, answer halfway, or answer for a server that never got the request.

``Proxy`` stands before a server and does to each request what the next word of its script says; behind its end it
passes everything on. It knows HTTP only as far as it must to see where a message ends.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

PASS = "pass"
FAULTS: Final = (
    "cut at once",
    "cut in the request",
    "cut before the answer",
    "cut in the answer",
    "slow request",
    "slow answer",
    "no answer",
    "500",
    "429",
    "503",
)
_SLOW, _SILENT = 1.0, 6.0
_REASONS = {"500": "Internal Server Error", "429": "Too Many Requests", "503": "Service Unavailable"}

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


def script(seed: int, number: int, *, length: int = 8) -> list[str]:
    """What happens to the first requests of a client: each fault heads some script, then they are mixed."""
    chance = random.Random(f"{seed}:{number}")
    first = FAULTS[number % len(FAULTS)]
    return [first, *(chance.choice((PASS, PASS, *FAULTS)) for _ in range(length - 1))]


class Proxy:
    """Runs in a thread of its own until it is closed; ``done`` counts what it did."""

    def __init__(self, port: int, words: Sequence[str]) -> None:
        self._to, self._words = port, list(words)
        self.done: Counter[str] = Counter()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        try:
            while await self._one(reader, writer):
                continue
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the link is over, or the proxy is
        finally:
            writer.transport.abort()

    async def _one(self, reader: Reader, writer: Writer) -> bool:
        """One request; whether the link still stands."""
        head = await reader.readuntil(b"\r\n\r\n")
        word = self._words.pop(0) if self._words else PASS
        self.done[word] += 1
        if word == "cut at once":
            return False
        body = await _body(reader, head)
        if word == "slow request":
            await asyncio.sleep(_SLOW)
        if word in _REASONS:
            text = b'{"success":false,"code":"link","message":"Not today."}'
            told = f"HTTP/1.1 {word} {_REASONS[word]}\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
            writer.write(f"{told}Content-Length: {len(text)}\r\n\r\n".encode() + text)
            await writer.drain()
            return True
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            whole = head + body
            if word == "cut in the request":
                back.write(whole[: len(whole) - max(1, len(body) // 2)])
                await back.drain()
                return False
            back.write(whole)
            await back.drain()
            answer_head = await there.readuntil(b"\r\n\r\n")
            answer = answer_head + await _body(there, answer_head)
        finally:
            back.close()
        if word == "cut before the answer":
            return False
        if word in {"slow answer", "no answer"}:
            await asyncio.sleep(_SLOW if word == "slow answer" else _SILENT)
        if word == "no answer":
            return False
        writer.write(answer[: len(answer) // 2] if word == "cut in the answer" else answer)
        await writer.drain()
        return word != "cut in the answer"


async def _body(reader: Reader, head: bytes) -> bytes:
    """The body that a head announces, as it came."""
    lines = head.lower()
    if b"transfer-encoding: chunked" in lines:
        got = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            chunk = await reader.readexactly(size + 2)
            got += line + chunk
            if not size:
                return got
    if b"content-length:" in lines:
        return await reader.readexactly(int(lines.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
    return b""
