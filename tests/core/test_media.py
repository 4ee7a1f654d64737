"""Delivery: ranges, conditions, headers, and nothing that is not live (RFC 9110)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from galleries.filenames import clean_filename
from galleries.galleries import change_gallery
from galleries.media import MediaApplication, StartResponse
from galleries.models import Gallery, Image, State
from galleries.moderation import take_down
from galleries.passes import Addresses
from galleries.removal import delete_for_good, remove_gallery, remove_images, restore_gallery
from galleries.storage import LocalMediaStorage, StorageError
from tests.core.conftest import Fetch
from tests.core.test_filenames import NAMES
from tests.core.world import DAY, HOUR, START, add, check_world, clock, fetch, picture, reload

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

pytestmark = pytest.mark.django_db
BODY = picture(1)


def _original(image: Image) -> str:
    return Addresses(image.gallery, timezone.now(), image.expires_at).original(image)


def _rendition(image: Image, spec: str = "thumbnail") -> str:
    return Addresses(image.gallery, timezone.now(), image.expires_at).rendition(image, spec)


@pytest.fixture
def image(gallery: Gallery) -> Image:
    return add(gallery, 1)


def test_the_whole_is_sent_with_its_length(image: Image, ask: Fetch) -> None:
    answer = ask(_original(image))
    assert answer.status == 200
    assert answer.body == BODY
    assert answer.headers["Content-Length"] == str(len(BODY))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == f'"{image.stored_sha256}"'


@pytest.mark.parametrize("failure", [StorageError("down"), OSError(5, "Input/output error")])
def test_a_store_that_fails_while_a_small_file_is_read_is_unavailable(
    image: Image, ask: Fetch, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise failure

    monkeypatch.setattr(LocalMediaStorage, "open_object", lambda self, key: Failing(BODY))
    answer = ask(_rendition(image))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


def test_its_connection_is_free_before_the_first_byte_leaves(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for slow readers, or for their next request, would use up a pool (PostgreSQL)."""
    steps: list[str] = []
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: steps.append("free"))
    environ = RequestFactory().get(_original(image)).environ

    def ask(execute: Callable[..., Any], *query: Any) -> Any:
        steps.append("asked")
        return execute(*query)

    with connection.execute_wrapper(ask):
        MediaApplication(_no_site)(environ, lambda status, headers: steps.append(status))
    assert steps == ["asked", "free", "200 OK"]


def _no_site(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    raise AssertionError("it was passed on")


SIZE = len(BODY)


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=5-9", 5, 10),
        ("bytes=90-1000", 90, SIZE),
        (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        ("bytes=-1000", 0, SIZE),
        ("Bytes=5-9", 5, 10),
    ],
)
def test_a_range_is_sent(image: Image, ask: Fetch, header: str, start: int, end: int) -> None:
    answer = ask(_original(image), headers={"Range": header})
    assert answer.status == 206
    assert answer.body == BODY[start:end]
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(image: Image, ask: Fetch, header: str) -> None:
    answer = ask(_original(image), headers={"Range": header})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert answer.headers["Cache-Control"] == "no-store"  # nobody is to take it for the object
    assert not {"Content-Type", "Content-Disposition", "ETag"} & set(answer.headers)
    assert answer.body == b""


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-1,5-6",
        "bytes=9-5",
        "bytes=-",
        "bytes=",
        "items=0-1",
        "bytes=a-b",
        "bytes=0-1;",
        "0-1",
        "bytes=" + "1" * 40 + "-",
    ],
)
def test_a_range_that_is_not_understood_is_ignored(image: Image, ask: Fetch, header: str) -> None:
    answer = ask(_original(image), headers={"Range": header})
    assert answer.status == 200
    assert answer.body == BODY


def test_if_range_sends_the_whole_of_a_changed_object(image: Image, ask: Fetch) -> None:
    url = _original(image)
    tag = ask(url).headers["ETag"]
    assert ask(url, headers={"Range": "bytes=0-0", "If-Range": tag}).status == 206
    for other in ('"x"', f"W/{tag}", "Sun, 03 May 2026 12:00:00 GMT"):
        assert ask(url, headers={"Range": "bytes=0-0", "If-Range": other}).status == 200


