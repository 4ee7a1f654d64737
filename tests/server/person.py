"""A person at a browser, as far as pages and cookies go."""

from __future__ import annotations

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from tests.faults.web import TIMEOUT, Answer
from tests.live import PASSWORD

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Person:
    """Has cookies; ``comes_from`` is the address that the server in front is told."""

    def __init__(self, address: str, comes_from: str = "203.0.113.1") -> None:
        self.address = address
        self.comes_from = comes_from
        self.cookies: dict[str, str] = {}
        self.token = ""  # of the last form

    def get(self, path: str, address: str = "") -> Answer:
        return self._ask(f"{address or self.address}{path}", "GET", None, {})

    def post(self, path: str, fields: dict[str, str], address: str = "", *, again: bool = False) -> Answer:
        """A form of the page at ``path``, with its token; ``again``: with that of the form before, in one request."""
        if not again:
            self.token = self.csrf(path, address)
        body = urlencode(fields | {"csrfmiddlewaretoken": self.token}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask(f"{address or self.address}{path}", "POST", body, kind)

    def csrf(self, path: str, address: str = "") -> str:
        """The token in the forms of the page at ``path``."""
        page = self.get(path, address).body.decode()
        found = _TOKEN.search(page)
        assert found, page[:500]
        return found[1]

    @property
    def cookie(self) -> str:
        """The header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def sign_in(self, name: str, password: str = PASSWORD, address: str = "", *, again: bool = False) -> Answer:
        return self.post("/accounts/login/", {"login": name, "password": password}, address, again=again)

    def _ask(self, address: str, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        own = {"X-Forwarded-For": self.comes_from, "Accept": "text/html"}
        if self.cookies:
            own["Cookie"] = self.cookie
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        try:
            connection.request(method, parts.path, body, own | headers)
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie", []):
                self.cookies |= {morsel.key: morsel.value for morsel in SimpleCookie(line).values()}
            given = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, given, response.read())
        finally:
            connection.close()
