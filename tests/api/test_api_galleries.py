from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from galleries.galleries import choose_cover, create_gallery
from galleries.models import Gallery, Image
from galleries.removal import remove_images
from galleries.zips import PER_PERSON
from gallery_site.accounts.models import User
from tests.api.program import NOBODY, Program, copies, is_problem, moment, program_of
from tests.pictures import store_image

FIELDS = {"id", "title", "retention", "created_at", "image_count", "bytes", "cover"}


@contextmanager
def counted() -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as queries:
        yield queries


def test_create_answers_the_gallery(program: Program, alice: User) -> None:
    response = program.post("/galleries", {"title": "  Summer\u202e 2026 ", "retention": "30d"})
    assert response.status_code == 201
    body = response.json()
    assert set(body) == FIELDS
    gallery = Gallery.objects.get(id=body["id"])
    assert (gallery.owner, gallery.title, gallery.retention) == (alice, "Summer 2026", "30d")
    assert (body["title"], body["retention"]) == ("Summer 2026", "30d")
    assert body["id"] == gallery.hex
    assert (body["image_count"], body["bytes"], body["cover"]) == (0, 0, None)
    assert moment(body["created_at"]) == gallery.created_at


def test_create_without_retention_takes_the_default(program: Program, settings: Settings) -> None:
    settings.GALLERY_DEFAULT_RETENTION = "1d"
    assert program.post("/galleries", {"title": "Summer"}).json()["retention"] == "1d"


def test_create_twice_makes_two(program: Program) -> None:
    first, second = (program.post("/galleries", {"title": "Same"}).json()["id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["title"]),
        ({"title": None}, ["title"]),
        ({"title": 7}, ["title"]),
        ({"title": ["x"]}, ["title"]),
        ({"title": ""}, ["title"]),
        ({"title": " \u200b "}, ["title"]),
        ({"title": "x" * 101}, ["title"]),
        ({"title": "\u0958" * 51}, ["title"]),  # two characters each in NFC
        ({"title": "x" + "\x8a" * 100}, ["title"]),  # one character as it would be kept
        ({"title": "\ud800"}, ["title"]),
        ({"title": "x", "retention": "2d"}, ["retention"]),
        ({"title": "x", "retention": None}, ["retention"]),
        ({"title": "x", "retention": {}}, ["retention"]),
        ({"title": 7, "retention": -1}, ["title", "retention"]),
        ({"title": "x", "owner": "bob"}, ["owner"]),
        ({"title": "x", "id": "0" * 32, "image_count": 9}, ["id", "image_count"]),
        ({"title": "x", "created_at": "2026-01-01T00:00:00Z"}, ["created_at"]),
        ([], ["body"]),
        ("x", ["body"]),
        (None, ["body"]),
    ],
)
def test_create_names_each_wrong_field(program: Program, body: Any, fields: list[str]) -> None:
    assert is_problem(program.post("/galleries", body), "invalid_request", *fields)
    assert not Gallery.objects.exists()


def test_create_beyond_the_maximum_is_refused(program: Program, settings: Settings) -> None:
    settings.GALLERY_MAX_RETENTION = "7d"
    assert is_problem(program.post("/galleries", {"title": "x", "retention": "30d"}), "expiry_too_late", "retention")
    assert program.post("/galleries", {"title": "x", "retention": "7d"}).status_code == 201


@pytest.mark.parametrize(
    "body", [b"{", b"title=x", b"\xff\xfe", b"[" * 100_000, b'{"title": "x"', b"\x89PNG\r\n\x1a\n"]
)
def test_a_body_that_is_no_json_is_malformed(program: Program, body: bytes) -> None:
    assert is_problem(program.post("/galleries", body), "malformed")


def test_get_answers_what_is_live(program: Program, gallery: Gallery, image: Image) -> None:
    body = program.get(f"/galleries/{gallery.hex}").json()
    assert set(body) == FIELDS
    assert (body["image_count"], body["bytes"]) == (1, image.bytes)
    with time_machine.travel(image.expires_at, tick=False):
        body = program.get(f"/galleries/{gallery.hex}").json()
    assert (body["image_count"], body["bytes"], body["cover"]) == (0, 0, None)


def test_cover_is_the_chosen_image_then_the_newest(program: Program, gallery: Gallery, image: Image) -> None:
    newest = store_image(gallery, 2)

    def cover() -> str:
        return str(program.get(f"/galleries/{gallery.hex}").json()["cover"])

    assert newest.hex in cover()
    choose_cover(gallery, image)
    assert image.hex in cover()
    assert program.client.get(cover()).getvalue()  # without the token
    remove_images(gallery, [image.id], timezone.now())
    assert newest.hex in cover()


