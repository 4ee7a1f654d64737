"""Tokens for the REST API: shown once, stored as a hash, scoped, ending, revocable."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from gallery_site.ids import uuid7

if TYPE_CHECKING:
    from galleries.models.gallery import Gallery
    from gallery_site.accounts.models import User

PREFIX = "igal_"  # recognisable, so that secret scanners can find one that leaked
LIFETIME = timedelta(days=365)
NAME_LENGTH = 80
SCOPES = ("read", "write", "delete")
# "Last used" is shown by the day and the hour; writing it at each request would be a write per read.
LAST_USED_STEP = timedelta(minutes=10)


def hash_token(token: str) -> str:
    """What is stored: a token has 256 random bits, so a plain hash cannot be reversed or guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self, now: datetime) -> Self:
        return self.filter(revoked_at=None, expires_at__gt=now, owner__is_active=True)


class ApiToken(models.Model):
    """One token. ``gallery`` limits it to one gallery; empty: all of the owner's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    gallery = models.ForeignKey("galleries.Gallery", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)
    hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="The first characters, to tell tokens apart.")
    scopes = models.CharField(max_length=60, default=" ".join(SCOPES))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}...)"

    @classmethod
    def issue(
        cls,
        owner: User,
        name: str,
        *,
        now: datetime,
        scopes: tuple[str, ...] = SCOPES,
        gallery: Gallery | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> tuple[ApiToken, str]:
        """Make a token; returns the row and the token itself, which cannot be had again.

        Raises:
            ValueError: it would live for more than a year.
        """
        if lifetime > LIFETIME:
            raise ValueError("a token lives for a year at most")
        token = PREFIX + secrets.token_urlsafe(32)
        row = cls.objects.create(
            owner=owner,
            gallery=gallery,
            name=name,
            hash=hash_token(token),
            hint=token[:10],
            scopes=" ".join(scopes),
            created_at=now,
            expires_at=now + lifetime,
        )
        return row, token

    @property
    def scope_words(self) -> str:
        """What it may do, as a sentence says it."""
        *first, last = self.scopes.split() or ["nothing"]
        return f"{', '.join(first)} and {last}" if first else last

    def allows(self, scope: str) -> bool:
        return scope in self.scopes.split()

    def reaches(self, gallery_id: UUID) -> bool:
        """Whether it is for this gallery: it is limited to no other one."""
        return self.gallery_id is None or self.gallery_id == gallery_id

    def note_use(self, now: datetime) -> None:
        """Remember that it was used, to the step."""
        step_ago = now - LAST_USED_STEP
        if self.last_used_at is None or self.last_used_at < step_ago:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=step_ago)
            ApiToken.objects.filter(stale, id=self.id).update(last_used_at=now)


def revoke_token(token_id: UUID, now: datetime) -> None:
    """End a token at once; one that was revoked before stays as it is."""
    ApiToken.objects.filter(id=token_id, revoked_at=None).update(revoked_at=now)
