"""Table 1a of LIFECYCLE, upload of what was sent before: the same bytes, the same key; and who is faster."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from galleries import uploads
from galleries.decoding import DecodedImage
from galleries.models import Gallery, Image, State, Usage
from galleries.problems import Problem
from galleries.removal import remove_gallery, remove_images, restore_gallery, restore_image
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
    check_world,
    clock,
    dying_at,
    in_parallel,
    picture,
    problem_of,
    reload,
    together,
    upload,
)

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

pytestmark = pytest.mark.django_db


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
def test_the_decoder_is_given_the_file_once_for_many(gallery: Gallery, quick_decoder: QuickDecoder) -> None:
    together(lambda _: upload(gallery, 1), range(8))
    assert quick_decoder.decoded == 1
    assert uploads._busy == {}
    assert uploads._waiting == {}


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
