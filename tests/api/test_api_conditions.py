"""Reading what has not changed, and changing what somebody else has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from galleries.api import conditions
from galleries.models import Gallery, Image
from galleries.passes import WINDOW
from galleries.problems import Problem
from galleries.removal import remove_gallery
from galleries.renaming import rename_image
from tests.api.program import Program, is_problem
from tests.pictures import store_image

READS = ("/galleries", "/galleries/{gallery}", "/galleries/{gallery}/images", "/images/{image}", "/me", "/receipts")


def matching(tag: str) -> dict[str, Any]:
    return {"headers": {"If-Match": tag}}


def unless(tag: str) -> dict[str, Any]:
    return {"headers": {"If-None-Match": tag}}


@pytest.fixture(autouse=True)
def _one_window() -> Any:
    """A clock that stands: no pass is renewed between two answers."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.mark.parametrize("path", READS)
def test_what_is_known_is_not_sent_again(path: str, program: Program, image: Image) -> None:
    address = path.format(gallery=image.gallery_id.hex, image=image.hex)
    first = program.get(address)
    tag = first["ETag"]
    for known in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = program.get(address, **unless(known))
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
        assert again["Cache-Control"] == first["Cache-Control"]
        assert not {"Content-Type", "Content-Length"} & set(again.headers)
    assert program.send("HEAD", address, **unless(tag)).status_code == 304
    for other in ('"x"', "x", "", '"' + "a" * 5_000 + '"', "\u00fc".encode().decode("latin-1")):
        assert program.get(address, **unless(other)).status_code == 200
    program.headers = {}
    assert is_problem(program.get(address, **unless("*")), "unauthorized")


def test_a_change_and_a_new_pass_change_the_tag(program: Program, image: Image) -> None:
    path = f"/images/{image.hex}"
    tag = program.get(path)["ETag"]
    changed = program.patch(path, {"filename": "x.jpg"})
    assert changed["ETag"] != tag
    assert program.get(path)["ETag"] == changed["ETag"]
    with time_machine.travel(timezone.now() + timedelta(seconds=2 * WINDOW), tick=False):
        renewed = program.get(path, **unless(changed["ETag"]))
        assert renewed.status_code == 200  # the addresses of before are about to end
        assert program.patch(path, {"filename": "y.jpg"}, **matching(changed["ETag"])).status_code == 200


def test_an_image_is_changed_only_as_it_was_seen(program: Program, image: Image) -> None:
    path = f"/images/{image.hex}"
    tag = program.get(path)["ETag"]
    never = {"expires_at": None, "filename": "never.jpg"}
    assert program.patch(path, never, **matching(f'"x", {tag}')).status_code == 200
    for stale in (tag, '"x"', "x", "W/" + program.get(path)["ETag"], '""', '"."'):
        assert is_problem(program.patch(path, {"filename": "z.jpg"}, **matching(stale)), "precondition_failed")
        assert is_problem(program.delete(path, **matching(stale)), "precondition_failed")
    assert program.get(path).json()["filename"] == "never.jpg"
    assert program.patch(path, {"filename": "z.jpg"}, **matching("*")).status_code == 200
    assert program.delete(path, **matching(program.get(path)["ETag"])).status_code == 204


def test_a_gallery_is_changed_only_as_it_was_seen(program: Program, gallery: Gallery, image: Image) -> None:
    path = f"/galleries/{gallery.hex}"
    tag = program.get(path)["ETag"]
    assert program.patch(path, {"title": "A"}, **matching(tag)).status_code == 200
    assert is_problem(program.patch(path, {"title": "B"}, **matching(tag)), "precondition_failed")
    assert is_problem(program.delete(path, **matching(tag)), "precondition_failed")
    assert program.get(path).json()["title"] == "A"
    assert program.delete(path, **matching(program.get(path)["ETag"])).status_code == 204


def test_what_is_made_says_where_and_which(program: Program) -> None:
    made = program.post("/galleries", {"title": "x"})
    there = program.client.get(made["Location"], headers=program.headers)
    assert (there.json()["id"], there["ETag"]) == (made.json()["id"], made["ETag"])


