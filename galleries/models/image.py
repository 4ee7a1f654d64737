"""An image: one row per uploaded picture. LIFECYCLE's rules about what is visible live here, once, as a queryset and as
a method; a test holds the two together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from cleanup_lambda.keys import original_key, rendition_key
from galleries.prepared import A_TIME, AN_ID, PreparedUpdate
from galleries.routes import address_of
from gallery_site.ids import uuid7

FILENAME_LENGTH = 150


class State(models.TextChoices):
    """Where an image stands in its life; everything else is derived."""

    PENDING = "pending", "being uploaded"
    READY = "ready", "ready"
    DELETING = "deleting", "being deleted"
    EMPTIED = "emptied", "files are gone"


class Removal(models.TextChoices):
    """What a removal was: of the image alone, or of its whole gallery."""

    IMAGE = "image", "image"
    GALLERY = "gallery", "gallery"


UNHIDDEN = Q(state=State.READY, removed_at=None, taken_down_at=None)


def unexpired(now: datetime) -> Q:
    """The promise still holds at ``now``."""
    return Q(expires_at=None) | Q(expires_at__gt=now)


def restorable(now: datetime) -> Q:
    """Removed by its owner, within the restore window, and neither taken down nor expired."""
    window = Q(state=State.READY, removed_at__gt=now - settings.RESTORE_WINDOW, taken_down_at=None)
    return window & unexpired(now)


def unchanged_since(seen: Image | None) -> Q:
    """The row is still as it was read into ``seen``; None: whichever way it is.

    A lengthening that was under way then has its version already: its confirmation changes ``reserved`` alone.
    """
    return Q() if seen is None else Q(version=seen.version, reserved=seen.reserved)


class ImageQuerySet(models.QuerySet["Image"]):
    def live(self, now: datetime) -> Self:
        """Rule 1 of LIFECYCLE without the gallery: ready, hidden by nobody, not expired."""
        return self.filter(UNHIDDEN & unexpired(now))

    def served(self, now: datetime) -> Self:
        """What may leave the site at ``now``: live, in a gallery that is there, of an owner who is."""
        return self.live(now).filter(gallery__removed_at=None, gallery__owner__is_active=True)

    def unfinished(self) -> Self:
        """All but ready rows: being uploaded or on their way out. Said beside a narrower state it costs nothing, and
        SQLite takes the index of these few rows only where the index's own condition is repeated."""
        return self.exclude(state=State.READY)

    def kept_back(self) -> tuple[Self, Self, Self]:
        """What may not be seen though its files may be there, apart from what has expired: removed, taken down, being
        deleted. In parts, of which each has an index."""
        ready = self.filter(state=State.READY)
        deleting = self.unfinished().filter(state=State.DELETING)
        return ready.filter(removed_at__isnull=False), ready.filter(taken_down_at__isnull=False), deleting

    def removable(self, now: datetime) -> Self:
        """What its owner may remove, or has removed already."""
        return self.filter(unexpired(now), state=State.READY, taken_down_at=None)

    def in_bin(self, now: datetime) -> Self:
        """What the bin of its gallery shows: removed alone, or with the gallery and not brought back with it; not yet
        on its way out, not taken down, and not expired."""
        return self.filter(unexpired(now), state=State.READY, removed_at__isnull=False, taken_down_at=None)

    def restorable(self, now: datetime) -> Self:
        """What may be brought back."""
        return self.filter(restorable(now))


