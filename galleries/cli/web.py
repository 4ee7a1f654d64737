"""Talking to the site: one connection a thread, bodies streamed, and patience with a site that is busy or away."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Self
from urllib.parse import quote, urlsplit

from galleries.cli.errors import Away, CliError, Refused, Stopped, WrongUse

TIMEOUT = 60.0  # seconds without a sign of life; the site may take 40 for a large picture
ATTEMPTS = 7
FIRST_WAIT = 0.5  # seconds, doubled each time and cut to a random part: about a minute in all
LONGEST_WAIT = 30.0
LONGEST_ASKED_WAIT = 300.0  # what a Retry-After is followed up to
TEMPORARY = {429, 500, 502, 503, 504}
UNDONE = {429}  # of these: what was refused before anything was done
PASSING = {"upload_in_progress"}
MAX_ANSWER = 16 << 20  # bytes of JSON; a page of 200 images has about 200 kB

Body = Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Answer:
    """A JSON answer."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Patience:
    """How to wait before the next try. ``stop`` ends all waiting; the random part is an argument for tests."""

    stop: threading.Event = field(default_factory=threading.Event)
    part: Callable[[], float] = random.random

    def wait(self, attempt: int, asked: float | None) -> None:
        """Wait before try number ``attempt`` + 1, as long as the site ``asked`` for.

        Raises:
            Stopped
        """
        pause = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * self.part()
        if asked is not None:
            pause += min(asked, LONGEST_ASKED_WAIT)
        if self.stop.wait(pause):
            raise Stopped


class Site:
    """The API of one site, for many threads."""

    def __init__(self, url: str, token: str, patience: Patience | None = None) -> None:
        if not _is_site(url):
            raise WrongUse(f"{url} is not the address of a site: write https://photos.example.org.")
        if not (token.isascii() and token.isprintable()):
            raise WrongUse("That is not a token: it has characters that none has.")
        self.url = url.rstrip("/")
        self.patience = patience or Patience()
        self._token = token
        self._place = threading.local()
        self._open: set[HTTPConnection] = set()  # of all threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in list(self._open):
            connection.close()

    def stop(self) -> None:
        """End what other threads wait for, from any thread."""
        self.patience.stop.set()
        for connection in list(self._open):
            with suppress(OSError):
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)  # closing alone would wake nobody

    # --- the API -----------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        return self.call("GET", path).body

    def post(self, path: str, payload: Any, *, repeatable: bool = True) -> Any:
        """``repeatable`` False: not sent again when it may have been done already, because it would be done twice."""
        data = json.dumps(payload).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        return self.call("POST", path, headers, lambda: [data], repeatable=repeatable).body

    def items(self, path: str) -> Iterator[Any]:
        """Every item of a list, page by page."""
        cursor = ""
        while True:
            joint = "&" if "?" in path else "?"
            page = self.get(f"{path}{joint}limit=200" + (f"&cursor={quote(cursor)}" if cursor else ""))
            if "items" not in page:
                raise self.stranger()
            yield from page["items"]
            cursor = page["next"]
            if not cursor:
                return

    def stranger(self) -> CliError:
        """Something answers at this address, but not as the API does."""
        return CliError(
            "not_a_gallery", f"{self.url} does not answer as an Image Gallery does. Is it the right address?"
        )

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        *,
        repeatable: bool = True,
    ) -> Answer:
        """One request to the API, tried again while the trouble may pass.

        Raises:
            Away, Refused, Stopped; CliError when it is no such site.
        """
        whole = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", **(headers or {})}
        for attempt in range(ATTEMPTS):
            last = attempt + 1 == ATTEMPTS
            asked: float | None = None
            try:
                answer = self._once(method, f"/api/v1{path}", whole, body)
            except (OSError, HTTPException) as error:
                if last or not repeatable:
                    raise Away(f"{self.url} does not answer: {_sentence(error)}") from None
            else:
                if answer.status < 300:
                    if answer.status != 204 and not isinstance(answer.body, dict):  # a page, of whatever serves there
                        raise self.stranger()
                    return answer
                refusal = _refusal(answer)
                if last or not (answer.status in TEMPORARY or refusal.code in PASSING):
                    raise refusal
                if not repeatable and answer.status not in UNDONE:
                    raise Away(f"{refusal.detail} Whether it was done is not known.")
                asked = _seconds(answer.headers.get("Retry-After"))
            self.patience.wait(attempt, asked)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        response = self._send(method, path, headers, body)
        data = response.read(MAX_ANSWER)
        complete = response.isclosed()
        if not complete or response.status >= 400:  # a refusal may come before all of a body was read
            self._hang_up()
        if not complete:
            raise HTTPException("the answer is far too long")
        try:
            content = json.loads(data) if data else None
        except ValueError:
            content = None
        return Answer(response.status, {name.title(): value for name, value in response.getheaders()}, content)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: Body | None) -> HTTPResponse:
        connection = self._connection()
        try:
            try:
                connection.request(method, path, body=None if body is None else body(), headers=dict(headers))
            except (BrokenPipeError, ConnectionResetError):
                if body is None:
                    raise
                # The site may have answered before it had read all of it, and said why.
            return connection.getresponse()
        except BaseException:
            self._hang_up()
            raise

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._place, "connection", None)
        if connection is None:
            connection = self._place.connection = _connect(self.url)
            self._open.add(connection)
        return connection

    def _hang_up(self) -> None:
        connection = self._connection()
        connection.close()
        self._open.discard(connection)
        self._place.connection = None

    # --- media -------------------------------------------------------------------------------------------------------

    @contextmanager
    def media(self, address: str, start: int) -> Iterator[HTTPResponse]:
        """The bytes at a signed address from ``start`` on. The token stays here: the address may be of another host,
        and needs no further credentials.

        Raises:
            OSError, HTTPException: as they come.
        """
        parts = urlsplit(address if "://" in address else self.url + address)
        connection = _connect(f"{parts.scheme}://{parts.netloc}")
        self._open.add(connection)
        try:
            headers = {"Range": f"bytes={start}-"} if start else {}
            connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
            yield connection.getresponse()
        finally:
            connection.close()
            self._open.discard(connection)


def _is_site(url: str) -> bool:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half of an IPv6 address
        return False
    return whole and parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)


def _connect(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    # Without a port it would look for one in an IPv6 address.
    return kind(parts.hostname or "", parts.port or kind.default_port, timeout=TIMEOUT)


def _refusal(answer: Answer) -> Refused:
    body = answer.body if isinstance(answer.body, dict) else {}
    if 300 <= answer.status < 400:
        place = answer.headers.get("Location", "elsewhere")
        return Refused(answer.status, "moved", f"The site sends us to {place}: use that address.")
    detail = body.get("detail") or f"The site answered {answer.status} without a reason."
    fields = f" ({', '.join(body['fields'])})" if body.get("fields") and body.get("code") == "invalid_request" else ""
    return Refused(answer.status, str(body.get("code") or "unknown"), f"{detail}{fields}")


def _seconds(value: str | None) -> float | None:
    """A Retry-After in seconds; one that is a date is not ours."""
    return float(value) if value and value.isascii() and value.isdigit() else None


def _sentence(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".") + "."
