"""What every template knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's own facts: name, address, whether strangers may sign up, limits that the uploader states."""
    return {
        "site_name": "Image Gallery",
        "site_url": settings.SITE_URL,
        "signup_open": settings.GALLERY_SIGNUP == "open",
        "max_upload_bytes": settings.GALLERY_MAX_UPLOAD_BYTES,
    }
