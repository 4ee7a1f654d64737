"""What the tests of the core share: uploads without a decoder, a judge of the whole world, threads that start together.

``check_world`` reads rows and files only, never an application object's memory: it is the judge of every test here.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.test import Client, RequestFactory

from cleanup_lambda.keys import parse_key
from galleries import crash
from galleries.decoding import DecodedImage
from galleries.decoding.results import Rendition
from galleries.decoding.specs import SPECS
from galleries.media import MediaApplication
from galleries.metadata import records
from galleries.models import Gallery, Image, Receipt, State, Usage
from galleries.problems import Problem
from galleries.receiving import ReceivedFile
from galleries.uploads import StoredUpload, UploadOptions, store_upload

T = TypeVar("T")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
START = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
SWEPT = START + 8 * DAY  # seven days of retention and one of grace
# Threads have connections of their own: what they see must be committed.
in_parallel = pytest.mark.django_db(transaction=True)


class QuickDecoder:
    """Keeps the contract of ``galleries.decoding.Decoder`` for any bytes, in no time. ``decoded`` counts its calls,
    ``groups`` are those it was told."""

    def __init__(self) -> None:
        self.decoded = 0
        self.groups: set[str] = set()
        self.meanwhile: Callable[[], object] = lambda: None

    def decode(
        self, source: Path, workdir: Path, *, keep_metadata: bool, offered: object = None, group: str = ""
    ) -> DecodedImage:
        self.decoded += 1
        self.groups.add(group)
        body = source.read_bytes()
        renditions = []
        for spec in SPECS:
            path = workdir / spec.filename
            path.write_bytes(f"{spec.name} of ".encode() + body[:200])
            sizes = (40, 30, path.stat().st_size)
            renditions.append(Rendition(spec.name, path, spec.content_type, spec.extension, *sizes))
        self.meanwhile()
        return DecodedImage(
            kind="jpeg", content_type="image/jpeg", extension="jpg", width=64, height=48, animated=False,
            original_path=source, bytes=len(body), sha256=hashlib.sha256(body).hexdigest(), crc32=zlib.crc32(body),
            taken_at=None, camera="", placeholder="data:image/webp;base64,AA==", colour="#445566",
            renditions=tuple(renditions),
        )  # fmt: skip


def received(body: bytes) -> ReceivedFile:
    """``body`` as it lies in the folder of uploads."""
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"test-{uuid.uuid4().hex}"
    path.write_bytes(body)
    return ReceivedFile(path, "photo.jpg", len(body), hashlib.sha256(body).hexdigest())


def picture(number: int, size: int = 100) -> bytes:
    """Some bytes of this length that differ by ``number``."""
    return f"picture {number} ".encode().ljust(size, b".")


def upload(
    gallery: Gallery, number: int = 0, *, body: bytes | None = None, options: UploadOptions | None = None
) -> StoredUpload:
    """Upload one picture as the pages do."""
    file = received(picture(number) if body is None else body)
    try:
        return store_upload(gallery, file, options or UploadOptions())
    finally:
        file.path.unlink()


def add(gallery: Gallery, number: int = 0, **options: object) -> Image:
    """One live image; ``options`` are UploadOptions."""
    stored = upload(gallery, number, options=UploadOptions(**options) if options else None)  # type: ignore[arg-type]
    assert not stored.duplicate
    return stored.image


def reload(image: Image) -> Image:
    """The row as it is now."""
    return Image.objects.select_related("gallery").get(id=image.id)


def problem_of(act: Callable[[], object]) -> Problem:
    """The refusal that ``act`` ends in."""
    with pytest.raises(Problem) as caught:
        act()
    return caught.value


def attempt(act: Callable[[], T]) -> tuple[T | None, Problem | None]:
    """What ``act`` answers, or its refusal."""
    try:
        return act(), None
    except Problem as problem:
        return None, problem


@contextmanager
def clock(moment: datetime) -> Iterator[time_machine.Traveller]:
    """Stand at ``moment``; ``shift`` moves on."""
    with time_machine.travel(moment, tick=False) as traveller:
        yield traveller


class Killed(BaseException):
    """The process died here (in one piece with the test, so that a test can look at what is left)."""


@contextmanager
def dying_at(point: str) -> Iterator[None]:
    """Die at the crash point ``point``: nothing after it runs, as with SIGKILL."""
    assert point in crash.POINTS

    def die(name: str) -> None:
        if name == point:
            raise Killed(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crash, "point", die)
        yield


def files(data_dir: Path) -> set[str]:
    """The keys of all objects on disk."""
    media = data_dir / "media"
    return {path.relative_to(data_dir).as_posix() for path in media.rglob("*") if path.is_file()}


def check_world(now: datetime, data_dir: Path) -> None:
    """Everything that must hold in every state of the world at ``now``."""
    images = list(Image.objects.select_related("gallery", "gallery__owner"))
    _check_visible_rule(images, now)
    _check_counts(images, now)
    _check_usage(images)
    _check_objects(images, now, data_dir)
    visible = Counter((i.gallery_id, i.sha256) for i in images if i.is_live(now))
    assert not [key for key, n in visible.items() if n > 1], "two visible copies"
    for image in images:
        ends = [end for end in (image.expires_at, image.removed_at, image.taken_down_at) if end is not None]
        if image.state == State.READY:
            assert image.due_at == min(ends, default=None), "due_at is the least of the three"
        assert (image.removal is None) == (image.removed_at is None)


def _check_visible_rule(images: list[Image], now: datetime) -> None:
    """The rule in SQL and the rule in Python say the same."""
    live = set(Image.objects.live(now).values_list("id", flat=True))
    assert live == {image.id for image in images if image.is_live(now)}
    there = {image.id for image in images if image.gallery.removed_at is None and image.gallery.owner.is_active}
    assert set(Image.objects.served(now).values_list("id", flat=True)) == live & there


def _check_counts(images: list[Image], now: datetime) -> None:
    """Stored counts equal a recount of the rows; measured ones a recount of what is live."""
    for gallery in Gallery.objects.measured(now):
        own = [image for image in images if image.gallery_id == gallery.id]
        shown = [i for i in own if i.state == State.READY and i.removed_at is None and i.taken_down_at is None]
        live = [image for image in shown if image.is_live(now)]
        ends = sorted(image.expires_at for image in live if image.expires_at is not None)
        assert (gallery.image_count, gallery.bytes) == (len(shown), sum(i.bytes for i in shown))
        assert (gallery.live_count, gallery.live_bytes) == (len(live), sum(i.bytes for i in live))
        assert gallery.first_gone == (ends[0] if ends else None)
        assert gallery.last_gone == (ends[-1] if ends else None)
        assert gallery.keeps_some == any(image.expires_at is None for image in live)


def _check_usage(images: list[Image]) -> None:
    """Q: quota counts pending, live, removed and unswept, each exactly once."""
    held = {State.PENDING, State.READY, State.DELETING}
    for usage in Usage.objects.all():
        own = [i.bytes for i in images if i.gallery.owner_id == usage.owner_id and i.state in held]
        assert (usage.bytes, usage.images) == (sum(own), len(own)), "usage"
    owners = {image.gallery.owner_id for image in images}
    assert owners <= set(Usage.objects.values_list("owner_id", flat=True))


def _check_objects(images: list[Image], now: datetime, data_dir: Path) -> None:
    """What is live or may come back has its objects; every object belongs to a row."""
    there = files(data_dir)
    window = now - settings.RESTORE_WINDOW
    for image in images:
        restorable = image.state == State.READY and (image.removed_at or now) > window
        if records().enabled and image.due_at and image.due_at <= now - settings.RESTORE_WINDOW:
            continue  # a sweep by records may have emptied it (its clock may be fast by what the window leaves)
        if image.state == State.READY and (image.is_live(now) or restorable):
            wanted = image.keys if image.taken_down_at is None else [image.original_key]
            assert set(wanted) <= there, "an object is missing"
    owned = {key for image in images for key in image.keys}
    assert there <= owned, "an object without a row"
    assert all(parse_key(key) for key in there)


def check_clean(data_dir: Path) -> None:
    """P4: nothing is left behind."""
    assert not files(data_dir)
    assert not Image.objects.exists()
    total = Usage.objects.aggregate(bytes=Sum("bytes"), images=Sum("images"))
    assert (total["bytes"] or 0, total["images"] or 0) == (0, 0)
    assert not [path for path in (data_dir / "media").rglob("*") if path.is_dir()] or not files(data_dir)


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes


def fetch(client: Client, url: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """Ask through Django, and read the answer to its end."""
    response = client.generic(method, url, headers=headers)
    body = b"".join(response)  # also closes what streams
    return Answer(response.status_code, dict(response.headers), body)


def fetch_media(client: Client, url: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """Ask ``MediaApplication``, behind which Django stands."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    passed_on: list[Answer] = []

    def site(environ: dict[str, object], start_response: object) -> list[bytes]:
        passed_on.append(fetch(client, url, method, headers))
        return []

    environ = RequestFactory().generic(method, url, headers=headers).environ
    with pytest.MonkeyPatch.context() as patch:  # the test's own transaction must survive
        patch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
        chunks = MediaApplication(site)(environ, lambda status, given: started.append((status, given)))
    body = b"".join(chunks)
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
    if passed_on:
        return passed_on[0]
    [(status, given)] = started
    return Answer(int(status.split()[0]), dict(given), body)


def receipts() -> list[tuple[str, str]]:
    """(file name, reason) of every receipt."""
    return list(Receipt.objects.order_by("id").values_list("filename", "reason"))


def together(act: Callable[[T], object], arguments: Iterable[T]) -> list[object]:
    """Call ``act`` with each argument in a thread of its own, all at once; answers or exceptions, in order."""
    every: Sequence[T] = list(arguments)
    answers: list[object] = [None] * len(every)
    barrier = threading.Barrier(len(every))

    def run(place: int, argument: T) -> None:
        try:
            barrier.wait(30)
            answers[place] = act(argument)
        except Exception as error:  # noqa: BLE001 (what it was is the answer)
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(every)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    return answers
