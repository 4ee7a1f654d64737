"""Invitations: a signed link that opens sign-up once, when GALLERY_SIGNUP is "invite". Nothing is stored before use.

That one was used is a row: a cache may forget it, and the link would open sign-up again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from gallery_site.accounts.models import UsedInvitation

SALT = "gallery_site.accounts.invitations"
LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class Invitation:
    """``email``: the only address that may sign up with it; empty: any."""

    nonce: str
    email: str

    @property
    def used(self) -> bool:
        return UsedInvitation.objects.filter(nonce=self.nonce).exists()

    def use(self, now: datetime) -> bool:
        """Take it; False when somebody else was first."""
        ends = {"ends_at": now + LIFETIME}  # it was made before now
        return UsedInvitation.objects.get_or_create(nonce=self.nonce, defaults=ends)[1]


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


def forget_ended(now: datetime) -> None:
    """Remove the rows of invitations that could not be used any more anyway."""
    UsedInvitation.objects.filter(ends_at__lt=now).delete()
