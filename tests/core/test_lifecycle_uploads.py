"""Table 1a of LIFECYCLE, upload: tx1, objects, tx2, and who is faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
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
from galleries.models import Gallery, Image, Receipt, State, Usage
from galleries.problems import Problem
from galleries.removal import remove_gallery, remove_images, restore_gallery, restore_image
from galleries.storage import LocalMediaStorage, Put, StorageError, StorageFull
from galleries.sweeping import make_plan, run_sweep
from galleries.uploads import UploadOptions
from tests.core.world import (
    DAY,
    HOUR,
    SECOND,
    START,
    Killed,
    QuickDecoder,
    add,
    check_clean,
    check_world,
    clock,
    dying_at,
    files,
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
# Threads have connections of their own: what they see must be committed.
in_parallel = pytest.mark.django_db(transaction=True)


def test_upload_makes_a_ready_row_with_all_objects(gallery: Gallery, data_dir: Path) -> None:
    with clock(START):
        image = add(gallery, 1)
        row = reload(image)
        assert (row.state, row.version, row.dedup_key) == (State.READY, 1, row.sha256)
        assert row.expires_at == row.due_at == START + 7 * DAY
        assert files(data_dir) == set(row.keys)
        assert len(row.keys) == 3
        check_world(START, data_dir)


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


def test_the_same_bytes_answer_with_the_image_that_is_there(gallery: Gallery, data_dir: Path) -> None:
    first = add(gallery, 1)
    again = upload(gallery, 1)
    assert again.duplicate
    assert again.image.id == first.id
    assert Usage.objects.get().images == 1
    check_world(timezone.now(), data_dir)


def test_the_same_bytes_in_two_galleries_are_two_images(gallery: Gallery, alice: User) -> None:
    from galleries.galleries import create_gallery

    other = create_gallery(alice, title="Other", retention="7d", now=timezone.now())
    add(gallery, 1)
    assert not upload(other, 1).duplicate


@pytest.mark.parametrize("how", ["removed", "taken down", "expired", "gallery restored without it"])
def test_a_hidden_image_is_never_the_answer_to_a_duplicate(gallery: Gallery, data_dir: Path, how: str) -> None:
    from galleries.moderation import take_down

    with clock(START) as time_:
        first = add(gallery, 1)
        if how == "removed":
            remove_images(gallery, [first.id], START)
        elif how == "taken down":
            take_down([first], START)
        elif how == "expired":
            time_.shift(7 * DAY)
        else:
            remove_images(gallery, [first.id], START)
            remove_gallery(gallery, START)
            restore_gallery(gallery, START)
        second = upload(gallery, 1)
        assert not second.duplicate
        assert second.image.id != first.id
        check_world(timezone.now(), data_dir)


def test_the_twin_expires_at_the_very_second(gallery: Gallery) -> None:
    with clock(START) as time_:
        first = add(gallery, 1)
        time_.shift(7 * DAY - timedelta(microseconds=1))
        assert upload(gallery, 1).image.id == first.id
        time_.shift(timedelta(microseconds=1))
        assert not upload(gallery, 1).duplicate


def test_a_twin_that_expires_while_the_upload_waits_for_the_gallery_is_no_answer(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transaction 2 reads the clock when it holds the gallery, not when it began to wait for it."""
    monkeypatch.setattr(uploads, "_one_at_a_time", lambda name: nullcontext())
    monkeypatch.setattr(uploads, "_answer_with_twin", lambda *arguments: None)
    put, lock = uploads._put_objects, uploads._lock_present

    with clock(START) as time_:

        def wait_for_lock(place: Gallery) -> Gallery | None:
            present = lock(place)
            time_.shift(2 * SECOND)
            return present

        def twin_is_faster(image: Image, decoded: DecodedImage) -> None:
            monkeypatch.setattr(uploads, "_put_objects", put)
            add(gallery, 1, has_expiry=True, expires_at=START + SECOND)
            put(image, decoded)
            monkeypatch.setattr(uploads, "_lock_present", wait_for_lock)

        monkeypatch.setattr(uploads, "_put_objects", twin_is_faster)
        stored = upload(gallery, 1)
        assert not stored.duplicate
        assert stored.image.is_live(timezone.now())
        check_world(timezone.now(), data_dir)


