"""What is counted and remembered beside the images: usage, outbox, receipts, and a held sweep."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from galleries.prepared import A_NUMBER, AN_ID, PreparedUpdate
from gallery_site.ids import uuid7


class Usage(models.Model):
    """What one person's images take: pending, live, removed and unswept ones alike.

    Only changed by conditional updates in the transaction that changes the image, so it can neither be overdrawn by
    uploads that run side by side nor be released twice.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="usage"
    )
    bytes = models.PositiveBigIntegerField(default=0)
    images = models.PositiveIntegerField(default=0)
    max_bytes = models.PositiveBigIntegerField(null=True, blank=True, help_text="Empty: the site's own limit.")
    max_images = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the site's own limit.")

    class Meta:
        verbose_name_plural = "usage"

    def __str__(self) -> str:
        return f"{self.bytes} bytes, {self.images} images"

    @property
    def limit_bytes(self) -> int:
        return settings.GALLERY_QUOTA_BYTES if self.max_bytes is None else self.max_bytes

    @property
    def limit_images(self) -> int:
        return settings.GALLERY_QUOTA_IMAGES if self.max_images is None else self.max_images

    @classmethod
    def charge(cls, owner_id: UUID, size: int) -> bool:
        """Take ``size`` bytes and one image from the owner's quota; False when there is no room. Call in a
        transaction."""
        most = {"most_bytes": settings.GALLERY_QUOTA_BYTES, "most_images": settings.GALLERY_QUOTA_IMAGES}
        if _TAKE.run(owner=owner_id, size=size, **most):
            return True
        cls.objects.get_or_create(owner_id=owner_id)  # the first upload; another may be making the row just now
        return _TAKE.run(owner=owner_id, size=size, **most) == 1

    @classmethod
    def release(cls, owner_id: object, size: int, images: int) -> None:
        """Give back what emptied images took. Call in the transaction that empties them."""
        cls.objects.filter(owner_id=owner_id).update(bytes=F("bytes") - size, images=F("images") - images)


def _with_room(owner: UUID, size: int, most_bytes: int, most_images: int) -> models.QuerySet[Usage]:
    room = Usage.objects.filter(owner_id=owner).annotate(
        room_bytes=Coalesce("max_bytes", Value(most_bytes)) - F("bytes"),
        room_images=Coalesce("max_images", Value(most_images)) - F("images"),
    )
    return room.filter(room_bytes__gte=size, room_images__gte=1)


def _taken(size: int, **_: int) -> dict[str, Any]:
    return {"bytes": F("bytes") + size, "images": F("images") + 1}


_TAKE = PreparedUpdate(
    _with_room, _taken, owner=AN_ID, size=A_NUMBER, most_bytes=A_NUMBER + 1, most_images=A_NUMBER + 2
)


class OutboxEntry(models.Model):
    """ "Bring the record of this image in line": no payload, it is rebuilt from the row. Unused without a record
    store. ``since``: the oldest change that the record does not know; ``attempts`` counts what has failed since then.
    """

    image = models.OneToOneField(
        "galleries.Image", on_delete=models.CASCADE, primary_key=True, related_name="outbox_entry"
    )
    version = models.PositiveBigIntegerField()
    next_try = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "outbox entries"

    def __str__(self) -> str:
        return f"{self.image_id} v{self.version}"


class GalleryOutboxEntry(models.Model):
    """The same for a gallery."""

    gallery = models.OneToOneField(
        "galleries.Gallery", on_delete=models.CASCADE, primary_key=True, related_name="outbox_entry"
    )
    version = models.PositiveBigIntegerField()
    next_try = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "outbox entries of galleries"

    def __str__(self) -> str:
        return f"{self.gallery_id} v{self.version}"


class Receipt(models.Model):
    """What remains to be read of an image that is gone: which, why, when, from which layers."""

    class Reason(models.TextChoices):
        EXPIRED = "expired", "Its time was up"
        REMOVED = "removed", "Deleted by its owner"
        TAKEN_DOWN = "taken down", "Taken down by a moderator"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="receipts", db_index=False
    )
    gallery = models.UUIDField()  # not a foreign key: receipts outlive their gallery
    gallery_title = models.CharField(max_length=100)
    image = models.UUIDField(unique=True)
    filename = models.CharField(max_length=150)
    bytes = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=10, choices=Reason)
    layers = models.CharField(max_length=60)
    uploaded_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    swept_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="receipt_by_owner"),
            models.Index(fields=["gallery"], name="receipt_by_gallery"),
        ]

    def __str__(self) -> str:
        return f"{self.filename}: {self.get_reason_display()}"


class SweepHold(models.Model):
    """A sweep so large that it waits for a second visit (the mass rule). A row for each machine that waits."""

    place = models.CharField(max_length=20, primary_key=True)
    first_seen_at = models.DateTimeField()
    uptime = models.FloatField(help_text="Seconds since the machine started, at the first visit: the clock check.")
    boot = models.CharField(max_length=64, blank=True)
    due = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.place}: {self.due} since {self.first_seen_at:%Y-%m-%d %H:%M}"
