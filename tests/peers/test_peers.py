"""Failures of peers that no other test of ours looks at; rows.py says which test answers which row."""

from __future__ import annotations

import ast
import io
import re
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from PIL import Image as Picture

from galleries.links import create_link
from galleries.models import ApiToken, Gallery, Image
from galleries.receiving import HashingUploadHandler
from gallery_site.accounts.models import User
from gallery_site.ids import uuid7
from tests.api.program import Program, is_problem, program_of
from tests.live import ROOT
from tests.pictures import jpeg, store_image
from tests.test_access_walk import OWNER, ROWS, TOKEN_OWNER, World, signed_in

CODE = [
    path for folder in ("galleries", "gallery_site", "cleanup_lambda") for path in sorted((ROOT / folder).rglob("*.py"))
]
BAD = '"><img src=https://evil.example/x onerror=alert(1)><script>alert(2)</script>'


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[Path, Any]]:
    """Every such piece of our own code, with its file."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kinds):
                yield path, node


# --- row 5: Lychee CVE-2026-61610 -------------------------------------------------------------------------------------

VARYING = {"X-Request-ID", "Date", "Content-Length"}  # the length varies with the token of the form


def seen(client: Client, world: World, route: str, address: str, headers: dict[str, str]) -> tuple[Any, ...]:
    """All that can be told of an answer, without what is new each time."""
    row = ROWS[route]
    how = {} if row.body is None else {"data": row.body, "content_type": "application/json"}
    response = getattr(client, row.method)(address, headers=headers, **how)
    body = re.sub(rb"[A-Za-z0-9]{64}", b"TOKEN", response.content)
    body = re.sub(rb"[0-9a-f]{32}", b"ID", body)  # the address that was asked for, for "back to here"
    kept = {name: value for name, value in response.headers.items() if name not in VARYING}
    return response.status_code, body, kept


@pytest.fixture
def world(gallery: Gallery, charlie: User) -> World:
    """Alice's gallery, an image in it and a link to it."""
    now = timezone.now()
    link = create_link(gallery, kind="download", ends_at=now + timedelta(days=1), now=now)
    return World(gallery, store_image(gallery), "", link)


OWNED = sorted(route for route, row in ROWS.items() if row.who in {OWNER, TOKEN_OWNER} and "_id" in route)


@pytest.mark.django_db
@pytest.mark.parametrize("route", OWNED)
def test_row_5_foreign_unknown_and_expired_look_the_same(route: str, world: World, charlie: User) -> None:
    """Byte for byte, header for header: whether something exists cannot be learned by asking for it."""
    foreign = world.address(route)
    unknown = foreign.replace(world.gallery.hex, uuid7().hex).replace(world.image.hex, uuid7().hex)
    _, token = ApiToken.issue(charlie, "asks", now=timezone.now())
    is_api = ROWS[route].who == TOKEN_OWNER
    client, headers = (Client(), {"authorization": f"Bearer {token}"}) if is_api else (signed_in(charlie), {})
    first = seen(client, world, route, foreign, headers)
    assert first[0] == 404
    assert seen(client, world, route, unknown, headers) == first
    Image.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert seen(client, world, route, foreign, headers) == first


# --- row 12: Immich CVE-2026-23896, mass assignment -------------------------------------------------------------------