def test_a_gallery_removed_meanwhile_retires_the_row(
    gallery: Gallery, data_dir: Path, quick_decoder: QuickDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def remove_first(image: Image, decoded: DecodedImage) -> None:
        put(image, decoded)
        remove_gallery(gallery, timezone.now())

    monkeypatch.setattr(uploads, "_put_objects", remove_first)
    assert problem_of(lambda: upload(gallery, 1)).code == "not_found"
    assert Image.objects.get().state == State.DELETING
    _sweep_all(data_dir)
    assert not Receipt.objects.exists(), "it was never visible"


def test_a_gallery_removed_and_restored_meanwhile_retires_the_row_at_once(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def remove_and_restore(image: Image, decoded: DecodedImage) -> None:
        put(image, decoded)
        remove_gallery(gallery, timezone.now())
        restore_gallery(Gallery.objects.get(), timezone.now())

    monkeypatch.setattr(uploads, "_put_objects", remove_and_restore)
    assert problem_of(lambda: upload(gallery, 1)).code == "unavailable"
    assert Image.objects.get().state == State.DELETING, "a retry need not wait for the reaper"
    monkeypatch.undo()


def test_a_row_that_the_reaper_took_is_not_made_ready(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploads._put_objects

    def too_slow(image: Image, decoded: DecodedImage) -> None:
        Image.objects.filter(id=image.id).update(touched_at=timezone.now() - 2 * HOUR)
        run_sweep(make_plan(timezone.now()))
        put(image, decoded)

    monkeypatch.setattr(uploads, "_put_objects", too_slow)
    assert problem_of(lambda: upload(gallery, 1)).code == "unavailable"
    assert files(data_dir), "the late put"
    assert Image.objects.get().state == State.EMPTIED
    _sweep_all(data_dir)


@pytest.mark.parametrize(("error", "code"), [(StorageFull("full"), "storage_full"), (StorageError("?"), "unavailable")])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_store_that_fails_at_any_object_acknowledges_nothing(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, which: int
) -> None:
    putting = LocalMediaStorage.putting

    @contextmanager
    def failing(self: LocalMediaStorage) -> Iterator[Put]:
        stored: list[str] = []

        def put_or_fail(key: str, source: Path, content_type: str) -> None:
            if len(stored) == which:
                raise error
            put(key, source, content_type)
            stored.append(key)

        with putting(self) as put:
            yield put_or_fail
            if len(stored) == which:
                raise error

    monkeypatch.setattr(LocalMediaStorage, "putting", failing)
    assert problem_of(lambda: upload(gallery, 1)).code == code
    assert Image.objects.get().state == State.DELETING
    monkeypatch.undo()
    check_world(timezone.now(), data_dir)
    _sweep_all(data_dir)


@pytest.mark.parametrize(
    "point", ["upload.received", "upload.decoded", "upload.pending", "upload.object", "upload.objects"]
)
def test_death_before_the_last_commit_leaves_nothing(gallery: Gallery, data_dir: Path, point: str) -> None:
    with clock(START) as time_:
        with dying_at(point), pytest.raises(Killed):
            upload(gallery, 1)
        check_world(START, data_dir)
        assert not Image.objects.live(START).exists()
        time_.shift(2 * HOUR)
        _sweep_all(data_dir)
        assert not Receipt.objects.exists()


def test_death_after_the_last_commit_keeps_the_image(gallery: Gallery, data_dir: Path) -> None:
    with dying_at("upload.ready"), pytest.raises(Killed):
        upload(gallery, 1)
    assert upload(gallery, 1).duplicate
    check_world(timezone.now(), data_dir)


def test_a_pending_twin_is_waited_for_then_retired(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "TWIN_PATIENCE", 0.2)
    with dying_at("upload.pending"), pytest.raises(Killed):
        upload(gallery, 1)
    began = time.monotonic()
    assert not upload(gallery, 1).duplicate
    assert time.monotonic() - began >= 0.2
    states = sorted(Image.objects.values_list("state", flat=True))
    assert states == [State.DELETING, State.READY]
    check_world(timezone.now(), data_dir)


def test_a_twin_that_becomes_ready_between_two_looks_is_the_answer(
    gallery: Gallery, quick_decoder: QuickDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither visible at the first look nor pending at the second, and is not decoded again for that."""
    with dying_at("upload.objects"), pytest.raises(Killed):
        upload(gallery, 1)
    pending, look = Image.objects.get(), uploads._visible_twin

    def look_and_go_on(gallery: Gallery, sha256: str, now: datetime) -> Image | None:
        found = look(gallery, sha256, now)
        if pending.state == State.PENDING:
            uploads._make_ready(gallery, pending)
        return found

    monkeypatch.setattr(uploads, "_visible_twin", look_and_go_on)
    answer = upload(gallery, 1)
    assert (answer.duplicate, answer.image.id) == (True, pending.id)
    assert quick_decoder.decoded == 1


@in_parallel
def test_a_pending_twin_that_becomes_ready_is_the_answer(
    gallery: Gallery, quick_decoder: QuickDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process (the queue of this one is out of the way) puts its objects slowly."""
    monkeypatch.setattr(uploads, "_one_at_a_time", lambda name: nullcontext())
    put, slow = uploads._put_objects, threading.Event()

    def slowly(image: Image, decoded: DecodedImage) -> None:
        slow.set()
        time.sleep(0.4)
        put(image, decoded)

    monkeypatch.setattr(uploads, "_put_objects", slowly)

    def second(number: int) -> object:
        if number:
            slow.wait(5)
        return upload(gallery, 1)

    one, two = together(second, [0, 1])
    assert not one.duplicate  # type: ignore[attr-defined]
    assert two.duplicate  # type: ignore[attr-defined]
    assert two.image.id == one.image.id  # type: ignore[attr-defined]
    assert quick_decoder.decoded == 1


@in_parallel
@pytest.mark.parametrize("queue", [True, False])
def test_the_same_upload_twenty_times_at_once_is_one_image(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch, queue: bool
) -> None:
    if not queue:
        monkeypatch.setattr(uploads, "_one_at_a_time", lambda name: nullcontext())
        monkeypatch.setattr(uploads, "_answer_with_twin", lambda *arguments: None)
    answers = together(lambda _: upload(gallery, 1), range(20))
    stored = [answer for answer in answers if isinstance(answer, uploads.StoredUpload)]
    assert len(stored) == 20, answers
    assert sum(not answer.duplicate for answer in stored) == 1
    assert len({answer.image.id for answer in stored}) == 1
    assert Image.objects.filter(state=State.READY).count() == 1
    check_world(timezone.now(), data_dir)
    run_sweep(make_plan(timezone.now()))
    assert Usage.objects.get().bytes == len(picture(1))


@in_parallel
@pytest.mark.parametrize("limit", ["bytes", "images"])
def test_fifty_parallel_uploads_with_room_for_three_store_three(
    gallery: Gallery, alice: User, data_dir: Path, limit: str
) -> None:
    size = len(picture(0))
    room = {"max_bytes": 3 * size + size - 1} if limit == "bytes" else {"max_images": 3}
    Usage.objects.create(owner=alice, **room)
    answers = together(lambda number: upload(gallery, number), range(50))
    codes = [answer.code for answer in answers if isinstance(answer, Problem)]
    assert codes == ["quota_exceeded"] * 47, answers
    usage = Usage.objects.get()
    assert (usage.bytes, usage.images) == (3 * size, 3)
    check_world(timezone.now(), data_dir)
    assert Image.objects.filter(state=State.READY).count() == 3


def test_the_sites_own_limit_holds_without_a_personal_one(gallery: Gallery, settings: SettingsWrapper) -> None:
    settings.GALLERY_QUOTA_BYTES = 250
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


def test_an_idempotency_key_answers_with_its_image(gallery: Gallery) -> None:
    options = UploadOptions(idempotency_key="alice 1")
    first = upload(gallery, 1, options=options)
    assert upload(gallery, 1, options=options).image.id == first.image.id
    problem = problem_of(lambda: upload(gallery, 2, options=options))
    assert (problem.code, problem.fields) == ("invalid_request", ("Idempotency-Key",))


def test_an_idempotency_key_is_free_again_when_its_image_is_hidden(gallery: Gallery, data_dir: Path) -> None:
    options = UploadOptions(idempotency_key="alice 1")
    with clock(START) as time_:
        first = upload(gallery, 1, options=options).image
        time_.shift(7 * DAY)
        assert not upload(gallery, 2, options=options).duplicate
        assert reload(first).upload_key is None
        check_world(timezone.now(), data_dir)


@in_parallel
def test_one_idempotency_key_for_two_files_at_once_takes_one(gallery: Gallery, data_dir: Path) -> None:
    options = UploadOptions(idempotency_key="alice 1")
    answers = together(lambda number: upload(gallery, number, options=options), range(6))
    problems = [answer for answer in answers if isinstance(answer, Problem)]
    assert {problem.code for problem in problems} == {"invalid_request"}
    assert len(problems) == 5
    check_world(timezone.now(), data_dir)


def test_a_full_disk_refuses_before_anything_is_decoded(
    gallery: Gallery, settings: SettingsWrapper, quick_decoder: QuickDecoder
) -> None:
    settings.GALLERY_MIN_FREE_BYTES = 1 << 62
    assert problem_of(lambda: upload(gallery, 1)).code == "storage_full"
    assert quick_decoder.decoded == 0


def test_a_removed_image_uploaded_again_refuses_to_come_back(gallery: Gallery, data_dir: Path) -> None:
    first = add(gallery, 1)
    remove_images(gallery, [first.id], timezone.now())
    second = add(gallery, 1)
    problem = problem_of(lambda: restore_image(reload(first)))
    assert (problem.code, problem.image_id) == ("duplicate", second.hex)
    assert reload(first).removed_at is not None
    check_world(timezone.now(), data_dir)


def test_a_removed_image_comes_back_when_its_twin_expired(gallery: Gallery, data_dir: Path) -> None:
    with clock(START) as time_:
        first = add(gallery, 1)
        remove_images(gallery, [first.id], START)
        add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        time_.shift(HOUR)
        restore_image(reload(first))
        check_world(timezone.now(), data_dir)
        assert Image.objects.live(timezone.now()).get().id == first.id


def test_nothing_of_an_upload_stays_in_the_folder_of_uploads(gallery: Gallery) -> None:
    add(gallery, 1)
    assert list(Path(settings.UPLOAD_DIR).iterdir()) == []


def test_expiry_shortened_between_ready_and_answer_is_kept(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        set_expiry(image, START + HOUR, START)
        assert upload(gallery, 1).image.expires_at == START + HOUR


@in_parallel
def test_the_decoder_is_given_the_file_once_for_many(gallery: Gallery, quick_decoder: QuickDecoder) -> None:
    together(lambda _: upload(gallery, 1), range(8))
    assert quick_decoder.decoded == 1
    assert uploads._busy == {}
    assert uploads._waiting == {}


def _sweep_all(data_dir: Path) -> None:
    """Three days of sweeps bring everything of a dead upload to its end."""
    now = timezone.now()
    for later in (3 * HOUR, 2 * DAY, 3 * DAY):
        run_sweep(make_plan(now + later))
        check_world(now + later, data_dir)
    check_clean(data_dir)


def test_received_files_are_what_was_sent() -> None:
    file = received(b"abc")
    assert file.size == 3
    file.path.unlink()
