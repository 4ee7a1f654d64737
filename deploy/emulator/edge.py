"""What stands in for CloudFront: checks the signature at each request, also for what it has cached, keeps objects as
long as they say, forgets what an invalidation names, and adds the headers of the template's policies.

It serves ``/media/*`` alone; the site has its own address here.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from deploy.emulator.signed_urls import Refused, verify

CACHE_BYTES = 128 * 1024**2
MOST_SECONDS = 86_400  # MaxTTL of the template's cache policy
ASK_EVERY = 0.5  # seconds between two looks at the list of invalidations
_S_MAXAGE = re.compile(r"s-maxage=(\d+)")
# A path that a server could read in two ways is no key of ours.
_PLAIN_PATH = re.compile(r"/media/[a-z0-9/.]+")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # The template's says same-site. To a browser two ports of an IP address are two sites: it would show no picture.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "same-origin",
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True)
class _Cached:
    body: bytes
    headers: dict[str, str]
    fresh_until: float


class Edge:
    """An edge for the distribution ``distribution`` before ``bucket``. ``origin`` is an S3 client that may read it,
    ``control`` a CloudFront client, ``trusted`` the public keys of the key group by id, ``clock`` Unix time."""

    def __init__(
        self,
        *,
        bucket: str,
        origin: Any,
        distribution: str,
        control: Any,
        trusted: Mapping[str, RSAPublicKey],
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.bucket, self.origin = bucket, origin
        self.distribution, self.control = distribution, control
        self.trusted, self.clock = trusted, clock
        self._cache: OrderedDict[tuple[str, str], _Cached] = OrderedDict()
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._stopping = threading.Event()
        edge = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                edge.answer(self)

            do_HEAD = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._threads = [
            threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True),
            threading.Thread(target=self._follow_invalidations, daemon=True),
        ]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.server.shutdown()
        self.server.server_close()
        for thread in self._threads:
            thread.join(timeout=5)

    def answer(self, request: _Handler) -> None:
        """Answer one request: 403 for everything that is not signed, whatever is there."""
        try:
            if not _PLAIN_PATH.fullmatch(urlsplit(request.path).path) or "//" in request.path:
                raise Refused("AccessDenied: no such path")
            verify(f"{self.base}{request.path}", self.clock(), self.trusted)
        except Refused as refused:
            request.reply(403, {"Content-Type": "text/xml"}, _error(str(refused)))
            return
        cached, how = self._look_up(urlsplit(request.path))
        if cached is None:
            request.reply(int(how), {"Content-Type": "text/xml"}, _error("AccessDenied"))
            return
        headers = cached.headers | HEADERS | {"X-Cache": f"{how} from cloudfront"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            request.reply(304, headers, b"")
            return
        wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
        if wanted is None or int(wanted[1]) >= len(cached.body):
            request.reply(200, headers, cached.body)
            return
        start, end = int(wanted[1]), min(int(wanted[2] or len(cached.body)) + 1, len(cached.body))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(cached.body)}"
        request.reply(206, headers, cached.body[start:end])

    def _look_up(self, parts: Any) -> tuple[_Cached | None, str]:
        """What is under a path, with "Hit" or "Miss"; None with the status of the origin's refusal."""
        disposition = parse_qs(parts.query).get("response-content-disposition", [""])[0]
        name = (parts.path, disposition)
        with self._lock:
            cached = self._cache.get(name)
            if cached is not None and cached.fresh_until > self.clock():
                self._cache.move_to_end(name)
                return cached, "Hit"
        extra = {"ResponseContentDisposition": disposition} if disposition else {}
        try:
            answer = self.origin.get_object(Bucket=self.bucket, Key=parts.path[1:], **extra)
            body = answer["Body"].read()
        except ClientError as error:
            return None, str(error.response["ResponseMetadata"]["HTTPStatusCode"])
        except BotoCoreError:
            return None, "502"
        cached = self._keep(name, body, answer)
        return cached, "Miss"

    def _keep(self, name: tuple[str, str], body: bytes, answer: Any) -> _Cached:
        control = answer.get("CacheControl", "")
        said = _S_MAXAGE.search(control)
        seconds = min(int(said[1]) if said else 0, MOST_SECONDS)
        headers = {"Content-Type": answer["ContentType"], "ETag": answer["ETag"], "Cache-Control": control}
        if answer.get("ContentDisposition"):
            headers["Content-Disposition"] = answer["ContentDisposition"]
        cached = _Cached(body, headers, self.clock() + seconds)
        with self._lock:
            self._cache[name] = cached
            while sum(len(each.body) for each in self._cache.values()) > CACHE_BYTES:
                self._cache.popitem(last=False)
        return cached

    def _follow_invalidations(self) -> None:
        while not self._stopping.wait(ASK_EVERY):
            with contextlib.suppress(ClientError, BotoCoreError):
                self.follow_invalidations()

    def follow_invalidations(self) -> None:
        """Carry out those that were not seen before."""
        listed = self.control.list_invalidations(DistributionId=self.distribution)["InvalidationList"]
        for each in listed.get("Items", []):
            if each["Id"] not in self._seen:
                self._invalidate(each["Id"])

    def _invalidate(self, identifier: str) -> None:
        answer = self.control.get_invalidation(DistributionId=self.distribution, Id=identifier)
        paths = answer["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]
        with self._lock:
            for name in [name for name in self._cache if any(_covers(path, name[0]) for path in paths)]:
                del self._cache[name]
        self._seen.add(identifier)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


def _covers(path: str, key: str) -> bool:
    """Whether an invalidation's path means ``key``: a star at its end stands for everything."""
    return key.startswith(path[:-1]) if path.endswith("*") else key == path


def _error(code: str) -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code.partition(':')[0]}</Code></Error>".encode()