@pytest.mark.parametrize("change", [{"expires_at": None}, {"expires_at": "sooner"}, {"filename": "mine.jpg"}, None])
def test_of_two_changes_at_once_the_second_is_refused(
    change: dict[str, Any] | None, program: Program, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody renames the image after the condition was checked and before the change is written."""
    if change and change.get("expires_at") == "sooner":
        assert image.expires_at is not None
        change = {"expires_at": (image.expires_at - timedelta(days=1)).isoformat()}
    path = f"/images/{image.hex}"
    tag = program.get(path)["ETag"]
    check = conditions.require_match

    def check_then_lose(*arguments: Any) -> bool:
        held = check(*arguments)
        rename_image(Image.objects.get(id=image.id), "theirs.jpg", timezone.now())
        return held

    monkeypatch.setattr("galleries.api.images.require_match", check_then_lose)
    response = program.delete(path, **matching(tag)) if change is None else program.patch(path, change, **matching(tag))
    assert is_problem(response, "precondition_failed")
    after = Image.objects.get(id=image.id)
    assert (after.filename, after.expires_at, after.removed_at) == ("theirs.jpg", image.expires_at, None)


@pytest.mark.parametrize("change", [{"expires_at": None}, {"expires_at": "sooner"}, {"filename": "mine.jpg"}, None])
def test_an_extension_on_its_way_when_the_condition_was_checked_is_a_change(
    change: dict[str, Any] | None, program: Program, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its version before the condition is checked, and only then its end."""
    assert image.expires_at is not None
    if change and change.get("expires_at") == "sooner":
        change = {"expires_at": (image.expires_at - timedelta(days=1)).isoformat()}
    path, row = f"/images/{image.hex}", Image.objects.filter(id=image.id)
    tag = program.get(path)["ETag"]
    theirs = image.expires_at + timedelta(days=1)
    check = conditions.require_match

    def check_then_lose(*arguments: Any) -> bool:
        held = check(*arguments)
        row.update(reserved=False, expires_at=theirs, due_at=theirs)
        return held

    row.update(version=F("version") + 1, reserved=True)
    monkeypatch.setattr("galleries.api.images.require_match", check_then_lose)
    response = program.delete(path, **matching(tag)) if change is None else program.patch(path, change, **matching(tag))
    assert is_problem(response, "precondition_failed")
    after = row.get()
    assert (after.filename, after.expires_at, after.removed_at) == (image.filename, theirs, None)


def test_an_extension_that_died_does_not_stop_a_change(program: Program, image: Image) -> None:
    Image.objects.filter(id=image.id).update(version=F("version") + 1, reserved=True)
    path = f"/images/{image.hex}"
    for change in ({"expires_at": None}, {"filename": "mine.jpg"}):
        assert program.patch(path, change, **matching(program.get(path)["ETag"])).status_code == 200


def test_of_two_titles_at_once_the_second_is_refused(
    program: Program, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = program.get(f"/galleries/{gallery.hex}")["ETag"]
    check = conditions.require_match

    def check_then_lose(*arguments: Any) -> bool:
        held = check(*arguments)
        Gallery.objects.filter(id=gallery.id).update(title="Theirs")
        return held

    monkeypatch.setattr("galleries.api.galleries.require_match", check_then_lose)
    assert is_problem(
        program.patch(f"/galleries/{gallery.hex}", {"title": "Mine"}, **matching(tag)), "precondition_failed"
    )
    assert Gallery.objects.get().title == "Theirs"


@pytest.mark.parametrize("theirs", ["title", "photo", "gone"])
def test_a_gallery_that_changes_while_it_is_deleted_stays(
    theirs: str, program: Program, gallery: Gallery, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = program.get(f"/galleries/{gallery.hex}")["ETag"]

    def lose_then_remove(*arguments: Any) -> bool:
        if theirs == "title":
            Gallery.objects.filter(id=gallery.id).update(title="Theirs")
        elif theirs == "photo":
            store_image(gallery, 2)
        else:
            remove_gallery(gallery, timezone.now())
        return remove_gallery(*arguments)

    monkeypatch.setattr("galleries.api.galleries.remove_gallery", lose_then_remove)
    refused = program.delete(f"/galleries/{gallery.hex}", **matching(tag))
    assert is_problem(refused, "not_found" if theirs == "gone" else "precondition_failed")
    assert (Gallery.objects.get().removed_at is None) == (theirs != "gone")


@pytest.mark.parametrize("days", [1, 30])
def test_a_change_of_two_things_is_one(
    days: int, program: Program, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the new end comes the new name: no second change follows that could be refused."""

    def refuse(*arguments: Any) -> None:
        raise Problem("precondition_failed")

    monkeypatch.setattr("galleries.expiry.rename_image", refuse)
    monkeypatch.setattr("galleries.api.images.rename_image", refuse)
    tag = program.get(f"/images/{image.hex}")["ETag"]
    ends = timezone.now() + timedelta(days=days)
    change = {"expires_at": ends.isoformat(), "filename": "mine.jpg"}
    assert program.patch(f"/images/{image.hex}", change, **matching(tag)).status_code == 200
    after = Image.objects.get(id=image.id)
    assert (after.filename, after.expires_at) == ("mine.jpg", ends)
