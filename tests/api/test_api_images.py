from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from galleries import passes
from galleries.access import own_restorable_image
from galleries.expiry import set_expiry
from galleries.models import Gallery, Image, State
from galleries.moderation import take_down
from galleries.removal import remove_images, restore_image
from gallery_site.accounts.models import User
from tests.api.program import NOBODY, Program, copies, is_problem, moment
from tests.pictures import store_image

FIELDS = {
    "id", "gallery_id", "filename", "content_type", "bytes", "width", "height", "sha256", "stored_sha256",
    "created_at", "taken_at", "expires_at", "original_url", "renditions",
}  # fmt: skip


def test_get_answers_the_image_with_open_addresses(program: Program, gallery: Gallery, image: Image) -> None:
    body = program.get(f"/images/{image.hex}").json()
    assert set(body) == FIELDS
    assert (body["id"], body["gallery_id"]) == (image.hex, gallery.hex)
    assert (body["content_type"], body["width"], body["height"]) == ("image/jpeg", 64, 48)
    assert (body["bytes"], body["sha256"], body["stored_sha256"]) == (image.bytes, image.sha256, image.stored_sha256)
    assert moment(body["expires_at"]) == image.expires_at
    assert moment(body["created_at"]) == image.created_at
    assert set(body["renditions"]) == {"thumbnail", "preview"}
    assert all((each["width"], each["height"]) == (64, 48) for each in body["renditions"].values())
    for address in (body["original_url"], *(each["url"] for each in body["renditions"].values())):
        assert address.startswith("/media/")
        response = program.client.get(address)  # no token, no cookie
        assert (response.status_code, bool(response.getvalue())) == (200, True)


def test_original_sends_to_a_signed_address(program: Program, image: Image) -> None:
    response = program.get(f"/images/{image.hex}/original")
    assert (response.status_code, response.content, "Content-Type" in response.headers) == (302, b"", False)
    assert "no-store" in response["Cache-Control"]
    assert len(program.client.get(response["Location"]).getvalue()) == image.bytes


def test_head_answers_like_get(program: Program, image: Image) -> None:
    response = program.send("HEAD", f"/images/{image.hex}")
    assert (response.status_code, response.content) == (200, b"")


def test_no_address_outlives_another_image_of_the_gallery(program: Program, gallery: Gallery, image: Image) -> None:
    soon = timezone.now() + timedelta(minutes=20)
    other = store_image(gallery, 2)
    set_expiry(other, soon, timezone.now())
    address = program.get(f"/images/{image.hex}").json()["renditions"]["preview"]["url"]
    ends = int(address.split("u=")[1].split("&")[0])
    assert ends <= soon.timestamp()


def test_list_pages_newest_first_and_stable_under_inserts(program: Program, gallery: Gallery, image: Image) -> None:
    order = [each.hex for each in sorted([image, *copies(image, 4)], key=lambda each: each.id, reverse=True)]
    path = f"/galleries/{gallery.hex}/images"
    first = program.get(f"{path}?limit=2").json()
    copies(image, 1)
    second = program.get(f"{path}?limit=2&cursor={first['next']}").json()
    third = program.get(f"{path}?limit=2&cursor={second['next']}").json()
    assert [item["id"] for page in (first, second, third) for item in page["items"]] == order
    assert third["next"] is None
    assert set(first["items"][0]) == FIELDS


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=1.5", "limit=null"])
def test_list_refuses_a_wrong_limit(program: Program, gallery: Gallery, query: str) -> None:
    assert is_problem(program.get(f"/galleries/{gallery.hex}/images?{query}"), "invalid_request", "limit")


@pytest.mark.parametrize("cursor", ["x", "zz." + "0" * 32, "1.", "f" * 60 + "." + "0" * 32, "-1.x", "%00"])
def test_list_refuses_a_forged_cursor(program: Program, gallery: Gallery, cursor: str) -> None:
    path = f"/galleries/{gallery.hex}/images?cursor={cursor}"
    assert is_problem(program.get(path), "invalid_request", "cursor")


