"""What a person may use and has used, and what this site takes: read by the API and by the page that uploads."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.conf import settings

from galleries.decoding.kinds import KINDS
from galleries.models import Retention, Usage
from galleries.models.gallery import default_retention

if TYPE_CHECKING:
    from gallery_site.accounts.models import User


def allowance_of(person: User) -> dict[str, Any]:
    """Quota, what is used of it (pending, live, removed and unswept alike), and the limits of one upload."""
    usage = Usage.objects.filter(owner=person).first() or Usage(owner=person)
    return {
        "quota": {"bytes": usage.limit_bytes, "images": usage.limit_images},
        "used": {"bytes": usage.bytes, "images": usage.images},
        "limits": {"upload_bytes": settings.GALLERY_MAX_UPLOAD_BYTES, "pixels": settings.GALLERY_MAX_PIXELS},
        "formats": taken_formats(),
        "retentions": [choice.value for choice in Retention.allowed()],
        "default_retention": default_retention(),
    }


def taken_formats() -> list[str]:
    """The content types of the photos that are taken; HEIC only where the library for it is installed."""
    without = set() if find_spec("pillow_heif") else {"heic"}
    return [kind.content_type for name, kind in KINDS.items() if name not in without]
