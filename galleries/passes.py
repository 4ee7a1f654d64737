"""Passes: a signature that lets its holder fetch media under a prefix until a time.

A pass covers one gallery's renditions (``media/<owner>/<gallery>/r/*``), one image's renditions, or one original.
Its end is rounded to a quarter of an hour, shifted by gallery, so that addresses repeat and caches work: it lives 15 to
30 minutes, and never beyond the earliest expiry of what it covers. When that expiry is less than a quarter of an hour
away, the gallery's images are signed one by one, each to its own end (DESIGN section 5).

Who checks a pass decides how it is signed: for CloudFront with RSA (galleries/cloudfront.py), else with HMAC.
CloudFront sees no row, so there the images are also signed one by one as long as the files of one that is hidden are in
the store.

A pass is a bearer permission: it is never stored, never logged, never in a page that a cache may keep.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Protocol

from django.conf import settings

from cleanup_lambda.keys import Key, gallery_prefix, rendition_key
from galleries.filenames import download_header
from galleries.models import Gallery, Image

WINDOW = 900  # seconds; SAFETY 5.5
SIGNATURE_BYTES = 16  # HMAC-SHA256 cut to 128 bits (RFC 2104, section 5: at least half of the hash)


@dataclass(frozen=True)
class Pass:
    """The query string that opens what the pass covers, and the second (Unix time) at which it ends."""

    query: str
    until: int


class Signer(Protocol):
    """Turns a resource (a path, or a prefix ending in ``*``) and an end into a query string."""

    base: str
    sees_rows: bool  # whether who checks the pass asks the image's row as well

    def sign(self, scope: str, resource: str, until: int) -> str: ...

    def sign_original(self, key: str, until: int, disposition: str) -> str:
        """The same for one original, to be downloaded with this Content-Disposition."""


class HmacSigner:
    """The passes of a site that delivers media itself; the row is checked as well when they are used."""

    base = ""
    sees_rows = True

    def sign(self, scope: str, resource: str, until: int) -> str:
        return f"p={scope}&u={until}&s={_signature(resource, until)}"

    def sign_original(self, key: str, until: int, disposition: str) -> str:
        return self.sign("o", key, until)


def signer() -> Signer:
    """The signer of this site's way of delivery."""
    if not settings.CLOUDFRONT_BASE:
        return HmacSigner()
    return _cloudfront_signer(settings.CLOUDFRONT_BASE, settings.CLOUDFRONT_KEY_ID, settings.CLOUDFRONT_PRIVATE_KEY)


@cache
def _cloudfront_signer(base: str, key_id: str, private_key: str) -> Signer:
    from galleries.cloudfront import CloudFrontSigner  # loads OpenSSL, which other sites do without

    return CloudFrontSigner(base, key_id, private_key)


def window_end(seed: str, now: int) -> int:
    """The end of the pass window that ``now`` lies in: between 15 and 30 minutes away, the same for 15 minutes."""
    offset = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % WINDOW
    return ((now + WINDOW - offset) // WINDOW + 1) * WINDOW + offset


def verify_pass(key: Key, path: str, query: Mapping[str, str], now: int) -> bool:
    """Whether the HMAC pass in ``query`` opens the object ``path`` (its key, without a leading slash) at second
    ``now``."""
    scope, until, signature = query.get("p", ""), query.get("u", ""), query.get("s", "")
    if not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) <= now:
        return False
    resource = _resource(scope, key, path)
    return resource is not None and hmac.compare_digest(signature.encode(), _signature(resource, int(until)).encode())


class Addresses:
    """The media addresses of one gallery for one answer: one signature for all renditions where that is possible.

    ``earliest`` is the first expiry among the gallery's live images, None when nothing of it expires; ``limit`` the end
    of the permission itself: that of a visitor's link. The gallery is measured, unless originals alone are asked for.
    """

    def __init__(
        self, gallery: Gallery, now: datetime, earliest: datetime | None, limit: datetime | None = None
    ) -> None:
        self.now = int(now.timestamp())
        self.owner, self.gallery = gallery.owner_id.hex, gallery.hex
        self.signer = signer()
        self.limit = None if limit is None else int(limit.timestamp())
        self.window = self._within_limit(window_end(self.gallery, self.now))
        self._measured = gallery
        self._end = None if earliest is None else int(earliest.timestamp())

    @cached_property
    def shared(self) -> Pass | None:
        """The pass for all renditions of the gallery; None when it would open one that may not be seen, or soon."""
        if self._end is not None and self._end < self.now + WINDOW:
            return None
        if not self.signer.sees_rows and self._measured.holds_hidden:
            return None
        until = self.window if self._end is None else min(self.window, self._end)
        resource = f"{gallery_prefix(self.owner, self.gallery)}r/*"
        return Pass(self.signer.sign("r", resource, until), until)

    def _within_limit(self, until: int) -> int:
        return until if self.limit is None else min(until, self.limit)

    def look(self, image: Image) -> Pass:
        """The pass for the renditions of ``image``."""
        if self.shared is not None:
            return self.shared
        until = _capped(self.window, image)
        resource = f"{gallery_prefix(self.owner, self.gallery)}r/{image.hex}/*"
        return Pass(self.signer.sign("i", resource, until), until)

    def rendition(self, image: Image, spec: str) -> str:
        """The address of a rendition, absolute or starting with a slash."""
        extension = image.rendition_sizes[spec].extension
        key = rendition_key(self.owner, self.gallery, image.hex, spec, extension)
        return f"{self.signer.base}/{key}?{self.look(image).query}"

    def original(self, image: Image) -> str:
        """The address of the original; a pass of its own."""
        key = image.original_key
        until = _capped(self._within_limit(window_end(key, self.now)), image)
        return f"{self.signer.base}/{key}?{self.signer.sign_original(key, until, download_header(image))}"


def _capped(window: int, image: Image) -> int:
    return window if image.expires_at is None else min(window, int(image.expires_at.timestamp()))


def _resource(scope: str, key: Key, path: str) -> str | None:
    """What a pass of this scope must have signed to open ``path``."""
    if scope == "o" and not key.spec:
        return path
    if scope == "r" and key.spec:
        return f"{gallery_prefix(key.owner, key.gallery)}r/*"
    if scope == "i" and key.spec:
        return f"{gallery_prefix(key.owner, key.gallery)}r/{key.image}/*"
    return None


@cache
def _hmac_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"galleries.passes", "sha256")


def _signature(resource: str, until: int) -> str:
    digest = hmac.digest(_hmac_key(settings.SECRET_KEY), f"{resource}\n{until}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).rstrip(b"=").decode()