NOT_THEIRS = {
    "owner": "x", "owner_id": "x", "is_staff": True, "is_superuser": True, "state": "ready", "status": "ready",
    "size": 1, "bytes": 1, "key": "media/x", "sha256": "0" * 64, "removed_at": None, "taken_down_at": None,
    "version": 99,
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("field", sorted(NOT_THEIRS))
def test_row_12_fields_that_are_not_the_callers_are_refused(field: str, alice: User, gallery: Gallery) -> None:
    program, image = program_of(alice), store_image(gallery)
    galleries, images = list(Gallery.objects.values_list()), list(Image.objects.values_list())
    extra = {field: NOT_THEIRS[field]}
    assert is_problem(program.post("/galleries", {"title": "T", "retention": "1d"} | extra), "invalid_request", field)
    assert is_problem(program.patch(f"/galleries/{gallery.hex}", {"title": "T"} | extra), "invalid_request", field)
    assert is_problem(program.patch(f"/images/{image.hex}", {"filename": "f.jpg"} | extra), "invalid_request", field)
    if field != "key":  # of an upload: its idempotency key
        assert is_problem(program.upload(gallery, jpeg(9), **{field: "x"}), "invalid_request", field)
    assert list(Gallery.objects.values_list()) == galleries
    assert list(Image.objects.values_list()) == images


# --- row 26: Wagtail CVE-2020-11037; row 27: Piwigo CVE-2016-3735 -----------------------------------------------------

SECRET_NAMES = re.compile(r"(^|_)(token|passcode|password|secret|signature|digest|mac)$")


def _is_secret(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return bool(SECRET_NAMES.search(name))


def test_row_26_secrets_are_compared_in_constant_time() -> None:
    """Passcodes by ``check_password``, signatures by ``compare_digest``, tokens by the hash that is looked up."""
    compared = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, node in nodes(ast.Compare)
        if any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(_is_secret(side) for side in [node.left, *node.comparators])
        and not any(isinstance(side, ast.Constant) for side in [node.left, *node.comparators])
    ]
    assert compared == []


def test_row_27_tokens_come_from_the_systems_randomness() -> None:
    """``random`` is predictable; where it is used, nothing is decided by it but when to try again."""
    found = {
        str(path.relative_to(ROOT))
        for path, node in nodes(ast.Import, ast.ImportFrom)
        if "random" in {getattr(node, "module", None), *(name.name for name in node.names)}
    }
    assert found <= {"galleries/outbox.py", "galleries/cli/web.py", "galleries/cli/push.py"}


# --- row 32: Django CVE-2026-6907 -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_row_32_one_cache_in_front_of_two_people_keeps_nothing(alice: User, charlie: User, gallery: Gallery) -> None:
    """A cache that obeys the headers (RFC 9111, section 3) and ignores cookies: nobody gets another's page from it."""
    cache: dict[str, bytes] = {}

    def through(client: Client, address: str) -> bytes:
        if address in cache:
            return cache[address]
        response = client.get(address, follow=True)
        body: bytes = response.content
        if not {"no-store", "private"} & set(response["Cache-Control"].replace(" ", "").split(",")):
            cache[address] = body
        return body

    for address in ("/", "/accounts/", gallery.get_absolute_url(), "/deleted/", "/receipts/"):
        assert b"Summer" in through(signed_in(alice), "/")
        through(signed_in(alice), address)
        for other in (signed_in(charlie), Client()):
            assert b"Summer" not in through(other, address)
            assert b"alice" not in through(other, address)
    assert cache == {}


# --- row 35: htmx -----------------------------------------------------------------------------------------------------


def test_row_35_htmx_keeps_no_pages() -> None:
    base = (ROOT / "templates" / "base.html").read_text()
    for rule in ('"historyCacheSize":0', '"historyEnabled":false', '"allowEval":false', '"selfRequestsOnly":true'):
        assert rule in base


# --- rows 40, 41, 52: texts -------------------------------------------------------------------------------------------


def hostile_image(gallery: Gallery, program: Program) -> Image:
    """A photo whose name, camera and comment are markup."""
    exif = Picture.Exif()
    exif[0x010F] = exif[0x0110] = exif[0x010E] = BAD
    file = io.BytesIO()
    Picture.new("RGB", (40, 30), "teal").save(file, "JPEG", exif=exif)
    body = program.upload(gallery, file.getvalue(), filename=f"{BAD}.jpg", metadata="keep").json()
    return Image.objects.get(id=body["id"])


class Markup(HTMLParser):
    """What of a page only somebody else can have written."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name.startswith("on") or (name in {"src", "srcset", "href", "action"} and "//" in (value or "")):
                self.foreign.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and "alert" in data:
            self.foreign.append(data)


def foreign_markup(text: str) -> list[str]:
    parser = Markup()
    parser.feed(text)
    return parser.foreign


def test_foreign_markup_is_found() -> None:
    assert len(foreign_markup(BAD)) == 3


@pytest.mark.django_db
def test_row_40_and_52_hostile_texts_stand_escaped(alice: User, charlie: User) -> None:
    """Chevereto, Coppermine, Gokapi, photologue: no tag and no foreign address gets into a page, a mail or a list."""
    program = program_of(alice)
    made = program.post("/galleries", {"title": BAD[:90], "retention": "7d"}).json()
    gallery = Gallery.objects.get(id=made["id"])
    Gallery.objects.update(description=BAD)
    image = hostile_image(gallery, program)
    charlie.is_staff = charlie.is_superuser = True
    charlie.save()
    pages = {
        alice: ["/", f"/g/{gallery.hex}/", f"/g/{gallery.hex}/edit/", f"/g/{gallery.hex}/i/{image.hex}/", "/deleted/"],
        charlie: ["/admin/galleries/gallery/", "/admin/galleries/image/", f"/admin/galleries/image/{image.id}/change/"],
    }
    for person, addresses in pages.items():
        for address in addresses:
            text = signed_in(person).get(address).content.decode()
            assert foreign_markup(text) == [], address
    assert "&lt;img" in signed_in(alice).get(f"/g/{gallery.hex}/").content.decode()  # it was there, harmless
    answer = program.get(f"/images/{image.hex}")
    assert answer["Content-Type"].startswith("application/json")
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_row_41_descriptions_are_plain_text(alice: User, gallery: Gallery) -> None:
    """Lychee CVE-2026-57568: a link in Markdown that ran a script."""
    Gallery.objects.update(description="[x](javascript:alert(1)) <javascript:alert(1)> data:text/html,x")
    text = signed_in(alice).get(f"/g/{gallery.hex}/").content.decode()
    assert not re.search(r"(?:href|src|action)=[\"']?\s*(?:javascript|data:text)", text)


# --- row 42: 10Web CVE-2021-24362 -------------------------------------------------------------------------------------

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
HTML = b"<!doctype html><script>alert(1)</script>"
SCRIPT = b"/*alert(1)*/=1;//"


@pytest.mark.django_db
def test_row_42_what_could_be_run_is_refused_or_loses_it(alice: User, gallery: Gallery) -> None:
    program = program_of(alice)
    for name, data in {"a.svg": SVG, "a.png": SVG, "a.jpg": HTML, "a.gif": b"GIF89a" + SCRIPT, "a.heic": HTML}.items():
        answer = program.upload(gallery, data, name=name)
        assert answer.status_code in {415, 422}, name
    assert not gallery.images.exists()
    polyglot = jpeg(3) + HTML  # a good photo with a page behind it
    body = program.upload(gallery, polyglot, name="both.html").json()
    media = Client().get(body["renditions"]["preview"]["url"])
    address = program.get(f"/images/{body['id']}/original")["Location"]
    original = Client().get(address)
    for stored in (media, original):
        assert b"<script>" not in b"".join(stored)
        assert stored["Content-Type"] == "image/jpeg"
        assert stored["X-Content-Type-Options"] == "nosniff"
        assert stored["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert original["Content-Disposition"].endswith('.jpg"')


# --- row 45: django-s3file CVE-2022-24840 -----------------------------------------------------------------------------


def test_row_45_no_field_holds_a_storage_key() -> None:
    """Neither a form's nor the API's: what is fetched or deleted is found by a row of the caller's."""
    from galleries.api.v1 import api

    schemas = api.get_openapi_schema()["components"]["schemas"]
    inputs = [name for name in schemas if not name.endswith(("Out", "Page", "Problem"))]
    fields = {field for name in inputs for field in schemas[name].get("properties", {})}
    for _, node in nodes(ast.ClassDef):
        if any("Form" in ast.unparse(base) for base in node.bases):
            fields |= {
                item.targets[0].id
                for item in node.body
                if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name)
            }
    assert {"title", "filename"} <= fields
    assert not {field for field in fields if re.search(r"(^|_)(key|path|bucket|object|url|location)s?$", field)} - {
        "original_url",
        "url",
    }


