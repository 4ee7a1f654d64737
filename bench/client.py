"""A client that costs little: connections that stay open, one cookie or token, times as the client sees them."""

from __future__ import annotations

import http.client
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from bench.site import Site

IDLE = 2.0  # seconds; the server closes a connection that was idle for 5


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took to come whole, in seconds."""

    status: int
    body: bytes
    seconds: float
    cookies: dict[str, str] = field(default_factory=dict)


class Client:
    """One person's connection to a site. Any answer that is not 2xx ends the run: it would be a fast figure."""

    def __init__(self, address: str, headers: dict[str, str] | None = None) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self.headers = headers or {}
        self.used = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | list[bytes | memoryview] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, read to its end. A body in pieces needs a Content-Length among its headers."""
        begin = time.perf_counter()
        if begin - self.used > IDLE:
            self.connection.close()  # opens again by itself
        self.connection.request(method, path, body, {**self.headers, **(headers or {})})
        with self.connection.getresponse() as response:
            content = response.read()
        self.used = time.perf_counter()
        seconds = self.used - begin
        if not 200 <= response.status < 400:
            raise RuntimeError(f"{method} {path[:80]} answered {response.status}: {content[:300]!r}")
        cookies = SimpleCookie(response.headers.get("Set-Cookie", ""))
        return Answer(response.status, content, seconds, {name: morsel.value for name, morsel in cookies.items()})


@dataclass(frozen=True)
class Chunk:
    """Some requests in a row: server's CPU seconds for each, and how long each took."""

    cpu: float
    seconds: list[float]


def measure_gets(site: Site, client: Client, path: str, count: int) -> Chunk:
    """``count`` times GET ``path`` over one connection."""
    before = site.cpu()
    seconds = [client.get(path).seconds for _ in range(count)]
    return Chunk((site.cpu() - before) / count, seconds)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def signed_in(session: str) -> dict[str, str]:
    """The header of a person who signed in."""
    return {"Cookie": f"session={session}"}
