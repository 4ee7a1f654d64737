"""Our own user from the first migration, so that its key and its rules can be ours."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import AbstractUser
from django.db import models

from gallery_site.ids import uuid7


class User(AbstractUser):
    """A person with an account; signs in by name or by e-mail."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    class Theme(models.TextChoices):
        SYSTEM = "system", "As the device"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    theme = models.CharField(max_length=6, choices=Theme, default=Theme.SYSTEM)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Nothing: a new secret ends every session. Django would give one that the old secret made a new key, by which
        the list of a person's sessions does not know it, nor who ends the others."""
        return iter(())

    def get_full_name(self) -> str:
        return self.username

    def get_short_name(self) -> str:
        return self.username


class UsedInvitation(models.Model):
    """An invitation that somebody has signed up with; kept until it would have ended anyway."""

    nonce = models.CharField(max_length=22, primary_key=True)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"used, until {self.ends_at:%Y-%m-%d %H:%M}"
