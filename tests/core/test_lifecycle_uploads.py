"""Table 1a of LIFECYCLE, upload: what it makes, what it may take of the quota, and how long it promises to keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from galleries import uploads
from galleries.decoding import DecodedImage
from galleries.expiry import set_expiry
from galleries.galleries import change_gallery
from galleries.models import Gallery, Image, State, Usage
from galleries.problems import Problem
from galleries.removal import remove_gallery, remove_images
from galleries.sweeping import make_plan, run_sweep
from galleries.uploads import StoredUpload, UploadOptions
from tests.core.world import (
    DAY,
    HOUR,
    START,
    QuickDecoder,
    add,
    check_world,
    clock,
    files,
    in_parallel,
    picture,
    problem_of,
    received,
    reload,
    together,
    upload,
)

if TYPE_CHECKING:
    from pytest_django import Settings as SettingsWrapper

    from gallery_site.accounts.models import User

pytestmark = pytest.mark.django_db


def test_upload_makes_a_ready_row_with_all_objects(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        row = reload(image)
        assert (row.state, row.version, row.dedup_key) == (State.READY, 1, row.sha256)
        assert row.expires_at == row.due_at == START + 7 * DAY
        assert files(data_dir) == set(row.keys)
        assert len(row.keys) == 3
        check_world(START, data_dir)


def test_pictures_of_two_galleries_never_share_a_process(alice: User, quick_decoder: QuickDecoder) -> None:
    """The decoder may open those of one group in one: galleries are the bound (docs/decisions.md)."""
    galleries = [Gallery.objects.create(owner=alice, title=title, created_at=timezone.now()) for title in ("A", "B")]
    for number, gallery in enumerate([*galleries, *galleries]):
        upload(gallery, number)
    assert quick_decoder.groups == {each.hex for each in galleries}


def test_upload_of_other_bytes_in_the_same_name_keeps_both(gallery: Gallery, data_dir: Path) -> None:
    one, two = add(gallery, 1), add(gallery, 2)
    assert one.filename == two.filename
    assert {Path(data_dir, i.original_key).read_bytes() for i in (one, two)} == {picture(1), picture(2)}


def test_upload_into_a_removed_gallery_is_not_found(gallery: Gallery, data_dir: Path) -> None:
    remove_gallery(gallery, timezone.now())
    assert problem_of(lambda: upload(gallery, 1)).code == "not_found"
    assert not Image.objects.exists()
    assert not files(data_dir)


def test_upload_of_a_suspended_owner_is_not_found(gallery: Gallery, alice: User) -> None:
    alice.is_active = False
    alice.save()
    assert problem_of(lambda: upload(gallery, 1)).code == "not_found"
    assert not Image.objects.exists()


def test_an_empty_file_is_refused(gallery: Gallery) -> None:
    assert problem_of(lambda: upload(gallery, body=b"")).code == "empty_file"


@in_parallel
@pytest.mark.parametrize("limit", ["bytes", "images"])
def test_fifty_parallel_uploads_with_room_for_three_store_three(
    gallery: Gallery, alice: User, data_dir: Path, limit: str
) -> None:
    size = len(picture(0))
    room = {"max_bytes": 3 * size + size - 1} if limit == "bytes" else {"max_images": 3}
    Usage.objects.create(owner=alice, **room)
    answers = together(lambda number: upload(gallery, number), range(50))
    others = [answer for answer in answers if not (isinstance(answer, Problem) and answer.code == "quota_exceeded")]
    assert len(others) == 3, others
    assert all(isinstance(answer, StoredUpload) for answer in others), others
    usage = Usage.objects.get()
    assert (usage.bytes, usage.images) == (3 * size, 3)
    check_world(timezone.now(), data_dir)
    assert Image.objects.filter(state=State.READY).count() == 3


def test_the_sites_own_limit_holds_without_a_personal_one(gallery: Gallery, settings: SettingsWrapper) -> None:
    settings.GALLERY_QUOTA_BYTES = 2 * len(picture(0))  # to the last byte
    add(gallery, 1)
    add(gallery, 2)
    assert problem_of(lambda: upload(gallery, 3)).code == "quota_exceeded"
    assert upload(gallery, 2).duplicate, "what is there needs no room"


def test_a_personal_limit_replaces_the_sites(gallery: Gallery, alice: User, settings: SettingsWrapper) -> None:
    settings.GALLERY_QUOTA_BYTES = 10
    Usage.objects.create(owner=alice, max_bytes=250)
    add(gallery, 1)
    Usage.objects.update(max_bytes=0)
    assert problem_of(lambda: upload(gallery, 3)).code == "quota_exceeded"


def test_removed_and_unswept_images_still_count(gallery: Gallery, settings: SettingsWrapper, data_dir: Path) -> None:
    settings.GALLERY_QUOTA_BYTES = 250
    with clock(START) as time_:
        ids = [add(gallery, n).id for n in (1, 2)]
        remove_images(gallery, ids, START)
        assert problem_of(lambda: upload(gallery, 3)).code == "quota_exceeded"
        time_.shift(DAY)
        run_sweep(make_plan(timezone.now()))
        assert not upload(gallery, 3).duplicate
        check_world(timezone.now(), data_dir)


def test_an_expiry_of_its_own_replaces_the_policy(gallery: Gallery, settings: SettingsWrapper) -> None:
    with clock(START):
        assert add(gallery, 1, has_expiry=True, expires_at=START + HOUR).expires_at == START + HOUR
        assert add(gallery, 2, has_expiry=True, expires_at=None).expires_at is None
        past = UploadOptions(has_expiry=True, expires_at=START)
        assert problem_of(lambda: upload(gallery, 3, options=past)).code == "expiry_in_past"
        settings.GALLERY_MAX_RETENTION = "7d"
        late = UploadOptions(has_expiry=True, expires_at=START + 8 * DAY)
        assert problem_of(lambda: upload(gallery, 3, options=late)).code == "expiry_too_late"
        never = UploadOptions(has_expiry=True, expires_at=None)
        assert problem_of(lambda: upload(gallery, 3, options=never)).code == "expiry_too_late"


def test_nothing_is_kept_longer_than_this_site_keeps_by_now(
    gallery: Gallery, settings: SettingsWrapper, alice_client: Client
) -> None:
    """The gallery is older than the setting."""
    Gallery.objects.update(retention="forever")
    gallery.refresh_from_db()
    with clock(START):
        before = add(gallery, 1)
        settings.GALLERY_MAX_RETENTION = "1d"
        assert add(gallery, 2).expires_at == START + DAY
        changed = change_gallery(
            gallery, title="S", description="", retention="forever", apply_to_existing=True, now=START
        )
        assert (len(changed.done), changed.problems) == (2, {})
        assert reload(before).expires_at == START + DAY
        Image.objects.update(state=State.DELETING)
        assert "They stay for 1 day" in alice_client.get(gallery.get_absolute_url()).content.decode()


def test_a_policy_changed_while_the_file_was_on_its_way_holds_for_it(gallery: Gallery) -> None:
    """The owner chose "also for what is there": an upload that began before must not end with the old promise."""
    with clock(START):
        change_gallery(
            Gallery.objects.get(), title="S", description="", retention="1h", apply_to_existing=True, now=START
        )
        assert upload(gallery, 1).image.expires_at == START + HOUR


def test_a_policy_changed_while_the_objects_are_put_holds_for_it(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def change_first(image: Image, decoded: DecodedImage) -> None:
        fresh = Gallery.objects.get()
        change_gallery(fresh, title="S", description="", retention="1h", apply_to_existing=True, now=START)
        put(image, decoded)

    monkeypatch.setattr(uploads, "_put_objects", change_first)
    with clock(START):
        stored = upload(gallery, 1).image
        assert reload(stored).expires_at == START + HOUR
        assert stored.expires_at == START + HOUR, "the answer says what the row says"
        check_world(START, data_dir)


def test_expiry_shortened_between_ready_and_answer_is_kept(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        set_expiry(image, START + HOUR, START)
        assert upload(gallery, 1).image.expires_at == START + HOUR


def test_nothing_of_an_upload_stays_in_the_folder_of_uploads(gallery: Gallery) -> None:
    add(gallery, 1)
    assert list(Path(settings.UPLOAD_DIR).iterdir()) == []


def test_received_files_are_what_was_sent() -> None:
    file = received(b"abc")
    assert file.size == 3
    file.path.unlink()
