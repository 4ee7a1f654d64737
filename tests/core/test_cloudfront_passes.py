"""Passes for CloudFront, judged by a verifier that was written from AWS's rules and shares no code with the signer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from deploy.emulator.signed_urls import Refused, load_public_key, verify
from galleries.expiry import set_expiry
from galleries.models import Gallery, Image
from galleries.passes import WINDOW, Addresses
from galleries.sweeping import make_plan, run_sweep
from tests.aws.keys import key_pair
from tests.core.hidings import HIDINGS, Hide
from tests.core.world import HOUR, SECOND, START, add, clock, reload

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db
BASE = "https://media.example.org"
TRUSTED = {"K1": load_public_key(key_pair()[1]), "K2": load_public_key(key_pair("second")[1])}
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _delivered_by_cloudfront(settings: Settings) -> None:
    settings.CLOUDFRONT_BASE, settings.CLOUDFRONT_KEY_ID = BASE, "K1"
    settings.CLOUDFRONT_PRIVATE_KEY = key_pair()[0]


@pytest.fixture
def frozen() -> Iterator[datetime]:
    with clock(START):
        yield START


def _addresses(gallery: Gallery, now: datetime) -> Addresses:
    measured = Gallery.objects.measured(now).get(id=gallery.id)
    return Addresses(measured, now, measured.first_gone)


def _all(image: Image, addresses: Addresses) -> list[str]:
    return [addresses.rendition(image, "thumbnail"), addresses.rendition(image, "preview"), addresses.original(image)]


def _opens(address: str, now: datetime) -> bool:
    try:
        verify(address, now.timestamp(), TRUSTED)
    except Refused:
        return False
    return True


def _policy(address: str) -> dict[str, object]:
    text = dict(parse_qsl(urlsplit(address).query))["Policy"].translate(str.maketrans("-_~", "+=/"))
    policy: dict[str, object] = json.loads(base64.b64decode(text))
    return policy


def test_every_address_of_a_page_is_one_that_cloudfront_accepts(gallery: Gallery, frozen: datetime) -> None:
    images = [add(gallery, number) for number in range(3)]
    addresses = _addresses(gallery, frozen)
    for image in images:
        for address in _all(image, addresses):
            assert address.startswith(f"{BASE}/media/")
            assert _opens(address, frozen)
            assert len(address) < 2_048, "an address of more than some 2,000 characters is not safe everywhere"


def test_one_signature_opens_a_gallery_and_each_original_has_its_own(gallery: Gallery, frozen: datetime) -> None:
    images = [add(gallery, number) for number in range(5)]
    addresses = _addresses(gallery, frozen)
    looks = {urlsplit(addresses.rendition(image, spec)).query for image in images for spec in ("thumbnail", "preview")}
    assert len(looks) == 1
    first, second = addresses.original(images[0]), addresses.original(images[1])
    assert _opens(second, frozen)
    assert not _opens(first.replace(images[0].hex, images[1].hex), frozen)


def test_everybody_gets_the_same_addresses_for_a_quarter_of_an_hour(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
    seen = {tuple(_all(image, _addresses(gallery, START + n * MINUTE))) for n in range(60)}
    assert 4 <= len({thumbnail for thumbnail, _, _ in seen}) <= 5
    assert 4 <= len({original for _, _, original in seen}) <= 5


def test_a_pass_lives_fifteen_to_thirty_minutes_and_never_beyond_the_expiry(gallery: Gallery) -> None:
    with clock(START):
        image, other = add(gallery, 1), add(gallery, 2)
        set_expiry(reload(image), START + 10 * MINUTE, START)
    image = reload(image)
    addresses = _addresses(gallery, START)
    for address in _all(image, addresses):
        assert _opens(address, START + 10 * MINUTE - SECOND)
        assert not _opens(address, START + 10 * MINUTE), "from that second nobody is served"
    assert f"/r/{image.hex}/*" in str(_policy(addresses.rendition(image, "preview")))
    for address in _all(other, addresses):
        assert _opens(address, START + timedelta(seconds=WINDOW))
        assert not _opens(address, START + timedelta(seconds=2 * WINDOW))


@pytest.mark.parametrize("hide", HIDINGS.values(), ids=HIDINGS)
def test_no_fresh_pass_opens_what_is_hidden_as_long_as_it_is_stored(gallery: Gallery, hide: Hide) -> None:
    """CloudFront sees no row, and the files of what expired or was removed stay for the whole grace."""
    with clock(START) as time_:
        hidden, shown = add(gallery, 1), add(gallery, 2, has_expiry=True)
        path = _addresses(gallery, START).rendition(hidden, "preview").partition("?")[0]
        hide(reload(hidden), START)
        time_.move_to(START + HOUR)
        fresh = _addresses(gallery, START + HOUR).rendition(shown, "preview")
        assert _opens(fresh, START + HOUR)
        assert not _opens(f"{path}?{urlsplit(fresh).query}", START + HOUR)
        time_.move_to(swept := START + HOUR + settings.GRACE)
        run_sweep(make_plan(swept))
        assert _addresses(gallery, swept).shared is not None, "one signature is enough again"


def test_a_pass_opens_nothing_else(gallery: Gallery, frozen: datetime) -> None:
    image = add(gallery, 1)
    look, original = (
        _addresses(gallery, frozen).rendition(image, "preview"),
        _addresses(gallery, frozen).original(image),
    )
    stranger = f"ffff{gallery.hex[4:]}"
    path, query = look.split("?")
    for other in (
        look.replace(gallery.hex, stranger),
        look.replace("/r/", "/o/"),
        look.replace(BASE, "https://elsewhere.example.org"),
        look.replace("Key-Pair-Id=K1", "Key-Pair-Id=K2"),
        look.replace("Key-Pair-Id=K1", "Key-Pair-Id=K3"),
        look.replace("Signature=", "Signature=AAAA"),
        f"{look}&Policy=AAAA",
        path,
        f"{original.partition('?')[0]}?{query}",
        original.replace("attachment", "inline"),
    ):
        assert not _opens(other, frozen), other


def test_an_original_is_downloaded_under_its_name(gallery: Gallery, frozen: datetime) -> None:
    image = add(gallery, 1, filename="Übung *1*?.jpg")
    address = _addresses(gallery, frozen).original(image)
    assert _opens(address, frozen)
    asked = parse_qs(urlsplit(address).query)["response-content-disposition"]
    assert asked == ["attachment; filename*=utf-8''%C3%9Cbung%20%2A1%2A%3F.jpg"]


def test_while_a_key_is_rotated_both_open(gallery: Gallery, frozen: datetime, settings: Settings) -> None:
    image = add(gallery, 1)
    before = _all(image, _addresses(gallery, frozen))
    settings.CLOUDFRONT_KEY_ID, settings.CLOUDFRONT_PRIVATE_KEY = "K2", key_pair("second")[0]
    after = _all(image, _addresses(gallery, frozen))
    assert all(_opens(address, frozen) for address in [*before, *after])
    assert not set(before) & set(after)


def test_a_page_and_its_refreshed_pass_carry_the_same_signature(
    gallery: Gallery, frozen: datetime, alice_client: Client
) -> None:
    add(gallery, 1)
    page = alice_client.get(f"/g/{gallery.hex}/").content.decode().replace("&amp;", "&")
    fresh = alice_client.get(f"/g/{gallery.hex}/pass/").json()
    assert fresh["query"].startswith("Policy=")
    assert f"?{fresh['query']}" in page