@pytest.mark.parametrize("condition", ["{}", "W/{}", '"a", {}', "*", '"a",W/{} , "b"'])
def test_what_is_known_is_304(image: Image, ask: Fetch, condition: str) -> None:
    url = _original(image)
    first = ask(url)
    answer = ask(url, headers={"If-None-Match": condition.format(first.headers["ETag"])})
    assert answer.status == 304
    assert answer.body == b""
    assert answer.headers["ETag"] == first.headers["ETag"]
    assert answer.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert ask(url, headers={"If-None-Match": '"other"'}).status == 200


def test_head_has_the_headers_and_no_body(image: Image, ask: Fetch) -> None:
    for url in (_original(image), _rendition(image)):
        get, head = ask(url), ask(url, "HEAD")
        assert head.status == 200
        assert head.body == b""
        for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Accept-Ranges"):
            assert head.headers[name] == get.headers[name]


def test_a_range_is_for_get_alone(image: Image, ask: Fetch) -> None:
    """RFC 9110, section 14.2: a range of another method is ignored."""
    head = ask(_original(image), "HEAD", {"Range": "bytes=0-0"})
    assert head.status == 200
    assert head.headers["Content-Length"] == str(SIZE)


def test_other_methods_are_refused(image: Image, ask: Fetch) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert ask(_original(image), method).status == 405


def test_headers_close_every_door(image: Image, ask: Fetch) -> None:
    for url, kind in (
        (_original(image), "image/jpeg"),
        (_rendition(image), "image/webp"),
        (_rendition(image, "preview"), "image/jpeg"),
    ):
        answer = ask(url)
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-site"
        assert "Set-Cookie" not in answer.headers
    assert "Content-Disposition" not in ask(_rendition(image)).headers


def test_caches_keep_it_no_longer_than_it_lives(gallery: Gallery, ask: Fetch) -> None:
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        assert ask(_original(image)).headers["Cache-Control"] == "max-age=900, s-maxage=3600, immutable"
        time_.shift(3_000)
        assert ask(_original(image)).headers["Cache-Control"] == "max-age=600, s-maxage=600, immutable"
        never = add(gallery, 2, has_expiry=True, expires_at=None)
        assert ask(_original(never)).headers["Cache-Control"] == "max-age=900, s-maxage=86400, immutable"


HARMLESS = re.compile(
    r"""attachment; filename(="([^"\\/]|\\["\\])*"|\*=utf-8''[A-Za-z0-9!#$&+.^_`|~%*()'-]*)""", re.ASCII
)


def test_hostile_names_are_harmless_in_the_header(gallery: Gallery, ask: Fetch) -> None:
    image = add(gallery, 1)
    for name in NAMES:
        Image.objects.update(filename=clean_filename(name))
        header = ask(_original(image)).headers["Content-Disposition"]
        assert re.fullmatch(r"[\x20-\x7e]*", header), "one line of ASCII"
        assert HARMLESS.fullmatch(header), header


HIDINGS = [
    "expired",
    "removed",
    "taken down",
    "gallery removed",
    "owner suspended",
    "deleting",
    "emptied",
    "pending",
    "dropped",
]


@pytest.mark.parametrize("how", HIDINGS)
def test_what_is_not_live_is_404_at_once(gallery: Gallery, alice: User, ask: Fetch, how: str) -> None:
    """An address that was handed out before is worth nothing any more on one machine."""
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + HOUR / 6)
        urls = [_original(image), _rendition(image), _rendition(image, "preview")]
        assert {ask(url).status for url in urls} == {200}
        _hide(image, alice, how)
        if how == "expired":
            time_.move_to(START + HOUR / 6)
        answers = [ask(url) for url in urls]
        assert {answer.status for answer in answers} == {404}
        tags = [ask(url, headers={"If-None-Match": "*"}).status for url in urls]
        assert tags == [404] * 3
        assert {ask(url, "HEAD").status for url in urls} == {404}
        bodies = {answer.body for answer in answers}
        assert bodies == {ask(f"/media/{'0' * 32}").body}, "as if it never was"


def _hide(image: Image, alice: User, how: str) -> None:
    now = timezone.now()
    if how == "removed":
        remove_images(image.gallery, [image.id], now)
    elif how == "taken down":
        take_down([image], now)
    elif how == "gallery removed":
        remove_gallery(image.gallery, now)
    elif how == "owner suspended":
        alice.is_active = False
        alice.save()
    elif how in set(State):
        Image.objects.update(state=how)
    elif how == "dropped":
        Image.objects.all().delete()