def test_a_cursor_opens_nothing(program: Program, stranger: Program, gallery: Gallery, image: Image) -> None:
    copies(image, 2)
    cursor = program.get(f"/galleries/{gallery.hex}/images?limit=1").json()["next"]
    assert is_problem(stranger.get(f"/galleries/{gallery.hex}/images?cursor={cursor}"), "not_found")


def test_list_costs_the_same_for_twice_as_many(
    program: Program, gallery: Gallery, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[str] = []
    real = passes.HmacSigner.sign

    def sign(self: passes.HmacSigner, scope: str, resource: str, until: int) -> str:
        signed.append(scope)
        return real(self, scope, resource, until)

    monkeypatch.setattr(passes.HmacSigner, "sign", sign)
    path = f"/galleries/{gallery.hex}/images"
    copies(image, 24)
    with CaptureQueriesContext(connection) as before:
        assert len(program.get(path).json()["items"]) == 25
    copies(image, 25)
    signed.clear()
    with CaptureQueriesContext(connection) as after:
        assert len(program.get(path).json()["items"]) == 50
    assert len(after) <= 3
    assert len(before) <= 5  # it also looks up the token's limit and notes its use
    assert signed.count("r") == 1
    assert "i" not in signed


def test_patch_expiry_shorter_longer_and_never(program: Program, image: Image) -> None:
    path = f"/images/{image.hex}"
    now = timezone.now()
    for days in (2, 30):
        wanted = now + timedelta(days=days)
        body = program.patch(path, {"expires_at": wanted.isoformat()}).json()
        assert set(body) == FIELDS
        assert moment(body["expires_at"]) == wanted
        image.refresh_from_db()
        assert image.expires_at == wanted
    assert program.patch(path, {"expires_at": None}).json()["expires_at"] is None
    assert program.patch(path, {"filename": "x.jpg"}).json()["expires_at"] is None
    image.refresh_from_db()
    assert (image.expires_at, image.due_at) == (None, None)


def test_patch_takes_other_offsets(program: Program, image: Image) -> None:
    year = timezone.now().year + 1
    body = program.patch(f"/images/{image.hex}", {"expires_at": f"{year}-05-03T14:05:00+02:00"}).json()
    assert body["expires_at"] == f"{year}-05-03T12:05:00Z"


def test_patch_twice_is_the_same(program: Program, image: Image) -> None:
    change = {"expires_at": (timezone.now() + timedelta(days=20)).isoformat(), "filename": "b.jpg"}
    first, second = (program.patch(f"/images/{image.hex}", change).json() for _ in range(2))
    assert first == second


def test_patch_cleans_the_filename(program: Program, image: Image) -> None:
    body = program.patch(f"/images/{image.hex}", {"filename": "../../etc/\u202egpj.exe\r\n"}).json()
    assert body["filename"] == "gpj.exe"
    image.refresh_from_db()
    assert image.filename == "gpj.exe"
    assert image.version == 2  # the record has to learn of it


@pytest.mark.parametrize(
    ("change", "code", "fields"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expiry_in_past", ["expires_at"]),
        ({"expires_at": "2026-05-03T14:05:00"}, "invalid_request", ["expires_at"]),
        ({"expires_at": "2026-05-03"}, "invalid_request", ["expires_at"]),
        ({"expires_at": "2026-13-03T14:05:00Z"}, "invalid_request", ["expires_at"]),
        ({"expires_at": "2027-02-30T14:05:00Z"}, "invalid_request", ["expires_at"]),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "invalid_request", ["expires_at"]),
        ({"expires_at": "0000-01-01T00:00:00Z"}, "invalid_request", ["expires_at"]),
        ({"expires_at": 1_900_000_000}, "invalid_request", ["expires_at"]),
        ({"expires_at": ""}, "invalid_request", ["expires_at"]),
        ({"expires_at": True}, "invalid_request", ["expires_at"]),
        ({"expires_at": ["2030-01-01T00:00:00Z"]}, "invalid_request", ["expires_at"]),
        ({"filename": None}, "invalid_request", ["filename"]),
        ({"filename": ""}, "invalid_request", ["filename"]),
        ({"filename": 7}, "invalid_request", ["filename"]),
        ({"filename": "x" * 1_001}, "invalid_request", ["filename"]),
        ({"expires_at": "soon", "filename": None}, "invalid_request", ["expires_at", "filename"]),
        ({"state": "ready"}, "invalid_request", ["state"]),
        ({"bytes": 0, "gallery_id": "0" * 32}, "invalid_request", ["bytes", "gallery_id"]),
        ({"filename": "fine.jpg", "owner": "bob"}, "invalid_request", ["owner"]),
        ({"filename": "fine.jpg", "removed_at": None, "keys": []}, "invalid_request", ["removed_at", "keys"]),
    ],
)
def test_patch_refuses(program: Program, image: Image, change: Any, code: str, fields: list[str]) -> None:
    before = Image.objects.values().get()
    assert is_problem(program.patch(f"/images/{image.hex}", change), code, *fields)
    assert Image.objects.values().get() == before