def test_list_pages_newest_first(program: Program, alice: User, bob: User) -> None:
    made = [create_gallery(alice, title=f"{n}", retention="7d", now=timezone.now()).hex for n in range(5)]
    create_gallery(bob, title="not hers", retention="7d", now=timezone.now())
    order = sorted(made, reverse=True)
    seen: list[str] = []
    path = "/galleries?limit=2"
    for _ in range(3):
        body = program.get(path).json()
        assert set(body) == {"items", "next"}
        seen += [item["id"] for item in body["items"]]
        path = f"/galleries?limit=2&cursor={body['next']}"
    assert body["next"] is None
    assert seen == order
    assert [item["id"] for item in program.get("/galleries").json()["items"]] == order


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=99999999999999999"])
def test_list_refuses_a_wrong_limit(program: Program, query: str) -> None:
    assert is_problem(program.get(f"/galleries?{query}"), "invalid_request", "limit")


@pytest.mark.parametrize("cursor", ["x", "%00", "0" * 31, "1" * 5_000, "' OR 1=1"])
def test_list_refuses_a_forged_cursor(program: Program, cursor: str) -> None:
    assert is_problem(program.get(f"/galleries?cursor={cursor}"), "invalid_request", "cursor")


def test_list_costs_the_same_for_twice_as_many(program: Program, alice: User, gallery: Gallery, image: Image) -> None:
    def more() -> None:
        other = create_gallery(alice, title="x", retention="7d", now=timezone.now())
        Image.objects.filter(id=copies(image, 1)[0].id).update(gallery=other)

    more()
    program.get("/galleries")
    with counted() as before:
        assert len(program.get("/galleries").json()["items"]) == 2
    more()
    more()
    with counted() as after:
        items = program.get("/galleries").json()["items"]
    assert len(items) == 4
    assert all(item["cover"] for item in items)
    assert len(before) == len(after) <= 4


def test_patch_changes_only_what_is_given(program: Program, gallery: Gallery) -> None:
    Gallery.objects.update(description="Two weeks by the sea")
    body = program.patch(f"/galleries/{gallery.hex}", {"title": "Autumn"}).json()
    assert set(body) == FIELDS
    assert (body["title"], body["retention"]) == ("Autumn", "7d")
    body = program.patch(f"/galleries/{gallery.hex}", {"retention": "1d"}).json()
    assert (body["title"], body["retention"]) == ("Autumn", "1d")
    assert program.patch(f"/galleries/{gallery.hex}", {}).json() == body
    assert Gallery.objects.get().description == "Two weeks by the sea"


def test_patch_retention_leaves_what_is_there_unless_asked(program: Program, gallery: Gallery, image: Image) -> None:
    body = program.patch(f"/galleries/{gallery.hex}", {"retention": "1d"}).json()
    assert "applied" not in body
    image.refresh_from_db()
    assert image.expires_at == image.created_at + timedelta(days=7)
    body = program.patch(f"/galleries/{gallery.hex}", {"apply_to_existing": True}).json()
    assert body["applied"] == {"changed": 1, "refused": 0, "left": 0}
    image.refresh_from_db()
    assert image.expires_at == image.created_at + timedelta(days=1)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"title": ""}, ["title"]),
        ({"title": None}, ["title"]),
        ({"retention": "0d"}, ["retention"]),
        ({"retention": None}, ["retention"]),
        ({"apply_to_existing": "true"}, ["apply_to_existing"]),
        ({"apply_to_existing": 1}, ["apply_to_existing"]),
        ({"owner_id": "x", "removed_at": None}, ["owner_id", "removed_at"]),
        ({"description": "x"}, ["description"]),
    ],
)
def test_patch_names_each_wrong_field(program: Program, gallery: Gallery, body: Any, fields: list[str]) -> None:
    before = Gallery.objects.values().get()
    assert is_problem(program.patch(f"/galleries/{gallery.hex}", body), "invalid_request", *fields)
    assert Gallery.objects.values().get() == before


def test_patch_beyond_the_maximum_is_refused_but_not_a_new_title(
    program: Program, gallery: Gallery, settings: Settings
) -> None:
    Gallery.objects.update(retention="1y")
    settings.GALLERY_MAX_RETENTION = "30d"
    path = f"/galleries/{gallery.hex}"
    assert is_problem(program.patch(path, {"retention": "1y"}), "expiry_too_late", "retention")
    assert program.patch(path, {"title": "Autumn"}).json()["title"] == "Autumn"


