"""How galleries and images look in JSON (DESIGN section 6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from galleries.models import Gallery, Image, Link, Receipt
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


def link_json(link: Link) -> dict[str, Any]:
    """A link whose gallery is measured; its passcode never leaves."""
    return {
        "id": link.hex,
        "gallery_id": link.gallery_id.hex,
        "name": link.name,
        "kind": link.kind,
        "address": link.address,
        "created_at": rfc3339(link.created_at),
        "ends_at": rfc3339(link.ends_at),
        "closes_at": rfc3339(link.closes_at),
        "is_on": link.is_on,
        "has_passcode": bool(link.passcode),
        "max_downloads": link.max_downloads,
        "downloads": link.downloads,
        "opens": link.opens,
    }


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """What remains to be read of an image that is gone."""
    return {
        "image_id": receipt.image.hex,
        "gallery_id": receipt.gallery.hex,
        "gallery_title": receipt.gallery_title,
        "filename": receipt.filename,
        "bytes": receipt.bytes,
        "reason": receipt.reason,
        "layers": [layer.strip() for layer in receipt.layers.split(",")],
        "uploaded_at": rfc3339(receipt.uploaded_at),
        "due_at": rfc3339(receipt.due_at),
        "gone_at": rfc3339(receipt.swept_at),
    }


def image_alone_json(image: Image, gallery: Gallery, now: datetime) -> dict[str, Any]:
    """One image of ``gallery``, which was measured before the image was last changed.

    The pass in its addresses opens all renditions of the gallery, so it may not outlast any of them (DESIGN section 5).
    """
    ends = [end for end in (gallery.first_gone, image.expires_at) if end is not None]
    image.gallery = gallery
    return image_json(image, Addresses(gallery, now, min(ends, default=None)))
