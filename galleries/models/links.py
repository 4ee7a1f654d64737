"""Links: what opens a gallery to somebody without an account. A link has a kind, and the kind says what may be done
with it; kinds to come (adding photos, a room) are lines of ``RIGHTS``."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from galleries.models.tokens import hash_token
from gallery_site.ids import uuid7

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

NAME_LENGTH = 80
DEFAULT_LIFE = timedelta(days=30)
LONGEST_LIFE = timedelta(days=366)  # a year from any day, leap years too


class Right(StrEnum):
    """What may be done with a gallery."""

    LOOK = "look"
    DOWNLOAD = "download"


class Kind(models.TextChoices):
    """The kinds of link."""

    LOOK = "look", "Look"
    DOWNLOAD = "download", "Look and download"


RIGHTS: dict[Kind, frozenset[Right]] = {
    Kind.LOOK: frozenset({Right.LOOK}),
    Kind.DOWNLOAD: frozenset({Right.LOOK, Right.DOWNLOAD}),
}


def new_seed() -> str:
    return secrets.token_urlsafe(32)


def derive_token(seed: str, secret: str) -> str:
    """The link's token: 256 bits that only somebody with the row *and* the site's secret can make again.

    The owner may copy a link and show its QR code at any time, so a hash alone will not do; and a database that leaks
    (a backup, a query too many) must not open every gallery, so the token itself is not stored (docs/security.md).
    """
    key = hmac.digest(secret.encode(), b"galleries.links", "sha256")
    return base64.urlsafe_b64encode(hmac.digest(key, seed.encode(), "sha256")).rstrip(b"=").decode()


class LinkQuerySet(models.QuerySet["Link"]):
    def of(self, user: User) -> Self:
        """The links of ``user``: those of galleries that they may open."""
        return self.filter(gallery__owner=user, gallery__owner__is_active=True, gallery__removed_at=None)

    def open(self, now: datetime) -> Self:
        """Switched on and not ended by their own time; whether the gallery is still there is asked elsewhere."""
        return self.filter(is_on=True, ends_at__gt=now)

    def with_token(self, token: str) -> Self:
        return self.filter(token_hash=hash_token(token))

    def with_downloads_left(self) -> Self:
        return self.filter(Q(max_downloads=None) | Q(downloads__lt=F("max_downloads")))


class Link(models.Model):
    """One link of one gallery. ``opens`` and ``downloads`` count; who opened it is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gallery = models.ForeignKey("galleries.Gallery", on_delete=models.CASCADE, related_name="links")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.LOOK)
    name = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    seed = models.CharField(max_length=43, default=new_seed, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_on = models.BooleanField(default=True)
    passcode = models.CharField(max_length=128, blank=True, default="", help_text="Hashed; empty: none is asked.")
    passcode_version = models.PositiveIntegerField(default=0)
    max_downloads = models.PositiveIntegerField(null=True, blank=True)
    downloads = models.PositiveIntegerField(default=0)
    opens = models.PositiveIntegerField(default=0)

    objects = LinkQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name or self.get_kind_display()

    def get_absolute_url(self) -> str:
        """The owner's page of this link, not the link."""
        return reverse("galleries:link-detail", args=[self.hex])

    @property
    def hex(self) -> str:
        return self.id.hex

    def fresh_token(self) -> str:
        """The token of the seed under the site's present secret."""
        return derive_token(self.seed, settings.SECRET_KEY)

    @property
    def token(self) -> str:
        """The token, or "" when the site's secret is not the one it was made with (it still opens the gallery)."""
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            token = derive_token(self.seed, str(secret))
            if hmac.compare_digest(hash_token(token), self.token_hash):
                return token
        return ""

    @property
    def path(self) -> str:
        """The visitor's page, "" when it cannot be shown any more."""
        token = self.token
        return reverse("galleries:visit", args=[token]) if token else ""

    @property
    def address(self) -> str:
        """What is copied and shown as a QR code: absolute, with the configured host; "" as above."""
        path = self.path
        return f"{settings.SITE_URL}{path}" if path else ""

    @property
    def rights(self) -> frozenset[Right]:
        return RIGHTS[Kind(self.kind)]

    @property
    def downloads_left(self) -> int | None:
        """None: no limit."""
        return None if self.max_downloads is None else max(self.max_downloads - self.downloads, 0)

    def state(self, now: datetime) -> str:
        """ "open", "revoked", or "ended" by its own time or with its gallery; of a measured gallery."""
        if not self.is_on:
            return "revoked"
        return "ended" if self.ends_at <= now or self.gallery.is_over(now) else "open"

    @property
    def closes_at(self) -> datetime:
        """When it stops opening anything: its own end, or its gallery's if that comes first; of a measured gallery."""
        gallery_end = self.gallery.ends_at
        return self.ends_at if gallery_end is None else min(self.ends_at, gallery_end)


@dataclass(frozen=True)
class Guest:
    """Somebody with a link, which they have unlocked if it asks for that: the identity that stands beside a signed-in
    person in ``galleries.access``. Only ``access.enter_link`` makes one, with the ``token`` that they came with."""

    link: Link
    token: str = ""