def test_patch_beyond_the_maximum_is_refused(program: Program, image: Image, settings: Settings) -> None:
    settings.GALLERY_MAX_RETENTION = "30d"
    late = (timezone.now() + timedelta(days=31)).isoformat()
    for expires_at in (late, None):
        change = {"expires_at": expires_at, "filename": "new.jpg"}
        assert is_problem(program.patch(f"/images/{image.hex}", change), "expiry_too_late", "expires_at")
    image.refresh_from_db()
    assert image.filename == "photo.jpg"


def test_delete_hides_at_once_and_twice_is_no_mistake(program: Program, gallery: Gallery, image: Image) -> None:
    addresses = program.get(f"/images/{image.hex}").json()
    for _ in range(2):
        response = program.delete(f"/images/{image.hex}")
        assert (response.status_code, response.content) == (204, b"")
        assert not {"Content-Type", "Content-Length"} & set(response.headers)
    assert is_problem(program.get(f"/images/{image.hex}"), "not_found")
    assert program.get(f"/galleries/{gallery.hex}/images").json()["items"] == []
    assert program.get(f"/galleries/{gallery.hex}").json()["image_count"] == 0
    assert program.client.get(addresses["original_url"]).status_code == 404


def test_restore_brings_it_back_and_twice_is_no_mistake(program: Program, gallery: Gallery, image: Image) -> None:
    before = program.get(f"/images/{image.hex}").json()
    program.delete(f"/images/{image.hex}")
    for _ in range(2):
        response = program.post(f"/images/{image.hex}/restore")
        assert response.status_code == 200
        assert response.json().keys() == before.keys()
        assert response.json()["expires_at"] == before["expires_at"]
    assert program.get(f"/galleries/{gallery.hex}").json()["image_count"] == 1


