"""A site of one gallery that can fail on purpose: the page, the static files, and an upload address.

Served with the headers of the real one (SAFETY 5.1), so that a module or a worker that they forbid fails here too.
"""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import socket
import threading
import time
from collections import defaultdict, deque
from dataclasses import MISSING, dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from django.contrib.staticfiles import finders
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from django.template import engines
from PIL import Image

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

TOKEN = "token-of-the-page"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; worker-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "credentialless",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Connection": "close",  # on a connection that it has used before, Chromium hides a cut by trying again itself
}
HTML = """{% load static django_htmx %}<!doctype html>
<html lang="en" data-theme="system"><head><meta charset="utf-8"><title>Summer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="csrf-token" content="{{ token }}"><meta name="person" content="{{ person }}">
<meta name="htmx-config" content='{"includeIndicatorStyles":false,"allowEval":false}'>
<link rel="icon" href="{% static "icons/favicon.svg" %}" type="image/svg+xml">
<link rel="stylesheet" href="{% static "css/site.css" %}">
<link rel="stylesheet" href="{% static "css/upload.css" %}">
</head><body>
<main class="page"><div class="page-head"><h1>Summer</h1>
<button class="button" type="button" data-upload-choose>Add photos</button>
<button class="button quiet" type="button" data-upload-options>Quality</button></div>
<div id="grid">{{ grid }}</div>{% include "galleries/_upload_panel.html" %}</main>
<div id="toasts" role="status"></div>
{% htmx_script %}</body></html>"""


@dataclass(frozen=True)
class Received:
    """One whole request to the upload address, whatever was answered."""

    filename: str
    body: bytes
    fields: dict[str, str]
    key: str
    token: str
    at: float
    status: int
    gallery: str
    renditions: dict[str, bytes] = field(default_factory=dict)


@dataclass
class FakeSite:
    """What it was told to do, and what it saw: one test's.

    ``origin``: where it is served. ``number``: which of the sites served there; its gallery has an address of its own.
    ``plans``: for a file's name the answers in turn: a status, ``(status, headers)``, ``"close"`` (the connection is
    cut in the middle of the body), ``"silent"`` (cut after it), ``"deaf"`` (nothing more is read until ``go_on`` is
    set), ``("slow", seconds)`` or ``"wait"`` (until ``go_on`` is set); then it is stored. The name ``"*"`` is for files
    that have no plan.
    """

    origin: str
    number: int
    plans: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    received: list[Received] = field(default_factory=list)
    stored: dict[str, Received] = field(default_factory=dict)
    signed_out: bool = False
    token: str = TOKEN
    most_at_once: int = 0
    asked: list[list[str]] = field(default_factory=list)
    person: str = "alice"
    go_on: threading.Event = field(default_factory=threading.Event)
    is_mute: bool = False  # questions get no answer
    grids: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.at_once = 0

    def forget(self) -> None:
        """As new, at the same address."""
        for field_ in fields(self):
            if field_.default_factory is not MISSING:
                setattr(self, field_.name, field_.default_factory())
            elif field_.default is not MISSING:
                setattr(self, field_.name, field_.default)

    @property
    def gallery(self) -> str:
        """The identifier of the gallery, in hexadecimal digits."""
        return f"0190a0b0c0d070008000{self.number:012x}"

    @property
    def path(self) -> str:
        return f"/g/{self.gallery}/"

    @property
    def page(self) -> str:
        return self.origin + self.path

    def plan(self, filename: str, *answers: Any) -> None:
        self.plans[filename].extend(answers)

    def attempts(self, filename: str) -> list[Received]:
        """Whole requests for a file, in order."""
        return [request for request in self.received if request.filename == filename]

    def next_answer(self, filename: str) -> Any:
        with self.lock:
            for name in (filename, "*"):
                if self.plans.get(name):
                    return self.plans[name].popleft()
        return 201

    def store(self, request: Received) -> tuple[int, dict[str, Any]]:
        """201 with a new image, or 200 with the one that has these bytes or came with this key."""
        digest = hashlib.sha256(request.body).hexdigest()
        with self.lock:
            for identifier, other in self.stored.items():
                if other.key == request.key or other.body == request.body:
                    repeated = other.key == request.key
                    return 200, {"duplicate": True, "repeated": repeated, "image": {"id": identifier}}
            self.stored[digest[:32]] = request
        image = {"id": digest[:32], "filename": request.filename}
        return 201, {"duplicate": False, "repeated": False, "image": image}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of 5, a browser that opens several tabs at once is refused


