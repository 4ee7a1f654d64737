"""Who calls: a bearer token, checked before anything of the body is read.

Session cookies do not count here, so nothing that a browser sends by itself authorises a request: that is why the API
needs no CSRF token.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from galleries.access import own_gallery, own_image
from galleries.models import ApiToken, Gallery, Image
from galleries.models.tokens import hash_token
from galleries.prepared import A_TIME, AN_ID, Prepared
from galleries.problems import Problem
from galleries.throttling import Limit, Spread, per_minute

# What a token must allow for a request by this method; restoring is a POST like any other change.
SCOPE_OF_METHOD = {"GET": "read", "HEAD": "read", "POST": "write", "PATCH": "write", "DELETE": "delete"}


# 20 a second for a whole minute. Uploads have no such limit: a quota bounds them, and turns (galleries/turns.py).
READS = Spread(Limit("api-reads", (per_minute(1_200),)), step=60)


class TokenRequest(HttpRequest):
    """A request that came with a valid token for what it asks."""

    auth: ApiToken


class Bearer(HttpBearer):
    """``Authorization: Bearer <token>`` (RFC 6750, section 2.1). ``any_of``: the scopes of which a token needs one,
    where the method alone does not say it; the operation asks for the right one then (``require_scope``)."""

    def __init__(self, *any_of: str) -> None:
        super().__init__()
        self.any_of = any_of

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """The token's row.

        Raises:
            Problem: unauthorized when it is unknown, ended or revoked; forbidden when it may not do this; rate_limited
                when it read too often.
        """
        now = timezone.now()
        # Any number of blanks may stand before it (RFC 6750, section 2.1); the library takes one away.
        row = _TOKEN.first(hash=hash_token(token.lstrip(" ")), now=now)
        if row is None:
            raise Problem("unauthorized")
        scopes = self.any_of or (SCOPE_OF_METHOD[request.method or ""],)
        if "read" in scopes:  # also where the question is so long that it is a POST
            READS.count(row.id, now=now)
        if not any(map(row.allows, scopes)):
            require_scope(row, scopes[0])
        row.note_use(now)
        return row


def require_scope(token: ApiToken, scope: str) -> None:
    """The token allows ``scope``.

    Raises:
        Problem: forbidden.
    """
    if not token.allows(scope):
        raise Problem("forbidden", detail=f"This token may not {scope}.")


def require_valid(token: ApiToken, now: datetime) -> None:
    """The token still holds, after a long body came in.

    Raises:
        Problem: unauthorized.
    """
    if not _STILL_VALID.fetch(token=token.id, now=now):
        raise Problem("unauthorized")


def _with_hash(hash: str, now: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.valid(now).select_related("owner").filter(hash=hash)


def _still_valid(token: UUID, now: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.valid(now).filter(id=token).only("id")


_TOKEN = Prepared(_with_hash, hash="its hash", now=A_TIME)
_STILL_VALID = Prepared(_still_valid, token=AN_ID, now=A_TIME)


def open_gallery(request: TokenRequest, gallery_id: UUID, now: datetime) -> Gallery:
    """The caller's gallery, measured; Http404 when the token is limited to another one, too."""
    if not request.auth.reaches(gallery_id):
        raise Http404
    return own_gallery(request.auth.owner, gallery_id, now)


def open_image(request: TokenRequest, image_id: UUID, now: datetime) -> Image:
    """The caller's live image, or Http404."""
    return own_image(request.auth.owner, image_id, now, request.auth.gallery_id)
