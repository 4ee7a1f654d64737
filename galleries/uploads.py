"""How an upload becomes an image: bytes -> limited decoder -> pending row -> objects -> ready row -> answer.

The order is LIFECYCLE's: a row with every key exists before the first object, an acknowledgement comes after the
commit that makes the row ready, and no network call happens inside a transaction.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from galleries import crash, metrics
from galleries.counting import bump, lock_galleries
from galleries.decoding import DecodedImage, Decoder, DecoderUnavailable, ImageRejected, Limits
from galleries.decoding.exif import minutes_east
from galleries.expiry import check_expiry
from galleries.filenames import clean_filename
from galleries.metadata import records
from galleries.models import Gallery, Image, State, Usage
from galleries.models.image import RenditionSize, write_renditions
from galleries.prepared import A_NUMBER, A_TIME, AN_ID, Prepared, PreparedUpdate
from galleries.problems import Problem
from galleries.receiving import ReceivedFile, Workspace
from galleries.storage import FULL, StorageError, StorageFull, media_storage

# A second upload of the same bytes waits this long for the first, then goes its own way (DESIGN section 4).
TWIN_PATIENCE = 10.0
TWIN_POLL = 0.1


@dataclass(frozen=True)
class UploadOptions:
    """What the uploader may say about a file. ``expires_at`` given replaces the gallery's policy (None: never)."""

    filename: str = ""
    expires_at: datetime | None = None
    has_expiry: bool = False
    taken_at: datetime | None = None
    camera: str = ""
    source_sha256: str = ""
    keep_metadata: bool = False
    idempotency_key: str = ""


@dataclass(frozen=True)
class StoredUpload:
    """The image that holds the uploaded bytes; ``duplicate`` when it was there before."""

    image: Image
    duplicate: bool

    def is_repeated(self, idempotency_key: str) -> bool:
        """Whether an earlier try of the same upload stored it, not another one of the same bytes."""
        return self.duplicate and bool(idempotency_key) and self.image.upload_key == upload_key(idempotency_key)


@cache
def decoder() -> Decoder:
    """The one decoder of this process."""
    return Decoder(Limits.of_site(settings.GALLERY_MAX_PIXELS))


def store_upload(gallery: Gallery, received: ReceivedFile, options: UploadOptions) -> StoredUpload:
    """Keep ``received`` in ``gallery``; the caller has checked that the person may add to it.

    Raises:
        Problem: refused or failed; nothing of it remains visible, and what was written is reaped.
    """
    try:
        stored = _store_upload(gallery, received, options)
    except Problem as problem:
        metrics.count_upload(problem.code)
        raise
    if stored.duplicate:
        metrics.count_upload("duplicate")
    else:
        metrics.count_upload("stored", received.size)
    return stored


def _store_upload(gallery: Gallery, received: ReceivedFile, options: UploadOptions) -> StoredUpload:
    crash.point("upload.received")
    if received.size == 0:
        raise Problem("empty_file")
    _check_room()
    if options.has_expiry:
        check_expiry(options.expires_at, timezone.now())
    with _one_at_a_time(f"{gallery.hex} {received.sha256}"):
        twin = _answer_with_twin(gallery, received, options)
        if twin is not None:
            return twin
        with Workspace() as workspace:
            with metrics.upload_stage("decode"):
                decoded = _decode(gallery, received, workspace.path, options)
            crash.point("upload.decoded")
            return _store(gallery, received, decoded, options)


def _check_room() -> None:
    try:
        room = media_storage().free_bytes()
    except StorageError as error:
        raise Problem("unavailable", retry_after=5) from error
    if room is not None:
        free, total = room
        if free < max(settings.GALLERY_MIN_FREE_BYTES, settings.GALLERY_MIN_FREE_SHARE * total):
            raise Problem("storage_full")


def _decode(gallery: Gallery, received: ReceivedFile, workdir: Path, options: UploadOptions) -> DecodedImage:
    try:
        return decoder().decode(
            received.path,
            workdir,
            keep_metadata=options.keep_metadata,
            offered=received.offered,
            group=gallery.hex,
        )
    except ImageRejected as rejected:
        metrics.count_decoder_failure(rejected.code)
        raise Problem(rejected.code, detail=rejected.message) from None
    except DecoderUnavailable as failure:
        metrics.count_decoder_failure("unavailable")
        if failure.errno in FULL:
            raise Problem("storage_full") from failure
        raise Problem("unavailable", retry_after=5) from failure


def _store(gallery: Gallery, received: ReceivedFile, decoded: DecodedImage, options: UploadOptions) -> StoredUpload:
    image = _new_image(gallery, received, decoded, options, timezone.now())
    with metrics.upload_stage("row"):
        twin = _insert_pending(gallery, image, options)
    if twin is not None:
        return twin
    crash.point("upload.pending")
    try:
        with metrics.upload_stage("objects"):
            _put_objects(image, decoded)
    except StorageError as error:
        abandon(image)
        if isinstance(error, StorageFull):
            raise Problem("storage_full") from error
        raise Problem("unavailable", retry_after=5) from error
    crash.point("upload.objects")
    with metrics.upload_stage("ready"):
        stored = _make_ready(gallery, image)
    crash.point("upload.ready")
    return stored


