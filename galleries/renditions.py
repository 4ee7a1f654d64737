"""Renditions are a cache of the original: they may be dropped and made again under the same keys."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from galleries.counting import bump
from galleries.decoding import DecodedImage, DecoderUnavailable, ImageRejected
from galleries.decoding.specs import SPECS
from galleries.metadata import records
from galleries.models import Image, State
from galleries.models.image import RenditionSize, write_renditions
from galleries.problems import Problem
from galleries.receiving import Workspace
from galleries.storage import ObjectExists, ObjectMissing, StorageError, media_storage
from galleries.uploads import decoder


def drop_renditions(*images: Image) -> dict[str, str]:
    """Delete the rendition objects; returns the keys that failed. The rows go on listing them."""
    return media_storage().delete_objects([key for image in images for key in image.rendition_keys])


def is_complete(image: Image) -> bool:
    """Whether the image has every rendition that the specs ask for, in the row and in the store.

    Raises:
        Problem: unavailable when the store does not answer.
    """
    if set(image.rendition_sizes) != {spec.name for spec in SPECS}:
        return False
    try:
        for key in image.rendition_keys:
            media_storage().open_object(key).close()
    except ObjectMissing:
        return False
    except StorageError as error:
        raise Problem("unavailable") from error
    return True


def rebuild_shown(image: Image, *, fresh: bool = False) -> None:
    """``rebuild_renditions`` for an image that is not taken down; ``fresh`` also replaces those that are there.

    Raises:
        Problem: as ``rebuild_renditions``.
    """
    rebuild_renditions(image, fresh=fresh)
    settle_renditions(image)


def settle_renditions(image: Image) -> None:
    """Renditions as the row says: none while the image is taken down, all while it is not.

    Whoever changed the row comes here afterwards, and looks at it again after having done something: of many side by
    side the last one leaves what the row says.

    Raises:
        Problem, StorageError: the store does not answer, or as ``rebuild_renditions``.
    """
    ready = Image.objects.filter(id=image.id, state=State.READY)  # of any other row the sweep has begun to delete all
    said: list[bool] | None = None
    while said != (says := [end is not None for end in ready.values_list("taken_down_at", flat=True)]):
        said = says
        if said == [True]:
            drop_renditions(image)
        elif said == [False] and not is_complete(image):
            rebuild_renditions(image)


def settle_taken_down(images: Sequence[Image]) -> None:
    """``settle_renditions`` for many that were just taken down, with one deletion for all.

    Raises:
        Problem, StorageError: as ``settle_renditions``.
    """
    ready = Image.objects.filter(id__in=[image.id for image in images], state=State.READY)
    hidden = set(ready.filter(taken_down_at__isnull=False).values_list("id", flat=True))
    drop_renditions(*[image for image in images if image.id in hidden])
    shown = set(ready.filter(taken_down_at=None).values_list("id", flat=True))
    for image in images:
        if image.id in shown:  # brought back meanwhile
            settle_renditions(image)


def rebuild_renditions(image: Image, *, fresh: bool = False) -> None:
    """Make the renditions again from the stored original; those that are there stay, unless ``fresh`` ones are wanted.

    Raises:
        Problem: unavailable when the store or the decoder does not answer, corrupt_image when the original cannot be
        read, not_found when the image is being deleted.
    """
    storage = media_storage()
    before = set(image.rendition_keys)
    try:
        with Workspace() as workspace:
            source = workspace.path / "source"
            with storage.open_object(image.original_key) as stored, source.open("wb") as target:
                shutil.copyfileobj(stored, target)
            decoded = decoder().decode(source, workspace.path, keep_metadata=True)
            _list_renditions(image, decoded)
            if fresh and storage.delete_objects(sorted(before)):  # not before there are new ones
                raise StorageError("renditions could not be replaced")
            for rendition in decoded.renditions:
                try:
                    storage.put(image.rendition_key(rendition.spec), rendition.path, rendition.content_type)
                except ObjectExists:
                    continue
        storage.delete_objects(sorted(before - set(image.rendition_keys)))  # of specs that are no more
    except (StorageError, DecoderUnavailable, OSError) as error:
        raise Problem("unavailable") from error
    except ImageRejected as rejected:
        raise Problem("corrupt_image", detail=rejected.message) from rejected


def _list_renditions(image: Image, decoded: DecodedImage) -> None:
    """The row lists every key before its object is put, so that none can be left behind. Other keys than before are a
    version of their own: the record lists them for a deleter that cannot see the row."""
    image.renditions = write_renditions(
        RenditionSize(r.spec, r.extension, r.width, r.height) for r in decoded.renditions
    )
    now = timezone.now()
    ready = Image.objects.filter(id=image.id, state=State.READY)
    with transaction.atomic():
        if ready.exclude(renditions=image.renditions).update(renditions=image.renditions, **bump(now)):
            records().enqueue([image.id], now)
        elif not ready.exists():
            raise Problem("not_found")
