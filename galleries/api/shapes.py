"""How galleries and images look in JSON (DESIGN section 6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from galleries.models import Gallery, Image
from galleries.passes import Addresses


def rfc3339(moment: datetime | None) -> str | None:
    """A time as ``2026-05-03T14:05:00Z``, with a fraction where there is one."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def gallery_json(gallery: Gallery, cover: str | None) -> dict[str, Any]:
    """A measured gallery; ``cover`` is the address of its thumbnail."""
    return {
        "id": gallery.hex,
        "title": gallery.title,
        "retention": gallery.retention,
        "created_at": rfc3339(gallery.created_at),
        "image_count": gallery.live_count,
        "bytes": gallery.live_bytes,
        "cover": cover,
    }


def image_json(image: Image, addresses: Addresses) -> dict[str, Any]:
    """An image with addresses that need no further credentials until their pass ends."""
    return {
        "id": image.hex,
        "gallery_id": image.gallery_id.hex,
        "filename": image.filename,
        "content_type": image.content_type,
        "bytes": image.bytes,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
        "stored_sha256": image.stored_sha256,
        "created_at": rfc3339(image.created_at),
        "taken_at": rfc3339(image.taken_at),
        "expires_at": rfc3339(image.expires_at),
        "original_url": addresses.original(image),
        "renditions": {
            spec: {"url": addresses.rendition(image, spec), "width": size.width, "height": size.height}
            for spec, size in image.rendition_sizes.items()
        },
    }


def image_alone_json(image: Image, gallery: Gallery, now: datetime) -> dict[str, Any]:
    """One image of ``gallery``, which was measured before the image was last changed.

    The pass in its addresses opens all renditions of the gallery, so it may not outlast any of them (DESIGN section 5).
    """
    ends = [end for end in (gallery.first_gone, image.expires_at) if end is not None]
    image.gallery = gallery
    return image_json(image, Addresses(gallery, now, min(ends, default=None)))
