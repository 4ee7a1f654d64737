"""What a program learns about the person: quota and limits, and receipts of what is gone."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone
from pytest_django import Settings

from galleries.models import Gallery, Image, Receipt, Usage
from gallery_site.accounts.models import User
from gallery_site.ids import uuid7
from tests.api.program import Program, is_problem, moment, program_of


def receipt_of(person: User, number: int = 1, gallery: Gallery | None = None) -> Receipt:
    now = timezone.now()
    return Receipt.objects.create(
        id=uuid7(),
        owner=person,
        gallery=gallery.id if gallery else uuid4(),
        gallery_title="Gone",
        image=uuid4(),
        filename=f"{number}.jpg",
        bytes=number,
        reason=Receipt.Reason.EXPIRED,
        layers="files, row",
        uploaded_at=now - timedelta(days=7),
        due_at=now,
        swept_at=now,
    )


def test_me_says_what_may_be_used_and_what_is(program: Program, alice: User, image: Image, settings: Settings) -> None:
    body = program.get("/me").json()
    assert (body["id"], body["username"]) == (alice.pk.hex, "alice")
    assert body["quota"] == {"bytes": settings.GALLERY_QUOTA_BYTES, "images": settings.GALLERY_QUOTA_IMAGES}
    assert body["used"] == {"bytes": image.bytes, "images": 1}
    assert body["limits"] == {
        "upload_bytes": settings.GALLERY_MAX_UPLOAD_BYTES,
        "pixels": settings.GALLERY_MAX_PIXELS,
        "page": 200,
        "bulk": 500,
        "check": 1_000,
    }
    assert {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"} <= set(body["formats"])
    assert (body["retentions"], body["default_retention"]) == (["1h", "1d", "7d", "30d", "1y", "forever"], "7d")


def test_me_says_what_the_token_may(alice: User, gallery: Gallery) -> None:
    token = program_of(alice, scopes=("read",), gallery=gallery).get("/me").json()["token"]
    assert (token["name"], token["scopes"], token["gallery_id"]) == ("test", ["read"], gallery.hex)
    assert moment(token["expires_at"]) > timezone.now()


def test_me_knows_a_quota_of_ones_own(program: Program, alice: User, settings: Settings) -> None:
    Usage.objects.create(owner=alice, max_bytes=5, max_images=2)
    settings.GALLERY_MAX_RETENTION = "1d"
    body = program.get("/me").json()
    assert body["quota"] == {"bytes": 5, "images": 2}
    assert body["retentions"] == ["1h", "1d"]


def test_receipts_page_newest_first_and_are_ones_own(program: Program, alice: User, bob: User) -> None:
    mine = sorted((receipt_of(alice, number) for number in range(5)), key=lambda receipt: receipt.id)
    receipt_of(bob)
    seen, cursor = [], ""
    while True:
        body = program.get(f"/receipts?limit=2&cursor={cursor}").json()
        seen += [item["image_id"] for item in body["items"]]
        receipt_of(alice, 9)  # what comes meanwhile moves nothing
        if body["next"] is None:
            break
        cursor = body["next"]
    assert seen == [receipt.image.hex for receipt in reversed(mine)]


def test_a_receipt_says_what_when_why_and_from_where(program: Program, alice: User) -> None:
    receipt = receipt_of(alice, 7)
    item = program.get("/receipts").json()["items"][0]
    assert (item["filename"], item["bytes"], item["reason"]) == ("7.jpg", 7, "expired")
    assert item["layers"] == ["files", "row"]
    assert moment(item["gone_at"]) == receipt.swept_at


def test_a_token_for_one_gallery_reads_its_receipts_alone(alice: User, gallery: Gallery) -> None:
    receipt_of(alice, 1)
    there = receipt_of(alice, 2, gallery)
    items = program_of(alice, gallery=gallery).get("/receipts").json()["items"]
    assert [item["image_id"] for item in items] == [there.image.hex]


def test_a_cursor_is_good_for_its_own_list_alone(program: Program, stranger: Program, alice: User) -> None:
    for number in range(2):
        receipt_of(alice, number)
    cursor = program.get("/receipts?limit=1").json()["next"]
    place, _, signature = cursor.partition("~")
    assert program.get(f"/receipts?cursor={cursor}").status_code == 200
    forged = [place, f"{place}~", f"{place}~{signature[:-1]}", f"{uuid7().hex}~{signature}", f"{cursor}x"]
    for each in forged:
        assert is_problem(program.get(f"/receipts?cursor={each}"), "invalid_request", "cursor")
    assert is_problem(stranger.get(f"/receipts?cursor={cursor}"), "invalid_request", "cursor")
    assert is_problem(program.get(f"/galleries?cursor={cursor}"), "invalid_request", "cursor")