class Image(models.Model):
    """See LIFECYCLE.md for the meaning and the writers of each life-cycle column. Sizes in bytes, lengths in pixels,
    ``width`` and ``height`` upright."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gallery = models.ForeignKey("galleries.Gallery", on_delete=models.PROTECT, related_name="images", db_index=False)

    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    version = models.PositiveBigIntegerField(default=0)
    reserved = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    removal = models.CharField(max_length=7, choices=Removal, null=True, blank=True)  # noqa: DJ001 (LIFECYCLE: NULL)
    taken_down_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    dedup_key = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 (unique where it is set)
    upload_key = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 (unique where it is set)
    touched_at = models.DateTimeField()
    created_at = models.DateTimeField()

    filename = models.CharField(max_length=FILENAME_LENGTH)
    content_type = models.CharField(max_length=40)
    extension = models.CharField(max_length=4)
    renditions = models.CharField(max_length=200, default="")  # "preview.jpg 1600x1067 thumbnail.webp 400x267"
    bytes = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    animated = models.BooleanField(default=False)
    sha256 = models.CharField(max_length=64)
    stored_sha256 = models.CharField(max_length=64)
    source_sha256 = models.CharField(max_length=64, blank=True, default="")
    crc32 = models.BigIntegerField()
    # Of the original without metadata, which is what visitors get; NULL: not measured (galleries/clean_copies.py).
    clean_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    clean_crc32 = models.BigIntegerField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    # Minutes that the camera's clock was ahead of UTC; NULL: it was UTC, or named no zone.
    taken_offset = models.SmallIntegerField(null=True, blank=True)
    sort_at = models.DateTimeField()
    camera = models.CharField(max_length=100, blank=True, default="")
    placeholder = models.CharField(max_length=600, blank=True, default="")
    colour = models.CharField(max_length=7, blank=True, default="")

    objects = ImageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["gallery", "-sort_at", "-id"], condition=UNHIDDEN, name="image_by_taken"),
            models.Index(fields=["gallery", "-id"], condition=UNHIDDEN, name="image_by_upload"),
            models.Index(
                fields=["gallery", "expires_at"],
                condition=UNHIDDEN & Q(expires_at__isnull=False),
                name="image_by_expiry",
            ),
            models.Index(
                fields=["gallery"], condition=UNHIDDEN & Q(expires_at__isnull=True), name="image_kept_for_ever"
            ),
            models.Index(
                fields=["due_at", "id"], condition=Q(state=State.READY, due_at__isnull=False), name="image_due"
            ),
            models.Index(fields=["state", "touched_at"], condition=~Q(state=State.READY), name="image_unfinished"),
            models.Index(
                fields=["gallery", "-removed_at"], condition=Q(removed_at__isnull=False), name="image_removed"
            ),
            models.Index(fields=["gallery"], condition=Q(taken_down_at__isnull=False), name="image_taken_down"),
            models.Index(fields=["gallery", "source_sha256"], condition=~Q(source_sha256=""), name="image_by_source"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["gallery", "dedup_key"], name="image_once_per_gallery"),
            models.UniqueConstraint(fields=["gallery", "upload_key"], name="image_once_per_upload"),
        ]

    def __str__(self) -> str:
        return self.filename

    def get_absolute_url(self) -> str:
        return address_of("galleries:image-detail", self.gallery_id.hex, self.hex)

    @property
    def own_time(self) -> datetime:
        """When it was taken, as the camera's clock showed it; of one that does not say, when it was added."""
        if not self.taken_offset:
            return self.sort_at
        return self.sort_at.astimezone(timezone(timedelta(minutes=self.taken_offset)))

    @property
    def hex(self) -> str:
        """The id as it stands in addresses and keys."""
        return self.id.hex

    def is_live(self, now: datetime) -> bool:
        """The same rule as ``ImageQuerySet.live``, for a row at hand."""
        hidden = self.state != State.READY or self.removed_at is not None or self.taken_down_at is not None
        return not hidden and (self.expires_at is None or self.expires_at > now)

    def free_keys(self, now: datetime) -> None:
        """FREE of LIFECYCLE: rows that are not visible any more give up the keys that this one is about to take."""
        _FREE_DEDUP.run(gallery=self.gallery_id, image=self.id, now=now, key=self.sha256)
        if self.upload_key:
            _FREE_UPLOAD.run(gallery=self.gallery_id, image=self.id, now=now, key=self.upload_key)

    @property
    def original_key(self) -> str:
        return original_key(self.gallery.owner_id.hex, self.gallery_id.hex, self.hex, self.extension)

    @property
    def rendition_sizes(self) -> Mapping[str, RenditionSize]:
        """The renditions that this image has, by spec."""
        return _read_renditions(self.renditions)

    def rendition_key(self, spec: str) -> str:
        """The key of the rendition ``spec``.

        Raises:
            KeyError: this image has no such rendition.
        """
        size = self.rendition_sizes[spec]
        return rendition_key(self.gallery.owner_id.hex, self.gallery_id.hex, self.hex, spec, size.extension)

    @property
    def rendition_keys(self) -> list[str]:
        return [self.rendition_key(spec) for spec in self.rendition_sizes]

    @property
    def keys(self) -> list[str]:
        """Every object of this image. Known before the first of them is written, so that none can be left behind."""
        return [self.original_key, *self.rendition_keys]

    @property
    def ratio(self) -> float:
        """Width over height, upright."""
        return self.width / self.height if self.height else 1.0

    @property
    def ratio_class(self) -> str:
        """The class of the static sheet that reserves this picture's space: the ratio in steps of 2 %, clamped to
        1:4..4:1."""
        clamped = min(max(self.ratio, 0.25), 4.0)
        return f"ratio-{round(math.log(clamped) / math.log(1.02)) + 70}"


def _freed(key: str) -> PreparedUpdate:
    """The statement by which rows that are not visible lose the key in the column ``key``."""

    def hidden(gallery: UUID, image: UUID, now: datetime, **given: Any) -> ImageQuerySet:
        others = Image.objects.filter(gallery_id=gallery).exclude(id=image)
        return others.exclude(UNHIDDEN & unexpired(now)).filter(**{key: given["key"]})

    return PreparedUpdate(hidden, lambda **_: {key: None}, gallery=AN_ID, image=UUID(int=2), now=A_TIME, key="its key")


_FREE_DEDUP, _FREE_UPLOAD = _freed("dedup_key"), _freed("upload_key")


class RenditionSize:
    """What the row says about one rendition."""

    __slots__ = ("extension", "height", "spec", "width")

    def __init__(self, spec: str, extension: str, width: int, height: int) -> None:
        self.spec, self.extension, self.width, self.height = spec, extension, width, height

    @classmethod
    def parse(cls, name: str, size: str) -> RenditionSize:
        spec, _, extension = name.partition(".")
        width, _, height = size.partition("x")
        return cls(spec, extension, int(width), int(height))

    def __str__(self) -> str:
        return f"{self.spec}.{self.extension} {self.width}x{self.height}"


@lru_cache(maxsize=4_096)  # one camera gives few sizes, and a page asks for sixty images' sizes
def _read_renditions(written: str) -> Mapping[str, RenditionSize]:
    """What ``write_renditions`` wrote, by spec."""
    words = written.split()
    return MappingProxyType({size.spec: size for size in map(RenditionSize.parse, words[::2], words[1::2])})


def write_renditions(sizes: Iterable[RenditionSize]) -> str:
    """The column ``renditions`` for ``sizes``."""
    return " ".join(map(str, sizes))