def _new_image(
    gallery: Gallery, received: ReceivedFile, decoded: DecodedImage, options: UploadOptions, now: datetime
) -> Image:
    expires_at = options.expires_at if options.has_expiry else gallery.policy.expires_at(now)
    taken_at = decoded.taken_at or options.taken_at
    sizes = [RenditionSize(r.spec, r.extension, r.width, r.height) for r in decoded.renditions]
    return Image(
        gallery=gallery,
        state=State.PENDING,
        expires_at=expires_at,
        due_at=expires_at,
        touched_at=now,
        created_at=now,
        filename=clean_filename(options.filename or received.name),
        content_type=decoded.content_type,
        extension=decoded.extension,
        renditions=write_renditions(sizes),
        bytes=decoded.bytes,
        width=decoded.width,
        height=decoded.height,
        animated=decoded.animated,
        sha256=received.sha256,
        stored_sha256=decoded.sha256,
        source_sha256=options.source_sha256,
        upload_key=upload_key(options.idempotency_key),
        crc32=decoded.crc32,
        clean_bytes=decoded.clean_bytes,
        clean_crc32=decoded.clean_crc32,
        taken_at=taken_at,
        taken_offset=minutes_east(taken_at),
        sort_at=taken_at or now,
        camera=decoded.camera or options.camera,
        placeholder=decoded.placeholder,
        colour=decoded.colour,
    )