# --- row 48: libwebp CVE-2023-4863 ------------------------------------------------------------------------------------

# The first versions without a known hole that mattered here.
LEAST = {
    "pillow": (12, 0, 0),
    "pillow-heif": (1, 1, 0),
    "django": (5, 2, 8),
    "gunicorn": (23, 0, 0),
    "django-allauth": (65, 11, 0),
}


@pytest.mark.parametrize("package", sorted(LEAST))
def test_row_48_libraries_are_newer_than_their_known_holes(package: str) -> None:
    locked = re.search(rf"^{package}==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert locked
    assert tuple(map(int, locked[1].split("."))) >= LEAST[package]


# --- row 49: Wagtail CVE-2023-28837 -----------------------------------------------------------------------------------


def test_row_49_an_upload_is_never_held_in_memory() -> None:
    """Fifty megabytes in chunks of 64 kB: what is in memory meanwhile is a chunk or two, times twenty uploads."""
    request = RequestFactory().post("/")
    request.user = User()
    handlers = [HashingUploadHandler(request) for _ in range(20)]
    chunk = bytes(64 * 1024)
    for number, handler in enumerate(handlers):
        handler.new_file("file", f"{number}.jpg", "image/jpeg", None, None)
    tracemalloc.start()
    try:
        for _ in range(40):
            for handler in handlers:
                assert handler.receive_data_chunk(chunk, 0) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        for handler in handlers:
            handler.discard()
    assert peak < 4 * 1024 * 1024  # of the 50 that came


# --- row 51: Lychee CVE-2026-57569 ------------------------------------------------------------------------------------

CLIENTS = {"requests", "httpx", "aiohttp", "urllib.request", "http.client", "ftplib", "urllib3", "pycurl"}
# What speaks to a network: AWS's own client with configured addresses, and the command-line client, which is no server.
SPEAK = re.compile(r"^galleries/cli/")


def test_row_51_nothing_here_fetches_addresses() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, node in nodes(ast.Import, ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if name in CLIENTS and not SPEAK.match(str(path.relative_to(ROOT)))
    }
    assert found == set()


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["url", "source", "file_url"])
def test_row_51_an_address_instead_of_a_file_is_refused(field: str, alice: User, gallery: Gallery) -> None:
    answer = program_of(alice).upload(gallery, **{field: "http://127.0.0.1:1/secret.jpg"})
    assert answer.status_code == 422
