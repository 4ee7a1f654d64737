"""Passes: what they open, for how long, and what they never open."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cleanup_lambda.keys import parse_key
from galleries.expiry import set_expiry
from galleries.galleries import create_gallery
from galleries.models import Gallery, Image
from galleries.passes import WINDOW, Addresses, verify_pass, window_end
from tests.core.conftest import Fetch
from tests.core.world import DAY, SECOND, START, add, clock, reload

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def _addresses(gallery: Gallery, now: datetime) -> Addresses:
    measured = Gallery.objects.measured(now).get(id=gallery.id)
    return Addresses(measured, now, measured.first_gone)


def _end(address: str) -> int:
    return int(dict(parse_qsl(urlsplit(address).query))["u"])


def _all(image: Image, addresses: Addresses) -> dict[str, str]:
    return {
        "thumbnail": addresses.rendition(image, "thumbnail"),
        "preview": addresses.rendition(image, "preview"),
        "original": addresses.original(image),
    }


@hypothesis_settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(max_size=40), st.integers(0, 2**33))
def test_a_window_ends_in_15_to_30_minutes_and_stands_still_for_15(seed: str, now: int) -> None:
    end = window_end(seed, now)
    assert WINDOW < end - now <= 2 * WINDOW
    begins = end - 2 * WINDOW
    assert {window_end(seed, begins), window_end(seed, begins + WINDOW - 1)} == {end}
    assert window_end(seed, begins + WINDOW) == end + WINDOW


def test_galleries_do_not_all_change_their_addresses_at_the_same_moment() -> None:
    assert len({window_end(str(n), 0) for n in range(50)}) > 40


def test_addresses_repeat_for_a_quarter_of_an_hour(gallery: Gallery) -> None:
    with clock(START) as time_:
        image = add(gallery, 1)
        time_.move_to(window_end(gallery.hex, int(START.timestamp())) - WINDOW)
        first = _all(image, _addresses(gallery, timezone.now()))
        time_.shift(WINDOW - 1)
        second = _all(image, _addresses(gallery, timezone.now()))
        assert first["thumbnail"] == second["thumbnail"]
        assert first["preview"].partition("?")[2] == first["thumbnail"].partition("?")[2], "one signature for a page"
        time_.shift(1)
        assert _all(image, _addresses(gallery, timezone.now()))["thumbnail"] != first["thumbnail"]


@pytest.mark.parametrize("left", [1, 60, 899, 900, 901, 1200, 1799, 1800, 3600])
def test_no_pass_ends_after_the_earliest_expiry_under_it(gallery: Gallery, left: int) -> None:
    with clock(START):
        soon = add(gallery, 1, has_expiry=True, expires_at=START + left * SECOND)
        late = add(gallery, 2)
        addresses = _addresses(gallery, START)
        ends = START.timestamp() + left
        for image in (soon, late):
            for address in _all(image, addresses).values():
                scope = dict(parse_qsl(urlsplit(address).query))["p"]
                covered = ends if scope == "r" or image == soon else float("inf")
                assert START.timestamp() < _end(address) <= covered
        assert (addresses.shared is None) == (left < WINDOW)
        assert _end(addresses.rendition(late, "preview")) > START.timestamp() + min(left, WINDOW) - 1


def test_the_fraction_of_a_second_is_not_given_away(gallery: Gallery, ask: Fetch) -> None:
    with clock(START) as time_:
        image = add(gallery, 1, has_expiry=True, expires_at=START + 60 * SECOND + SECOND / 2)
        address = _addresses(gallery, START).rendition(image, "thumbnail")
        assert _end(address) == int(START.timestamp()) + 60
        time_.shift(59.9)
        assert ask(address).status == 200
        time_.shift(0.2)
        assert ask(address).status == 404


def test_every_address_of_a_page_opens_its_object(gallery: Gallery, ask: Fetch) -> None:
    for near in (False, True):
        with clock(START) as time_:
            image = add(gallery, 10 + near, has_expiry=near, expires_at=START + 60 * SECOND if near else None)
            for address in _all(image, _addresses(gallery, START)).values():
                assert ask(address).status == 200
            time_.shift(2 * DAY if not near else 60)
            for address in _all(image, _addresses(gallery, START)).values():
                assert ask(address).status == 404


def test_the_answer_to_an_upload_does_not_outlive_its_neighbours(gallery: Gallery, alice_client: Client) -> None:
    """The JSON answer carries a gallery-wide pass: it must look at the whole gallery's earliest expiry."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    soon = add(gallery, 1)
    ends = timezone.now() + 5 * MINUTE
    set_expiry(soon, ends, timezone.now())
    answer = alice_client.post(
        f"{gallery.get_absolute_url()}upload/",
        {"file": SimpleUploadedFile("a.jpg", b"some picture")},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 201, answer.content
    for rendition in answer.json()["image"]["renditions"].values():
        query = dict(parse_qsl(urlsplit(rendition["url"]).query))
        assert query["p"] == "i" or int(query["u"]) <= ends.timestamp()


def _opens(ask: Fetch, address: str) -> bool:
    answer = ask(address)
    assert answer.status in {200, 404}
    if answer.status == 404:
        assert answer.body != b""
        assert "Content-Disposition" not in answer.headers
    return answer.status == 200


def test_a_pass_opens_nothing_else(gallery: Gallery, ask: Fetch) -> None:
    other = create_gallery(gallery.owner, title="Other", retention="7d", now=timezone.now())
    mine, second, theirs = add(gallery, 1), add(gallery, 2), add(other, 1)
    now = timezone.now()
    queries = {
        "look": _addresses(gallery, now).rendition(mine, "preview").partition("?")[2],
        "one": Addresses(gallery, now, now + MINUTE).rendition(mine, "preview").partition("?")[2],
        "original": _addresses(gallery, now).original(mine).partition("?")[2],
    }
    opened = {
        name: {key for image in (mine, second, theirs) for key in image.keys if _opens(ask, f"/{key}?{query}")}
        for name, query in queries.items()
    }
    assert opened["look"] == {*mine.rendition_keys, *second.rendition_keys}
    assert opened["one"] == set(mine.rendition_keys)
    assert opened["original"] == {mine.original_key}


def test_a_forged_pass_opens_nothing(gallery: Gallery, ask: Fetch) -> None:
    image = add(gallery, 1)
    address = _addresses(gallery, timezone.now()).rendition(image, "thumbnail")
    path, _, query = address.partition("?")
    good = dict(parse_qsl(query))
    assert _opens(ask, address)
    signature = good["s"]
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    forgeries = [
        {},
        {"p": "r"},
        good | {"s": ""},
        good | {"s": flipped},
        good | {"s": signature[:-1]},
        good | {"s": signature + "="},
        good | {"s": signature + "A"},
        good | {"u": str(int(good["u"]) + 1)},
        good | {"u": "9" * 12},
        good | {"u": "9" * 30},
        good | {"u": "-1"},
        good | {"u": "1e12"},
        good | {"u": "\u0661\u0662"},
        good | {"u": ""},
        good | {"p": "i"},
        good | {"p": "o"},
        good | {"p": ""},
        good | {"p": "R"},
        good | {"s": "\u00e9" * 22},
        good | {"s": "\x00"},
    ]
    for forged in forgeries:
        text = "&".join(f"{name}={quote(value)}" for name, value in forged.items())
        assert not _opens(ask, f"{path}?{text}"), forged


PATHS = [
    "..%2f",
    "%2e%2e/",
    "..%252f",
    "%00",
    "%5c",
    "\\",
    "//",
    "%0a",
    "%0d%0a",
    "./",
]


@pytest.mark.parametrize("piece", PATHS)
def test_a_path_that_is_not_a_key_opens_nothing(gallery: Gallery, ask: Fetch, piece: str) -> None:
    image = add(gallery, 1)
    path, _, query = _addresses(gallery, timezone.now()).rendition(image, "thumbnail").partition("?")
    for place in (len("/media/"), path.rindex("/") + 1, len(path)):
        assert not _opens(ask, f"{path[:place]}{piece}{path[place:]}?{query}"), (place, piece)


def test_other_spellings_of_a_path_open_nothing(gallery: Gallery, ask: Fetch) -> None:
    image = add(gallery, 1)
    path, _, query = _addresses(gallery, timezone.now()).rendition(image, "thumbnail").partition("?")
    shouted = path.replace(image.hex, image.hex.upper())
    spellings = [
        shouted,
        path.replace("/media/", "/Media/"),
        path.replace(".webp", ".WEBP"),
        path + "/",
        path + ".",
        path + "%20",
        path.replace("thumbnail", "nothing"),
        path.replace("/r/", "/o/"),
        "/media/",
        "/media/x",
        path.rpartition("/")[0],
        path.replace(gallery.hex, "0" * 32),
        path.replace(gallery.owner.id.hex, "0" * 32),
        path.replace(".webp", ".jpg"),
    ]
    for spelling in spellings:
        assert not _opens(ask, f"{spelling}?{query}"), spelling


def test_an_address_of_another_owner_for_the_same_image_opens_nothing(gallery: Gallery) -> None:
    """The row is asked with owner, gallery and image together, so that no signed key can name a foreign image."""
    from galleries.media import _served_image

    image = add(gallery, 1)
    now = timezone.now()
    key = parse_key(image.original_key)
    assert key is not None
    served = _served_image(key, now)
    assert served is not None
    assert served.stored_sha256 == image.stored_sha256
    for wrong in (
        image.original_key.replace(gallery.hex, "1" * 32),
        image.original_key.replace(gallery.owner.id.hex, "1" * 32),
    ):
        parsed = parse_key(wrong)
        assert parsed is not None
        assert _served_image(parsed, now) is None


def test_a_pass_ends_at_its_second(gallery: Gallery) -> None:
    image = add(gallery, 1)
    now = timezone.now()
    path, _, text = _addresses(gallery, now).original(image).partition("?")
    key, query = parse_key(path[1:]), dict(parse_qsl(text))
    assert key is not None
    assert verify_pass(key, path[1:], query, int(query["u"]) - 1)
    assert not verify_pass(key, path[1:], query, int(query["u"]))


def test_another_secret_opens_nothing(gallery: Gallery, ask: Fetch, settings: object) -> None:
    image = add(gallery, 1)
    address = _addresses(gallery, timezone.now()).rendition(image, "thumbnail")
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    assert not _opens(ask, address)


def test_a_fresh_pass_is_for_the_owner(gallery: Gallery, alice_client: Client, ask: Fetch, charlie: object) -> None:
    image = add(gallery, 1)
    url = f"{gallery.get_absolute_url()}pass/"
    answer = alice_client.get(url).json()
    assert _opens(ask, f"/{image.rendition_key('preview')}?{answer['query']}")
    assert answer["queries"] == {}
    assert int(dict(parse_qsl(answer["query"]))["u"]) == answer["until"]
    stranger = Client()
    assert stranger.get(url).status_code == 302
    stranger.force_login(charlie)  # type: ignore[arg-type]
    assert stranger.get(url).status_code == 404
    assert alice_client.post(url).status_code == 405


def test_a_fresh_pass_near_an_expiry_is_by_image(gallery: Gallery, alice_client: Client, ask: Fetch) -> None:
    with clock(START) as time_:
        soon = add(gallery, 1, has_expiry=True, expires_at=START + 60 * SECOND)
        late = add(gallery, 2)
        url = f"{gallery.get_absolute_url()}pass/?ids={soon.hex},{late.hex},x,{'0' * 32}"
        answer = alice_client.get(url).json()
        assert answer["query"] == ""
        assert set(answer["queries"]) == {soon.hex, late.hex}
        assert answer["until"] == int(START.timestamp()) + 60
        for image in (soon, late):
            assert _opens(ask, f"/{image.rendition_key('preview')}?{answer['queries'][image.hex]}")
        time_.shift(60)
        assert set(alice_client.get(url).json()) == {"until", "query", "queries"}
        assert alice_client.get(url).json()["query"]
        assert reload(late).is_live(timezone.now())
