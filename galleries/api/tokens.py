"""Who calls: a bearer token, checked before anything of the body is read.

Session cookies do not count here, so nothing that a browser sends by itself authorises a request: that is why the API
needs no CSRF token.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from galleries.access import own_gallery, own_image
from galleries.models import ApiToken, Gallery, Image
from galleries.models.tokens import hash_token
from galleries.problems import Problem

# What a token must allow for a request by this method; restoring is a POST like any other change.
SCOPE_OF_METHOD = {"GET": "read", "HEAD": "read", "POST": "write", "PATCH": "write", "DELETE": "delete"}


class TokenRequest(HttpRequest):
    """A request that came with a valid token for what it asks."""

    auth: ApiToken


class Bearer(HttpBearer):
    """``Authorization: Bearer <token>`` (RFC 6750, section 2.1)."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """The token's row.

        Raises:
            Problem: unauthorized when it is unknown, ended or revoked; forbidden when it may not do this.
        """
        now = timezone.now()
        row = ApiToken.objects.valid(now).select_related("owner").filter(hash=hash_token(token)).first()
        if row is None:
            raise Problem("unauthorized")
        # The limits of SAFETY 5.3 (1,200 reads a minute and token) belong here: known by whom, nothing read yet.
        scope = SCOPE_OF_METHOD[request.method or ""]
        if not row.allows(scope):
            raise Problem("forbidden", detail=f"This token may not {scope}.")
        row.note_use(now)
        return row


def require_valid(token: ApiToken, now: datetime) -> None:
    """The token still holds, after a long body came in.

    Raises:
        Problem: unauthorized.
    """
    if not ApiToken.objects.valid(now).filter(id=token.id).exists():
        raise Problem("unauthorized")


def open_gallery(request: TokenRequest, gallery_id: UUID, now: datetime) -> Gallery:
    """The caller's gallery, measured; Http404 when the token is limited to another one, too."""
    if not request.auth.reaches(gallery_id):
        raise Http404
    return own_gallery(request.auth.owner, gallery_id, now)


def open_image(request: TokenRequest, image_id: UUID, now: datetime) -> Image:
    """The caller's live image, or Http404."""
    return own_image(request.auth.owner, image_id, now, request.auth.gallery_id)
