"""A gallery: a titled set of images with a retention policy, owned by one person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import BooleanField, Case, Count, Exists, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce

from galleries.models.image import UNHIDDEN
from galleries.models.links import Guest
from galleries.routes import address_of
from gallery_site.ids import uuid7

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

TITLE_LENGTH = 100
DESCRIPTION_LENGTH = 2_000


class Retention(models.TextChoices):
    """How long a gallery keeps what is added to it; the one place to change the choices (shortest first)."""

    HOUR = "1h", "1 hour"
    DAY = "1d", "1 day"
    WEEK = "7d", "7 days"
    MONTH = "30d", "30 days"
    YEAR = "1y", "1 year"
    FOREVER = "forever", "Until I delete it"

    @property
    def lifetime(self) -> timedelta | None:
        """The time from upload to expiry; None: never expires."""
        return LIFETIMES[self]

    def expires_at(self, now: datetime) -> datetime | None:
        """When an image added at ``now`` expires; None: never."""
        return None if self.lifetime is None else now + self.lifetime

    @classmethod
    def allowed(cls) -> list[Retention]:
        """The choices up to the instance's maximum."""
        members = list(cls)
        return members[: members.index(cls(settings.GALLERY_MAX_RETENTION)) + 1]


LIFETIMES: dict[Retention, timedelta | None] = {
    Retention.HOUR: timedelta(hours=1),
    Retention.DAY: timedelta(days=1),
    Retention.WEEK: timedelta(days=7),
    Retention.MONTH: timedelta(days=30),
    Retention.YEAR: timedelta(days=365),
    Retention.FOREVER: None,
}


def default_retention() -> str:
    """The instance's default, for a new gallery."""
    return str(settings.GALLERY_DEFAULT_RETENTION)


def reach(who: User | Guest, prefix: str = "") -> Q:
    """Which galleries ``who`` may look at, before anything else is asked; ``prefix`` leads to the gallery
    ("gallery__")."""
    if isinstance(who, Guest):
        return Q(**{f"{prefix}id": who.link.gallery_id})
    return Q(**{f"{prefix}owner": who})


class GalleryQuerySet(models.QuerySet["Gallery"]):
    def present(self) -> Self:
        """Galleries that their owner has not removed and whose owner is not suspended."""
        return self.filter(removed_at=None, owner__is_active=True)

    def visible_to(self, who: User | Guest) -> Self:
        """What ``who`` may look at: a person their own galleries, somebody with a link that link's."""
        return self.present().filter(reach(who))

    def measured(self, now: datetime) -> Self:
        """With what a page says about a gallery, in the same query: ``faded_count`` and ``faded_bytes`` (still in the
        stored counts though expired), ``first_gone`` and ``last_gone`` (ends of an index), ``keeps_some`` (has images
        without end), ``holds_removed`` (images that a person hid, or that are being deleted, may still have files),
        ``had_expired`` (is empty, and a sweep removed what had expired in it).
        """
        images = apps.get_model("galleries", "Image").objects
        own = images.filter(gallery=OuterRef("pk"))
        removed, taken_down, deleting = own.kept_back()
        shown = own.filter(UNHIDDEN)
        ending = shown.filter(expires_at__gt=now)
        faded = shown.filter(expires_at__lte=now).order_by().values("gallery")
        expired = apps.get_model("galleries", "Receipt").objects.filter(gallery=OuterRef("pk"), reason="expired")
        return self.annotate(
            faded_count=Coalesce(Subquery(faded.annotate(n=Count("id")).values("n")), 0),
            faded_bytes=Coalesce(Subquery(faded.annotate(n=Sum("bytes")).values("n")), 0),
            first_gone=Subquery(ending.order_by("expires_at").values("expires_at")[:1]),
            last_gone=Subquery(ending.order_by("-expires_at").values("expires_at")[:1]),
            keeps_some=Exists(shown.filter(expires_at=None)),
            holds_removed=Exists(removed) | Exists(taken_down) | Exists(deleting),
            had_expired=Case(When(image_count=0, then=Exists(expired)), default=False, output_field=BooleanField()),
        )

    def restorable(self, now: datetime) -> Self:
        """Removed, and still inside the restore window."""
        return self.filter(removed_at__gt=now - settings.RESTORE_WINDOW)


class Gallery(models.Model):
    """See the module. ``image_count`` and ``bytes`` count the images that are ready and not hidden by a person;
    what is expired but not yet swept is still in them: ``live_count`` and ``live_bytes`` are without it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="galleries", db_index=False
    )
    title = models.CharField(max_length=TITLE_LENGTH)
    description = models.TextField(max_length=DESCRIPTION_LENGTH, blank=True, default="")
    cover = models.ForeignKey(
        "galleries.Image", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    retention = models.CharField(max_length=8, choices=Retention, default=default_retention)
    version = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    # Of which end the owner was told, and which end they let come (galleries/endings.py).
    noticed_end = models.DateTimeField(null=True, blank=True)
    accepted_end = models.DateTimeField(null=True, blank=True)
    image_count = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)

    objects = GalleryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "galleries"
        indexes = [
            models.Index(fields=["owner", "-id"], name="gallery_by_owner"),
            models.Index(fields=["removed_at"], condition=Q(removed_at__isnull=False), name="gallery_removed"),
            # Each image row that goes is looked for here (its foreign key).
            models.Index(fields=["cover"], condition=Q(cover__isnull=False), name="gallery_by_cover"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return address_of("galleries:gallery-detail", self.hex)

    # Set by GalleryQuerySet.measured(now)
    faded_count: int
    faded_bytes: int
    first_gone: datetime | None
    last_gone: datetime | None
    keeps_some: bool
    holds_removed: bool
    had_expired: bool

    @property
    def holds_hidden(self) -> bool:
        """Whether files of images that nobody may see can still be in the store; of a measured gallery."""
        return self.faded_count > 0 or self.holds_removed

    @property
    def live_count(self) -> int:
        """How many images are live; of a measured gallery."""
        return max(self.image_count - self.faded_count, 0)

    @property
    def live_bytes(self) -> int:
        """What the live originals take, in bytes; of a measured gallery."""
        return max(self.bytes - self.faded_bytes, 0)

    @property
    def ends_at(self) -> datetime | None:
        """When the last live image goes, None when one of them stays; of a measured gallery."""
        return None if self.keeps_some else self.last_gone

    @property
    def restorable_until(self) -> datetime | None:
        """Until when it can be brought back; None when it was not removed."""
        return None if self.removed_at is None else self.removed_at + settings.RESTORE_WINDOW

    def is_over(self, now: datetime) -> bool:
        """Whether its life has ended: photos were here, and the time of the last one is up. A gallery that is merely
        empty (new, or its photos deleted) is not over, and one that gets new photos lives again. Of a measured
        gallery."""
        if self.keeps_some or self.last_gone is not None:
            return False
        return bool(self.faded_count) or self.had_expired

    @property
    def hex(self) -> str:
        """The id as it stands in addresses and keys."""
        return self.id.hex

    @property
    def policy(self) -> Retention:
        """How long photos are kept that are added now: the gallery's retention, or the site's maximum where that is
        shorter (it may be younger than the gallery)."""
        own = Retention(self.retention)
        allowed = Retention.allowed()
        return own if own in allowed else allowed[-1]
