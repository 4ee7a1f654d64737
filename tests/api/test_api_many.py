"""Changing many images with one request, and asking which files are here already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from galleries.api import many
from galleries.galleries import create_gallery
from galleries.models import Gallery, Image
from galleries.moderation import take_down
from galleries.removal import remove_images
from gallery_site.accounts.models import User
from tests.api.program import NOBODY, Program, copies, is_problem, program_of
from tests.pictures import jpeg, store_image

NEVER: dict[str, Any] = {"expires_at": None}


def bulk(program: Program, action: str, images: list[Image], **fields: Any) -> dict[str, tuple[int, str | None]]:
    """The results by id, checked to be complete and in the order asked."""
    ids = [image.hex for image in images]
    response = program.post("/images/bulk", {"action": action, "ids": ids, **fields})
    assert response.status_code == 200, response.content
    results = response.json()["results"]
    assert [result["id"] for result in results] == list(dict.fromkeys(ids))
    assert all((result["detail"] is None) == (result["code"] is None) for result in results)
    return {result["id"]: (result["status"], result["code"]) for result in results}


def fresh(image: Image) -> Image:
    return Image.objects.get(id=image.id)


def test_delete_restore_extend_one_by_one(program: Program, gallery: Gallery, image: Image) -> None:
    done = (200, None)
    assert bulk(program, "delete", [image, image]) == {image.hex: done}
    assert bulk(program, "delete", [image]) == {image.hex: done}  # twice is no mistake
    assert bulk(program, "extend", [image], **NEVER) == {image.hex: (404, "not_found")}
    assert bulk(program, "restore", [image]) == {image.hex: done}
    assert bulk(program, "restore", [image]) == {image.hex: done}
    assert bulk(program, "extend", [image], **NEVER) == {image.hex: done}
    assert fresh(image).expires_at is None
    assert program.get(f"/galleries/{gallery.hex}").json()["image_count"] == 1


def test_one_that_cannot_be_changed_stops_no_other(
    program: Program, gallery: Gallery, image: Image, charlie: User
) -> None:
    """Foreign, missing, taken down and expired ones all look the same."""
    now = timezone.now()
    foreign = store_image(create_gallery(charlie, title="His", retention="7d", now=now), 2)
    expired, hidden = store_image(gallery, 3), store_image(gallery, 4)
    Image.objects.filter(id=expired.id).update(expires_at=now - timedelta(seconds=1))
    take_down([hidden], now)
    missing = Image(id=NOBODY)
    missing.id = type(image.id)(NOBODY)
    others = [foreign, expired, hidden, missing]
    for action, fields in (("extend", NEVER), ("delete", {}), ("restore", {})):
        results = bulk(program, action, [foreign, expired, image, hidden, missing], **fields)
        assert results.pop(image.hex) == (200, None), action
        assert results == {each.hex: (404, "not_found") for each in others}, action
    assert fresh(foreign).is_live(now)
    assert fresh(foreign).version == foreign.version


def test_extend_never_shortens(program: Program, image: Image) -> None:
    before = image.expires_at
    assert before is not None
    sooner = (before - timedelta(days=1)).isoformat()
    assert bulk(program, "extend", [image], expires_at=sooner) == {image.hex: (200, None)}
    assert fresh(image).expires_at == before


def test_restore_names_the_twin_that_is_in_the_way(program: Program, gallery: Gallery, image: Image) -> None:
    bulk(program, "delete", [image])
    twin = program.upload(gallery, jpeg(1)).json()["id"]
    body = program.post("/images/bulk", {"action": "restore", "ids": [image.hex]}).json()
    assert body["results"][0]["code"] == "duplicate"
    assert body["results"][0]["image_id"] == twin


def test_a_token_for_one_gallery_changes_nothing_else(alice: User, gallery: Gallery, image: Image) -> None:
    other = store_image(create_gallery(alice, title="Other", retention="7d", now=timezone.now()), 2)
    results = bulk(program_of(alice, gallery=gallery), "delete", [image, other])
    assert results == {image.hex: (200, None), other.hex: (404, "not_found")}


@pytest.mark.parametrize("action", ["delete", "restore", "extend"])
def test_bulk_needs_the_scope_of_its_action(action: str, alice: User, image: Image) -> None:
    body = {"action": action, "ids": [image.hex]} | (NEVER if action == "extend" else {})
    needed = "delete" if action == "delete" else "write"
    other = "write" if action == "delete" else "delete"
    assert is_problem(program_of(alice, scopes=(other,)).post("/images/bulk", body), "forbidden")
    assert program_of(alice, scopes=(needed,)).post("/images/bulk", body).status_code == 200


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"action": "purge"}, ["action"]),
        ({"action": None}, ["action"]),
        ({"ids": []}, ["ids"]),
        ({"ids": None}, ["ids"]),
        ({"ids": "0" * 32}, ["ids"]),
        ({"ids": [NOBODY] * 501}, ["ids"]),
        ({"ids": ["x"]}, ["ids.0"]),
        ({"ids": [NOBODY, 5]}, ["ids.1"]),
        ({"ids": [NOBODY.upper().replace("0", "A")]}, ["ids.0"]),
        ({"expires_at": None}, ["expires_at"]),
        ({"action": "extend"}, ["expires_at"]),
        ({"action": "extend", "expires_at": "soon"}, ["expires_at"]),
        ({"action": "extend", "expires_at": 0}, ["expires_at"]),
        ({"owner": "x"}, ["owner"]),
        ({"state": "ready", "keys": []}, ["state", "keys"]),
    ],
)
def test_bulk_names_each_wrong_field(program: Program, change: dict[str, Any], fields: list[str]) -> None:
    body = {"action": "delete", "ids": [NOBODY]} | change
    assert is_problem(program.post("/images/bulk", body), "invalid_request", *fields)


def test_extend_is_refused_as_a_whole_where_its_time_is(program: Program, image: Image) -> None:
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    body = {"action": "extend", "ids": [image.hex], "expires_at": past}
    assert is_problem(program.post("/images/bulk", body), "expiry_in_past", "expires_at")


def test_delete_of_twice_as_many_costs_the_same(program: Program, alice: User, gallery: Gallery, image: Image) -> None:
    def cost(images: list[Image]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert set(bulk(program, "delete", images).values()) == {(200, None)}
        return len(queries)

    cost(copies(image, 1))  # the token's last use is noted once
    assert cost(copies(image, 20)) == cost(copies(image, 250))
    assert Gallery.objects.get(id=gallery.id).image_count == 1


def test_extend_costs_the_same_for_each(program: Program, image: Image) -> None:
    def cost(images: list[Image]) -> int:
        with CaptureQueriesContext(connection) as queries:
            bulk(program, "extend", images, **NEVER)
        return len(queries)

    cost(copies(image, 1))
    one, five, nine = (cost(copies(image, count)) for count in (1, 5, 9))
    assert five - one == nine - five


def test_what_there_was_no_time_for_can_be_sent_again(
    program: Program, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "PATIENCE", -1.0)
    assert bulk(program, "extend", [image], **NEVER) == {image.hex: (503, "unavailable")}
    monkeypatch.undo()
    assert bulk(program, "extend", [image], **NEVER) == {image.hex: (200, None)}


def check(program: Program, gallery: Gallery, *hashes: str) -> list[tuple[str, str, bool]]:
    response = program.post(f"/galleries/{gallery.hex}/images/check", {"hashes": hashes})
    assert response.status_code == 200, response.content
    return [(each["hash"], each["image_id"], each["exact"]) for each in response.json()["items"]]


def test_check_finds_what_was_sent_and_what_it_was_made_from(program: Program, gallery: Gallery) -> None:
    chosen = "ab" * 32
    stored = program.upload(gallery, jpeg(1), source_sha256=chosen).json()
    sent = stored["sha256"]
    found = check(program, gallery, "cd" * 32, chosen, sent, sent)
    assert found == [(chosen, stored["id"], False), (sent, stored["id"], True)]


def test_check_answers_about_live_images_of_this_gallery_alone(
    program: Program, stranger: Program, alice: User, charlie: User, gallery: Gallery, image: Image
) -> None:
    now = timezone.now()
    his = create_gallery(charlie, title="His", retention="7d", now=now)
    hers = create_gallery(alice, title="Other", retention="7d", now=now)
    assert check(stranger, his, image.sha256) == []
    assert check(program, hers, image.sha256) == []
    assert is_problem(stranger.post(f"/galleries/{gallery.hex}/images/check", {"hashes": [image.sha256]}), "not_found")
    assert check(program, gallery, image.sha256) == [(image.sha256, image.hex, True)]
    assert image.expires_at is not None
    with time_machine.travel(image.expires_at, tick=False):
        assert check(program, gallery, image.sha256) == []
    remove_images(gallery, [image.id], now)
    assert check(program, gallery, image.sha256) == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["hashes"]),
        ({"hashes": None}, ["hashes"]),
        ({"hashes": "ab" * 32}, ["hashes"]),
        ({"hashes": ["AB" * 32]}, ["hashes.0"]),
        ({"hashes": ["ab" * 31]}, ["hashes.0"]),
        ({"hashes": ["ab" * 32, 7]}, ["hashes.1"]),
        ({"hashes": ["ab" * 32 + "\n"]}, ["hashes.0"]),
        ({"hashes": ["ab" * 32] * 1_001}, ["hashes"]),
        ({"hashes": [], "owner": "x"}, ["owner"]),
    ],
)
def test_check_names_each_wrong_field(program: Program, gallery: Gallery, body: Any, fields: list[str]) -> None:
    response = program.post(f"/galleries/{gallery.hex}/images/check", body)
    assert is_problem(response, "invalid_request", *fields)


def test_check_of_a_thousand_is_as_many_queries_as_of_one(program: Program, gallery: Gallery, image: Image) -> None:
    def cost(*hashes: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            check(program, gallery, *hashes)
        return len(queries)

    cost(image.sha256)
    assert cost(image.sha256) == cost(image.sha256, *(f"{n:064x}" for n in range(999)))