def upload_key(idempotency_key: str) -> str | None:
    """What is kept of an Idempotency-Key: unique in its gallery while the image is visible."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else None


def _insert_pending(gallery: Gallery, image: Image, options: UploadOptions) -> StoredUpload | None:
    """Transaction 1: the gallery is there, nobody has this picture yet, there is room; then the row with its keys."""
    upload_key, image.upload_key = image.upload_key, None  # taken at transaction 2, as the picture's own key is
    with transaction.atomic():
        present = _require_gallery(gallery)
        if not options.has_expiry:  # by the policy of now: it may have been changed while the file was on its way
            image.expires_at = image.due_at = present.policy.expires_at(image.created_at)
        twin = _visible_twin(gallery, image.sha256, timezone.now())
        if twin is not None:
            return StoredUpload(twin, duplicate=True)
        image.save(force_insert=True)
        if not Usage.charge(gallery.owner_id, image.bytes):
            transaction.set_rollback(True)
            raise Problem("quota_exceeded")
    image.upload_key = upload_key
    return None


def _put_objects(image: Image, decoded: DecodedImage) -> None:
    with media_storage().putting() as put:
        for rendition in decoded.renditions:
            put(image.rendition_key(rendition.spec), rendition.path, rendition.content_type)
            crash.point("upload.object")
        put(image.original_key, decoded.original_path, decoded.content_type)


def _make_ready(gallery: Gallery, image: Image) -> StoredUpload:
    """Transaction 2: the row becomes visible, unless the gallery went, the row was retired, or a twin was faster."""
    with transaction.atomic():
        outcome = _publish_row(gallery, image)
    if isinstance(outcome, Problem):
        raise outcome
    return StoredUpload(outcome, duplicate=outcome is not image)


def _publish_row(gallery: Gallery, image: Image) -> Image | Problem:
    """Inside transaction 2: the image made visible, the twin that was faster, or why neither (the row is retired
    then)."""
    present = _lock_present(gallery)
    now = timezone.now()  # after the wait: a twin may have expired meanwhile
    if present is None:
        _retire(image, now)
        return Problem("not_found")
    image.free_keys(now)
    try:
        with transaction.atomic():
            hit = _PUBLISH.run(image=image.id, now=now, dedup_key=image.sha256, upload_key=image.upload_key)
    except IntegrityError:
        _retire(image, now)
        return _visible_twin(gallery, image.sha256, now) or _key_taken()
    if hit == 0:  # the reaper was faster, or the gallery went and came back: nobody will finish this row
        _retire(image, now)
        return Problem("unavailable", retry_after=1)
    [written] = _WRITTEN.fetch(image=image.id)  # as the row is now
    for field in _WRITTEN_FIELDS:
        setattr(image, field, getattr(written, field))
    _COUNT.run(gallery=gallery.id, size=image.bytes)
    records().enqueue([image.id], now)
    return image


def _key_taken() -> Problem:
    detail = "This Idempotency-Key was used for another file."
    return Problem("invalid_request", detail=detail, fields=("Idempotency-Key",))


def retirement(now: datetime) -> dict[str, Any]:
    """What ends a pending row. It was never visible, so it loses what a receipt would be written about."""
    return {"state": State.DELETING, "expires_at": None, "removed_at": None, "removal": None, **bump(now)}


def abandon(image: Image) -> None:
    """Give up a pending row: its objects go with the next sweep, its quota with them."""
    _retire(image, timezone.now())


def _retire(image: Image, now: datetime) -> None:
    Image.objects.filter(id=image.id, state=State.PENDING).update(**retirement(now))


def _require_gallery(gallery: Gallery) -> Gallery:
    """The gallery as it is now; it stays so until this transaction ends."""
    present = _lock_present(gallery)
    if present is None:
        raise Problem("not_found")
    return present


def _lock_present(gallery: Gallery) -> Gallery | None:
    """The gallery, serialised with everything else that changes what it holds; None when it went."""
    lock_galleries([gallery.id])
    return _PRESENT.first(gallery=gallery.id)  # as it is after the wait, its owner too


def _visible_twin(gallery: Gallery, sha256: str, now: datetime) -> Image | None:
    found = _VISIBLE.fetch(gallery=gallery.id, sha256=sha256, now=now)
    for twin in found:
        twin.gallery = gallery
    return found[0] if found else None


def _present(gallery: UUID) -> QuerySet[Gallery]:
    return Gallery.objects.present().filter(id=gallery)


def _visible(gallery: UUID, sha256: str, now: datetime) -> QuerySet[Image]:
    return Image.objects.live(now).filter(gallery_id=gallery, dedup_key=sha256)


def _same_key(gallery: UUID, key: str, now: datetime) -> QuerySet[Image]:
    return Image.objects.live(now).filter(gallery_id=gallery, upload_key=key)


def _coming(gallery: UUID, sha256: str) -> QuerySet[Image]:
    """The same bytes on their way into the same gallery."""
    return Image.objects.unfinished().filter(gallery_id=gallery, sha256=sha256, state=State.PENDING)


def _pending(image: UUID, **_: Any) -> QuerySet[Image]:
    return Image.objects.filter(id=image, state=State.PENDING, removed_at=None)


def _published(now: datetime, dedup_key: str, upload_key: str, **_: Any) -> dict[str, Any]:
    keys = {"dedup_key": dedup_key, "upload_key": upload_key}
    return {"state": State.READY, "version": 1, "touched_at": now, **keys}


def _written(image: UUID) -> QuerySet[Image]:
    return Image.objects.filter(id=image).only(*_WRITTEN_FIELDS)


def _counted(size: int, **_: Any) -> dict[str, Any]:
    return {"image_count": F("image_count") + 1, "bytes": F("bytes") + size}


# What others may change of a pending row, and what its publication writes.
_WRITTEN_FIELDS = ("state", "version", "expires_at", "due_at", "touched_at", "dedup_key", "upload_key")

_PRESENT = Prepared(_present, gallery=AN_ID)
_VISIBLE = Prepared(_visible, gallery=AN_ID, sha256="its sha256", now=A_TIME)
_SAME_KEY = Prepared(_same_key, gallery=AN_ID, key="its key", now=A_TIME)
_COMING = Prepared(_coming, gallery=AN_ID, sha256="its sha256")
_PUBLISH = PreparedUpdate(_pending, _published, image=AN_ID, now=A_TIME, dedup_key="its sha256", upload_key="its key")
_WRITTEN = Prepared(_written, image=AN_ID)
_COUNT = PreparedUpdate(lambda gallery, **_: Gallery.objects.filter(id=gallery), _counted, gallery=AN_ID, size=A_NUMBER)


def _answer_with_twin(gallery: Gallery, received: ReceivedFile, options: UploadOptions) -> StoredUpload | None:
    """The visible image with these bytes, waiting for one that is just being written; None when there is none."""
    key = upload_key(options.idempotency_key)
    if key:
        same_key = _SAME_KEY.first(gallery=gallery.id, key=key, now=timezone.now())
        if same_key is not None and same_key.sha256 != received.sha256:
            raise _key_taken()
    deadline = time.monotonic() + TWIN_PATIENCE
    while True:
        # In this order: one that becomes ready between the two is seen by the second.
        pending = _COMING.fetch(gallery=gallery.id, sha256=received.sha256)
        twin = _visible_twin(gallery, received.sha256, timezone.now())
        if twin is not None:
            return StoredUpload(twin, duplicate=True)
        if not pending:
            return None
        if time.monotonic() > deadline:
            for dead in pending:
                _retire(dead, timezone.now())
            return None
        time.sleep(TWIN_POLL)


_busy: dict[str, threading.Lock] = {}
_waiting: dict[str, int] = {}
_guard = threading.Lock()


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Uploads of the same bytes to the same gallery queue inside this process, so that one decode serves them all.

    A courtesy, not the guarantee (that is the unique key of transaction 2): after the patience is over one goes on.
    """
    with _guard:
        lock = _busy.setdefault(name, threading.Lock())
        _waiting[name] = _waiting.get(name, 0) + 1
    held = lock.acquire(timeout=TWIN_PATIENCE)
    try:
        yield
    finally:
        if held:
            lock.release()
        with _guard:
            _waiting[name] -= 1
            if not _waiting[name]:
                del _busy[name], _waiting[name]