def test_restore_of_what_somebody_restores_at_that_moment_is_no_mistake(
    program: Program, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.delete(f"/images/{image.hex}")

    def find_then_lose(*arguments: Any) -> Image:
        found = own_restorable_image(*arguments)
        restore_image(found)
        return found

    monkeypatch.setattr("galleries.api.images.own_restorable_image", find_then_lose)
    response = program.post(f"/images/{image.hex}/restore")
    assert (response.status_code, response.json().get("id")) == (200, image.hex)


def test_restore_of_many_counts_what_somebody_restores_at_that_moment(
    program: Program, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.delete(f"/images/{image.hex}")

    def lose_then_restore(removed: Image) -> None:
        for _ in range(2):
            restore_image(removed)

    monkeypatch.setattr("galleries.api.many.restore_image", lose_then_restore)
    (result,) = program.post("/images/bulk", {"action": "restore", "ids": [image.hex]}).json()["results"]
    assert (result["id"], result["status"]) == (image.hex, 200)


def test_restore_is_too_late_when_the_window_closed_or_it_expired(
    program: Program, gallery: Gallery, image: Image, settings: Settings
) -> None:
    program.delete(f"/images/{image.hex}")
    with time_machine.travel(timezone.now() + settings.RESTORE_WINDOW, tick=False):
        assert is_problem(program.post(f"/images/{image.hex}/restore"), "not_found")
    short = store_image(gallery, 5)
    short = set_expiry(short, timezone.now() + timedelta(hours=1), timezone.now())
    remove_images(gallery, [short.id], timezone.now())
    assert short.expires_at is not None
    with time_machine.travel(short.expires_at, tick=False):
        assert is_problem(program.post(f"/images/{short.hex}/restore"), "not_found")


def test_restore_of_what_was_added_again_names_the_twin(program: Program, gallery: Gallery, image: Image) -> None:
    program.delete(f"/images/{image.hex}")
    twin = store_image(gallery, 1)
    response = program.post(f"/images/{image.hex}/restore")
    assert is_problem(response, "duplicate")
    assert response.json()["image_id"] == twin.hex


def test_a_moderators_decision_is_not_undone(program: Program, image: Image, bob: User) -> None:
    take_down([image], timezone.now())
    for response in (
        program.get(f"/images/{image.hex}"),
        program.post(f"/images/{image.hex}/restore"),
        program.delete(f"/images/{image.hex}"),
    ):
        assert is_problem(response, "not_found")


@pytest.mark.parametrize("state", [State.PENDING, State.DELETING, State.EMPTIED])
def test_only_ready_images_exist(program: Program, image: Image, state: State) -> None:
    Image.objects.update(state=state)
    for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/original"), ("POST", "/restore")):
        assert is_problem(program.send(method, f"/images/{image.hex}{suffix}"), "not_found")


def every_way(program: Program, image: Image) -> list[Any]:
    """Each operation on an image."""
    path = f"/images/{image.hex}"
    later = (timezone.now() + timedelta(days=1)).isoformat()
    return [
        program.get(path),
        program.get(f"{path}/original"),
        program.patch(path, {"filename": "x.jpg"}),
        program.patch(path, {"expires_at": later}),
        program.patch(path, {"expires_at": None}),
        program.post(f"{path}/restore"),
        program.delete(path),
    ]


def test_at_its_second_an_image_is_gone_everywhere(program: Program, gallery: Gallery, image: Image) -> None:
    addresses = program.get(f"/images/{image.hex}").json()
    assert image.expires_at is not None
    before = Image.objects.values().get()
    with time_machine.travel(image.expires_at - timedelta(seconds=1), tick=False):
        assert program.get(f"/images/{image.hex}").status_code == 200
        assert len(program.get(f"/galleries/{gallery.hex}/images").json()["items"]) == 1
    with time_machine.travel(image.expires_at, tick=False):
        for response in every_way(program, image):
            assert is_problem(response, "not_found")
        assert program.get(f"/galleries/{gallery.hex}/images").json() == {"items": [], "next": None}
        for address in (addresses["original_url"], addresses["renditions"]["preview"]["url"]):
            assert program.client.get(address).status_code == 404
    assert Image.objects.values().get() == before


def test_a_stranger_and_a_missing_image_look_the_same(program: Program, stranger: Program, image: Image) -> None:
    missing = [response.content for response in every_way(stranger, Image(id=image.id.__class__(hex=NOBODY)))]
    theirs = every_way(stranger, image)
    assert [response.content for response in theirs] == missing
    assert all(is_problem(response, "not_found") for response in theirs)
    assert program.get(f"/images/{image.hex}").status_code == 200


@pytest.mark.parametrize(
    "identifier", ["x", "0" * 31, "0" * 33, "G" * 32, "01234567-89ab-7def-8123-456789abcdef", "%00", "x%0d%0aX: y"]
)
def test_what_is_no_id_is_missing(program: Program, identifier: str) -> None:
    for path in (f"/images/{identifier}", f"/galleries/{identifier}", f"/galleries/{identifier}/images"):
        assert is_problem(program.get(path), "not_found")


def test_upper_case_and_dashes_are_no_ids(program: Program, image: Image) -> None:
    for identifier in (str(image.id), image.hex.upper()):
        if identifier != image.hex:
            assert is_problem(program.get(f"/images/{identifier}"), "not_found")
