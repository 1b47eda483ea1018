"""A mailbox behind IMAP4rev1 on this machine: as much of RFC 3501 as reading new mails needs."""

from __future__ import annotations

import re
import socketserver
import threading
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Mailbox:
    """``mails`` by number; ``told`` is every command that came."""

    password: str = "right"
    validity: int = 7
    mails: dict[int, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def __enter__(self) -> Mailbox:
        box = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"* OK ready\r\n")
                for line in self.rfile:
                    tag, _space, command = line.decode().strip().partition(" ")
                    box.told.append(command)
                    answer, ends = box.answer(command)
                    self.wfile.write(answer.replace(b"@TAG@", tag.encode()))
                    if ends:
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def put(self, raw: bytes) -> None:
        self.mails[max(self.mails, default=0) + 1] = raw

    def answer(self, command: str) -> tuple[bytes, bool]:
        word = command.upper()
        if word.startswith("CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1\r\n@TAG@ OK done\r\n", False
        if word.startswith("LOGIN"):
            return (
                b"@TAG@ OK done\r\n"
                if self.password in command
                else b"@TAG@ NO [AUTHENTICATIONFAILED] wrong\r\n"
            ), False
        if word.startswith("EXAMINE"):
            if '"INBOX"' not in command:
                return b"@TAG@ NO no such folder\r\n", False
            told = f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] v\r\n* OK [UIDNEXT {max(self.mails, default=0) + 1}] n\r\n"
            return told.encode() + b"@TAG@ OK [READ-ONLY]\r\n", False
        if found := re.match(r"UID SEARCH UID (\d+):\*", word):
            # As the standard says: a span beyond the end names the last mail.
            first = int(found[1])
            numbers = [n for n in self.mails if n >= first] or list(self.mails)[-1:]
            return f"* SEARCH {' '.join(map(str, numbers))}\r\n".encode() + b"@TAG@ OK done\r\n", False
        if word.startswith("UID SEARCH SINCE"):
            return f"* SEARCH {' '.join(map(str, self.mails))}\r\n".encode() + b"@TAG@ OK done\r\n", False
        if found := re.match(r"UID FETCH (\d+) ", word):
            raw = self.mails[int(found[1])]
            head = f"* 1 FETCH (UID {found[1]} BODY[]<0> {{{len(raw)}}}\r\n".encode()
            return head + raw + b")\r\n@TAG@ OK done\r\n", False
        if word.startswith("LOGOUT"):
            return b"* BYE\r\n@TAG@ OK done\r\n", True
        return b"@TAG@ BAD what?\r\n", False