def test_a_gallery_restored_serves_again(gallery: Gallery, ask: Fetch) -> None:
    image = add(gallery, 1)
    url = _rendition(image)
    remove_gallery(gallery, timezone.now())
    restore_gallery(gallery, timezone.now())
    assert ask(url).status == 200


def test_an_object_that_is_missing_is_404_and_a_store_that_fails_503(
    image: Image, ask: Fetch, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(self: LocalMediaStorage, key: str) -> object:
        raise StorageError("down")

    with monkeypatch.context() as patch:
        patch.setattr(LocalMediaStorage, "open_object", down)
        answer = ask(_rendition(image), headers={"Accept": "application/json"})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    (data_dir / image.rendition_key("thumbnail")).unlink()
    assert ask(_rendition(image)).status == 404


def test_files_are_closed(image: Image, ask: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[BinaryIO] = []
    real = LocalMediaStorage.open_object

    def remember(self: LocalMediaStorage, key: str) -> BinaryIO:
        opened.append(real(self, key))
        return opened[-1]

    monkeypatch.setattr(LocalMediaStorage, "open_object", remember)
    url = _original(image)
    ask(url)
    ask(url, "HEAD")
    ask(url, headers={"Range": "bytes=500-"})
    ask(url, headers={"If-None-Match": "*"})
    assert len(opened) == 3
    assert all(file.closed for file in opened)


def test_expired_is_gone_from_every_page_at_the_second(gallery: Gallery, alice_client: Client, data_dir: Path) -> None:
    """P2, walked: page, list, counts, cover, image, original, zip, pass, bin, front page."""
    name = "a-name-to-look-for.jpg"
    with clock(START) as time_:
        image = add(gallery, 1, filename=name, has_expiry=True, expires_at=START + HOUR)
        base = gallery.get_absolute_url()
        pages = [base, "/", f"{base}bin/", "/deleted/", f"{base}edit/"]
        things = [image.get_absolute_url(), f"{image.get_absolute_url()}original/", f"{base}zip/"]
        assert image.hex in alice_client.get(base).content.decode()
        assert [fetch(alice_client, url).status for url in things] == [200, 302, 200]
        time_.move_to(START + HOUR)
        for url in pages:
            text = alice_client.get(url).content.decode()
            assert name not in text, url
            assert image.hex not in text, url
        assert [alice_client.get(url).status_code for url in things] == [404] * 3
        assert alice_client.get(base).context["count"] == 0
        assert alice_client.get("/").context["cards"][0].cover is None
        assert alice_client.get(f"{base}pass/?ids={image.hex}").json()["queries"] == {}
        assert alice_client.get(base, headers={"HX-Request": "true"}).context["tiles"] == []
        for action in ("delete", "restore", "purge", "extend", "cover", "download"):
            data = {"action": action, "ids": image.hex, "retention": "30d"}
            alice_client.post(f"{base}images/", data)
            row = reload(image)
            assert row.expires_at == START + HOUR, action
            assert not row.is_live(timezone.now())
        check_world(timezone.now(), data_dir)


def test_what_expires_in_the_bin_is_gone_from_the_bin(gallery: Gallery, alice_client: Client) -> None:
    name = "a-name-to-look-for.jpg"
    with clock(START) as time_:
        image = add(gallery, 1, filename=name, has_expiry=True, expires_at=START + HOUR)
        remove_images(gallery, [image.id], START)
        url = f"{gallery.get_absolute_url()}bin/"
        assert image.hex in alice_client.get(url).content.decode()
        assert alice_client.get("/deleted/").context["bins"]
        time_.move_to(START + HOUR)
        text = alice_client.get(url).content.decode()
        assert name not in text
        assert image.hex not in text
        assert not alice_client.get("/deleted/").context["bins"]
        assert delete_for_good(gallery, [image.id], timezone.now()) == 1


def test_a_policy_made_shorter_reaches_the_headers_at_once(gallery: Gallery, ask: Fetch) -> None:
    with clock(START):
        image = add(gallery, 1)
        url = _original(image)
        change_gallery(gallery, title="S", description="", retention="1h", apply_to_existing=True, now=START)
        assert ask(url).headers["Cache-Control"] == "max-age=900, s-maxage=3600, immutable"
        assert reload(image).expires_at == START + HOUR < START + DAY
