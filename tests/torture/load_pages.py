"""Somebody signed in who reads pages, as a browser does: cookies, CSRF tokens, one page after another."""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from tests.launch.installation import Installation

EMAIL, PASSWORD = "reader@torture.example", "a-long-enough-password-7"
PAGES = ("/", "/accounts/", "/alerts/", "/tasks/", "/connections/")


class Person:
    """A member of staff with a browser of their own."""

    def __init__(self, installation: Installation) -> None:
        self._url = installation.url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    @staticmethod
    def hire(installation: Installation) -> None:
        words = ("staff", "add", EMAIL, "--role", "administrator", "--name", "Reader", "--password-stdin")
        installation.run(*words, stdin=f"{PASSWORD}\n")

    def sign_in(self) -> int:
        """The status of the page behind the sign-in form."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self._read("/sign-in/")[1])
        if found is None:
            return 0
        told = {"csrfmiddlewaretoken": found[1], "email": EMAIL, "password": PASSWORD, "next": "/accounts/"}
        status, page = self._read("/sign-in/", urllib.parse.urlencode(told).encode())
        return status if 'name="password"' not in page else 422

    def read(self, path: str) -> int:
        """The status of a page; 0 when there was no answer."""
        return self._read(path)[0]

    def _read(self, path: str, form: bytes | None = None) -> tuple[int, str]:
        request = urllib.request.Request(self._url + path, form, {"Referer": self._url + path})  # noqa: S310
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, ""


class Reader(threading.Thread):
    """Reads the pages round and round, one a second, and notes each answer."""

    def __init__(self, installation: Installation, *, every: float = 1.0) -> None:
        super().__init__(daemon=True)
        self._person, self._every = Person(installation), every
        self._stopping = threading.Event()
        self.answers: list[tuple[str, int, float]] = []

    def run(self) -> None:
        self.answers.append(("/sign-in/", self._person.sign_in(), 0.0))
        number = 0
        while not self._stopping.wait(self._every):
            path = PAGES[number % len(PAGES)]
            began = time.monotonic()
            self.answers.append((path, self._person.read(path), time.monotonic() - began))
            number += 1

    def stop(self) -> list[str]:
        """The pages that were not answered 200, in words."""
        self._stopping.set()
        self.join(60)
        return [f"{path} was answered {status}" for path, status, _ in self.answers if status != 200]
