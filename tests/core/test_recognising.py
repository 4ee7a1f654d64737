""" "Already here" questions: asked by hashes, before a byte is sent."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from galleries.models import Gallery
from galleries.recognising import MAX_HASHES, find_held
from galleries.removal import remove_images
from galleries.uploads import UploadOptions
from gallery_site.accounts.models import User
from tests.pictures import jpeg, store

CHOSEN = hashlib.sha256(b"as the camera wrote it").hexdigest()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def held(gallery: Gallery) -> str:
    """The id of an image that was compressed from CHOSEN."""
    return store(gallery, jpeg(1), options=UploadOptions(source_sha256=CHOSEN)).image.hex


def ask(client: Client, gallery: Gallery, body: Any) -> Any:
    return client.post(f"/g/{gallery.hex}/check/", body, content_type="application/json", headers={"Accept": "*/json"})


def test_found_by_the_chosen_file_and_by_the_sent_bytes(gallery: Gallery, held: str) -> None:
    found = find_held(gallery, [CHOSEN, digest(jpeg(1)), digest(jpeg(2))], timezone.now())
    assert {each: (one.image_id.hex, one.exact) for each, one in found.items()} == {
        CHOSEN: (held, False),
        digest(jpeg(1)): (held, True),
    }


def test_of_several_the_closest_to_the_file_is_told(gallery: Gallery) -> None:
    """The file itself before anything that was made from it, then the one with the most pixels."""
    chosen = jpeg(9)
    options = UploadOptions(source_sha256=digest(chosen))
    found = []
    for body, edge in ((jpeg(1), 96), (jpeg(2), 64), (chosen, 32)):
        image = store(gallery, body, options=options).image
        gallery.images.filter(id=image.id).update(width=edge, height=edge)
        found.append(find_held(gallery, [digest(chosen)], timezone.now())[digest(chosen)])
    assert [(each.width, each.exact) for each in found] == [(96, False), (96, False), (32, True)]


def test_what_is_hidden_is_not_held(gallery: Gallery, held: str) -> None:
    later = timezone.now() + timedelta(days=400)
    assert find_held(gallery, [CHOSEN], later) == {}
    remove_images(gallery, [gallery.images.get().id], timezone.now())
    assert find_held(gallery, [CHOSEN, digest(jpeg(1))], timezone.now()) == {}


def test_another_gallery_holds_nothing(gallery: Gallery, held: str, alice: User) -> None:
    other = Gallery.objects.create(owner=alice, title="Other", created_at=timezone.now())
    assert find_held(other, [CHOSEN, digest(jpeg(1))], timezone.now()) == {}


def test_no_hash_matches_the_images_without_one(gallery: Gallery) -> None:
    store(gallery, jpeg(1))
    assert find_held(gallery, ["", "g" * 64, CHOSEN.upper()], timezone.now()) == {}


def test_the_number_of_queries_does_not_grow(
    gallery: Gallery, held: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, MAX_HASHES):
        with django_assert_num_queries(2):
            find_held(gallery, [digest(jpeg(each)) for each in range(count)], timezone.now())


def test_the_page_asks(client: Client, alice: User, gallery: Gallery, held: str) -> None:
    client.force_login(alice)
    answer = ask(client, gallery, {"hashes": [CHOSEN, digest(jpeg(7))]})
    assert answer.json() == {"held": {CHOSEN: {"image": held, "width": 64, "height": 48, "exact": False}}}


def test_browser_that_repeats_an_upload_is_told_so(client: Client, alice: User, gallery: Gallery) -> None:
    """Browsers send a request again by themselves; "here already" would speak of the very same upload."""
    client.force_login(alice)

    def send(key: str) -> Any:
        file = SimpleUploadedFile("a.jpg", jpeg(1), "image/jpeg")
        headers = {"Accept": "application/json", **({"Idempotency-Key": key} if key else {})}
        return client.post(f"/g/{gallery.hex}/upload/", {"file": file}, headers=headers).json()

    answers = [send(key) for key in ("one", "one", "two", "")]
    assert [(each["duplicate"], each["repeated"]) for each in answers] == [
        (False, False),
        (True, True),
        (True, False),
        (True, False),
    ]
    assert len({each["image"]["id"] for each in answers}) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("[]", 400),
        ("{}", 400),
        ("[" * 50_000, 400),
        ('{"hashes": {}}', 422),
        ('{"hashes": [1]}', 422),
        ('{"hashes": [' + ",".join(['""'] * (MAX_HASHES + 1)) + "]}", 422),
    ],
)
def test_nonsense_is_refused(client: Client, alice: User, gallery: Gallery, body: str, status: int) -> None:
    client.force_login(alice)
    assert ask(client, gallery, body).status_code == status


def test_a_form_is_no_question(client: Client, alice: User, gallery: Gallery) -> None:
    client.force_login(alice)
    assert client.post(f"/g/{gallery.hex}/check/", {"hashes": CHOSEN}).status_code == 400
