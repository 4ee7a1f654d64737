"""Invitations: a signed link that opens sign-up once, when GALLERY_SIGNUP is "invite". Nothing is stored before use."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.urls import reverse

SALT = "gallery_site.accounts.invitations"
LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class Invitation:
    """``email``: the only address that may sign up with it; empty: any."""

    nonce: str
    email: str

    @property
    def _used_key(self) -> str:
        return f"invitation-used:{self.nonce}"

    @property
    def used(self) -> bool:
        return cache.get(self._used_key) is not None

    def use(self) -> bool:
        """Take it; False when somebody else was first."""
        return cache.add(self._used_key, True, timeout=LIFETIME.total_seconds())


def invitation_link(email: str = "") -> str:
    """The absolute address to hand over; good once, for ``LIFETIME``."""
    token = signing.dumps([secrets.token_urlsafe(16), email.lower()], salt=SALT)
    return settings.SITE_URL + reverse("account_invitation", args=[token])


def read_invitation(token: str) -> Invitation | None:
    """The invitation in ``token``; None when it was forged, has ended or was used."""
    try:
        nonce, email = signing.loads(token, salt=SALT, max_age=LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    invitation = Invitation(nonce, email)
    return None if invitation.used else invitation