def test_delete_hides_the_gallery_and_what_is_in_it(program: Program, gallery: Gallery, image: Image) -> None:
    response = program.delete(f"/galleries/{gallery.hex}")
    assert (response.status_code, response.content) == (204, b"")
    for path in (f"/galleries/{gallery.hex}", f"/galleries/{gallery.hex}/images", f"/images/{image.hex}"):
        assert is_problem(program.get(path), "not_found")
    assert program.get("/galleries").json()["items"] == []
    assert is_problem(program.delete(f"/galleries/{gallery.hex}"), "not_found")
    assert is_problem(program.delete(f"/images/{image.hex}"), "not_found")
    assert is_problem(program.post(f"/images/{image.hex}/restore"), "not_found")


def test_zip_holds_exactly_what_is_live(program: Program, gallery: Gallery, image: Image) -> None:
    other = store_image(gallery, 2)
    remove_images(gallery, [other.id], timezone.now())
    response = program.get(f"/galleries/{gallery.hex}/zip")
    body = response.getvalue()
    assert response.status_code == 200
    assert int(response["Content-Length"]) == len(body)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert [(entry.file_size, entry.compress_type) for entry in archive.infolist()] == [(image.bytes, 0)]


def test_head_of_a_zip_says_how_long_it_is_and_takes_no_turn(program: Program, gallery: Gallery, image: Image) -> None:
    path = f"/galleries/{gallery.hex}/zip"
    for _ in range(PER_PERSON + 1):
        head = program.send("HEAD", path)
        assert (head.status_code, head.getvalue()) == (200, b"")
    whole = program.get(path)
    assert int(head["Content-Length"]) == int(whole["Content-Length"]) == len(whole.getvalue())


def test_zip_of_nothing_is_missing(program: Program, gallery: Gallery, image: Image) -> None:
    with time_machine.travel(image.expires_at, tick=False):
        assert is_problem(program.get(f"/galleries/{gallery.hex}/zip"), "not_found")


@pytest.mark.parametrize("suffix", ["", "/images", "/zip"])
def test_a_stranger_and_a_missing_gallery_look_the_same(
    stranger: Program, gallery: Gallery, image: Image, suffix: str
) -> None:
    theirs = stranger.get(f"/galleries/{gallery.hex}{suffix}")
    missing = stranger.get(f"/galleries/{NOBODY}{suffix}")
    assert is_problem(theirs, "not_found")
    assert theirs.content == missing.content
    volatile = {"X-Request-ID"}
    assert {k: v for k, v in theirs.items() if k not in volatile} == {
        k: v for k, v in missing.items() if k not in volatile
    }


def test_a_stranger_changes_nothing(stranger: Program, gallery: Gallery) -> None:
    before = Gallery.objects.values().get()
    for response in (
        stranger.patch(f"/galleries/{gallery.hex}", {"title": "Mine"}),
        stranger.delete(f"/galleries/{gallery.hex}"),
        stranger.upload(gallery, b"x"),
    ):
        assert is_problem(response, "not_found")
    assert Gallery.objects.values().get() == before


def test_a_suspended_owner_has_no_api(alice: User, program: Program, gallery: Gallery) -> None:
    User.objects.filter(id=alice.id).update(is_active=False)
    assert is_problem(program.get(f"/galleries/{gallery.hex}"), "unauthorized")


def test_a_token_for_one_gallery_knows_no_other(alice: User, gallery: Gallery, image: Image) -> None:
    other = create_gallery(alice, title="Other", retention="7d", now=timezone.now())
    limited = program_of(alice, gallery=other)
    assert [item["id"] for item in limited.get("/galleries").json()["items"]] == [other.hex]
    assert limited.get(f"/galleries/{other.hex}").status_code == 200
    for method, path in (
        ("GET", f"/galleries/{gallery.hex}"),
        ("GET", f"/galleries/{gallery.hex}/images"),
        ("GET", f"/galleries/{gallery.hex}/zip"),
        ("DELETE", f"/galleries/{gallery.hex}"),
        ("GET", f"/images/{image.hex}"),
        ("GET", f"/images/{image.hex}/original"),
        ("DELETE", f"/images/{image.hex}"),
        ("POST", f"/images/{image.hex}/restore"),
    ):
        assert is_problem(limited.send(method, path), "not_found"), (method, path)
    assert is_problem(limited.patch(f"/images/{image.hex}", {"filename": "x"}), "not_found")
    assert is_problem(limited.upload(gallery, b"x"), "not_found")
    assert is_problem(limited.post("/galleries", {"title": "x"}), "forbidden")
    remove_images(gallery, [image.id], timezone.now())
    assert is_problem(limited.post(f"/images/{image.hex}/restore"), "not_found")