class FakeServer:
    """An address that serves one :class:`FakeSite` after another.

    What a closed tab or its service worker sends late, or waits for still, belongs to the site that it was sent to: a
    request keeps the site that it found, and the next site has another gallery.
    """

    def __init__(self) -> None:
        handler = type("Handler", (_Handler,), {"fake_server": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.site = FakeSite(self.origin, 0)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def open(self) -> FakeSite:
        """The next site."""
        self.site.go_on.set()
        self.site = FakeSite(self.origin, self.site.number + 1)
        return self.site

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    fake_server: FakeServer
    site: FakeSite
    protocol_version = "HTTP/1.1"
    is_counted = False

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def parse_request(self) -> bool:
        self.site = self.fake_server.site
        return super().parse_request()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == self.site.path and self.headers.get("HX-Request"):
            self.site.grids += 1
            self._answer(200, self._grid().encode(), "text/html; charset=utf-8")
        elif path in {self.site.path, "/"}:
            self._answer(200, self._page().encode(), "text/html; charset=utf-8")
        elif path.startswith("/static/") and (found := finders.find(path.removeprefix("/static/"))):
            kind = "text/javascript" if path.endswith(".js") else mimetypes.guess_type(path)[0]
            cached = {"Cache-Control": "max-age=600"}
            self._answer(200, Path(str(found)).read_bytes(), kind or "application/octet-stream", cached)
        elif path == "/blank/":
            self._answer(200, b"<!doctype html><title>Blank</title>", "text/html")
        else:
            self._answer(404, b"", "text/plain")

    def do_POST(self) -> None:
        site = self.site
        path = urlsplit(self.path).path
        if path == "/g/new/":
            self._create()
            return
        if not path.startswith(f"/g/{site.gallery}"):
            self._answer(404, b"", "text/plain")
            return
        if path.endswith("/check/"):
            self._check()
            return
        with site.lock:
            site.at_once += 1
            site.most_at_once = max(site.most_at_once, site.at_once)
        self.is_counted = True
        try:
            self._upload()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            self._uncount()

    def _create(self) -> None:
        """A gallery of its own."""
        title = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["title"][0]
        place = f"/g/{self.site.gallery}-{title.lower()}/"
        addresses = {"galleryUrl": place, "uploadUrl": f"{place}upload/", "checkUrl": f"{place}check/"}
        self._answer_json(201, {"galleryId": title, "title": title} | addresses)

    def _check(self) -> None:
        """Which of these were stored already."""
        site = self.site
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        site.asked.append(body["hashes"])
        if site.is_mute:
            self._cut()
            return
        if site.signed_out or self.headers.get("X-CSRFToken") != site.token:
            self._answer(403, b"<h1>CSRF</h1>", "text/html")
            return
        with site.lock:
            found = [(each.fields.get("source_sha256"), _held(key, each)) for key, each in site.stored.items()]
        there = dict(sorted(found, key=lambda pair: (pair[1]["exact"], pair[1]["width"] * pair[1]["height"])))
        self._answer_json(200, {"held": {each: there[each] for each in body["hashes"] if each in there}})

    def _uncount(self) -> None:
        """Before the answer leaves: the browser may begin the next upload as soon as it has read it."""
        with self.site.lock:
            self.site.at_once -= self.is_counted
        self.is_counted = False

    def _upload(self) -> None:
        site = self.site
        length = int(self.headers["Content-Length"])
        first = self.rfile.read(min(length, 1000))
        filename = self._name(first)
        answer = site.next_answer(filename)
        if answer == "close":
            self._cut()
            return
        if answer == "deaf":
            site.go_on.wait(60)
            self._cut()
            return
        request = self._receive(first, length, answer)
        if isinstance(answer, tuple) and answer[0] == "slow":
            time.sleep(answer[1])
            answer = 201
        if answer == "wait":
            site.go_on.wait(60)
            answer = 201
        if site.signed_out or request.token != site.token:
            self._answer(403, b"<h1>CSRF</h1>", "text/html")
        elif answer == "silent":
            site.store(request)
            self._cut()
        elif answer == 201:
            status, body = site.store(request)
            self._answer_json(status, body)
        else:
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            body = {"status": status, "code": "made_up", "title": "No", "detail": f"Refused with {status}."}
            self._answer_json(status, body, headers)

    def _name(self, first: bytes) -> str:
        _, found, rest = first.partition(b'name="filename"\r\n\r\n')
        return rest.partition(b"\r\n")[0].decode() if found else ""

    def _receive(self, first: bytes, length: int, answer: Any) -> Received:
        rest = io.BytesIO(first + self.rfile.read(length - len(first)))
        meta = {"CONTENT_TYPE": self.headers["Content-Type"], "CONTENT_LENGTH": str(length)}
        fields, files = MultiPartParser(meta, rest, [_InMemory()]).parse()
        upload = cast("UploadedFile", files["file"])
        status = answer if isinstance(answer, int) else 0
        request = Received(
            filename=str(fields.get("filename", upload.name)),
            body=upload.read(),
            fields={name: str(fields[name]) for name in fields},
            key=self.headers.get("Idempotency-Key", ""),
            token=self.headers.get("X-CSRFToken", ""),
            at=time.monotonic(),
            status=status,
            gallery="Trip" if self.path.startswith(f"/g/{self.site.gallery}-trip/") else "Summer",
            renditions={name: cast("UploadedFile", files[name]).read() for name in files if name != "file"},
        )
        self.site.received.append(request)
        return request

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer_json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        kind = "application/json" if status < 400 else "application/problem+json"
        self._answer(status, json.dumps(body).encode(), kind, headers)

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self._uncount()
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def _page(self) -> str:
        template = engines["django"].from_string(HTML)
        gallery = {
            "hex": self.site.gallery,
            "get_absolute_url": self.site.path,
            "title": "Summer & <sea>",
            "retention": "7d",
        }
        context = {
            "gallery": gallery,
            "upload_url": f"{self.site.path}upload/",
            "check_url": f"{self.site.path}check/",
            "token": self.site.token,
            "person": "" if self.site.signed_out else self.site.person,
            "max_upload_bytes": 64 << 20,
        }
        return str(template.render(context))

    def _grid(self) -> str:
        return "".join(f'<p class="tile">{key}</p>' for key in self.site.stored)


def _held(identifier: str, stored: Received) -> dict[str, Any]:
    """What the site tells of an image that was made from an asked file."""
    with Image.open(io.BytesIO(stored.body)) as picture:
        width, height = picture.size
    exact = hashlib.sha256(stored.body).hexdigest() == stored.fields.get("source_sha256")
    return {"image": identifier, "width": width, "height": height, "exact": exact}


class _InMemory(MemoryFileUploadHandler):
    """Any size in memory: the test looks at the bytes."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True
