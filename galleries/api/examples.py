"""One example of each body, in and out, by the name of its schema. A test holds each against its schema."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_GALLERY_ID = "01a20587f3c87d3e8f6a3b2c1d0e9f88"
_IMAGE_ID = "01a20587f9a27c51b0d4e5f60718293a"
_LINK_ID = "01a2058803b47e2f9c8d7e6f5a4b3c2d"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_MEDIA = f"/media/01a20587e0f17b6a9d2c3b4a59687706/{_GALLERY_ID}"
_QUERY = "p=r&u=1777817700&s=b2xkIG1hY2hpbmVz"
_ORIGINAL = f"{_MEDIA}/o/{_IMAGE_ID}.jpg?{_QUERY}"
_THUMBNAIL = f"{_MEDIA}/r/{_IMAGE_ID}/thumbnail.webp?{_QUERY}"
_PREVIEW = f"{_MEDIA}/r/{_IMAGE_ID}/preview.jpg?{_QUERY}"

GALLERY: Json = {
    "id": _GALLERY_ID,
    "title": "Summer",
    "retention": "7d",
    "created_at": "2026-05-03T14:05:00Z",
    "image_count": 1,
    "bytes": 4194304,
    "cover": _THUMBNAIL,
}
IMAGE: Json = {
    "id": _IMAGE_ID,
    "gallery_id": _GALLERY_ID,
    "filename": "IMG_0042.jpg",
    "content_type": "image/jpeg",
    "bytes": 4194304,
    "width": 4032,
    "height": 3024,
    "sha256": _HASH,
    "stored_sha256": _HASH,
    "created_at": "2026-05-03T14:06:00Z",
    "taken_at": "2026-05-02T09:30:00Z",
    "expires_at": "2026-05-10T14:06:00Z",
    "original_url": _ORIGINAL,
    "renditions": {
        "thumbnail": {"url": _THUMBNAIL, "width": 400, "height": 300},
        "preview": {"url": _PREVIEW, "width": 1600, "height": 1200},
    },
}
LINK: Json = {
    "id": _LINK_ID,
    "gallery_id": _GALLERY_ID,
    "name": "Family",
    "kind": "download",
    "address": "https://photos.example.org/s/GVZpSGb3cqBzVnT0kXlq4wT8yD2mNfJr1eHs6uKaPoc/",
    "created_at": "2026-05-03T14:10:00Z",
    "ends_at": "2026-06-02T14:10:00Z",
    "closes_at": "2026-05-10T14:06:00Z",
    "is_on": True,
    "has_passcode": False,
    "max_downloads": None,
    "downloads": 3,
    "opens": 12,
}
_RECEIPT: Json = {
    "image_id": _IMAGE_ID,
    "gallery_id": _GALLERY_ID,
    "gallery_title": "Summer",
    "filename": "IMG_0042.jpg",
    "bytes": 4194304,
    "reason": "expired",
    "layers": ["files", "row"],
    "uploaded_at": "2026-05-03T14:06:00Z",
    "due_at": "2026-05-10T14:06:00Z",
    "gone_at": "2026-05-11T14:10:00Z",
}
_REFUSED: Json = {
    "id": _LINK_ID,
    "status": 404,
    "code": "not_found",
    "detail": "There is nothing here.",
    "image_id": None,
}
UPLOAD: Json = {
    "file": "(the bytes of IMG_0042.jpg)",
    "filename": "IMG_0042.jpg",
    "expires_at": "2026-05-10T14:06:00Z",
    "metadata": "strip",
}

EXAMPLES: dict[str, Json] = {
    "GalleryCreate": {"title": "Summer", "retention": "7d"},
    "GalleryChange": {"retention": "30d", "apply_to_existing": True},
    "ImageChange": {"expires_at": "2026-06-01T12:00:00Z", "filename": "Beach.jpg"},
    "HashesIn": {"hashes": [_HASH]},
    "BulkChange": {"action": "extend", "ids": [_IMAGE_ID, _LINK_ID], "expires_at": "2026-06-01T12:00:00Z"},
    "LinkCreate": {"name": "Family", "kind": "download", "ends_at": "2026-06-02T14:10:00Z"},
    "LinkChange": {"is_on": False},
    "GalleryOut": GALLERY,
    "GalleryChanged": GALLERY | {"retention": "30d", "applied": {"changed": 1, "refused": 0, "left": 0}},
    "GalleryPage": {"items": [GALLERY], "next": None},
    "ImageOut": IMAGE,
    "ImageUploaded": IMAGE | {"duplicate": False},
    "ImagePage": {"items": [IMAGE], "next": None},
    "CheckOut": {"items": [{"hash": _HASH, "image_id": _IMAGE_ID, "exact": True}]},
    "BulkOut": {
        "results": [{"id": _IMAGE_ID, "status": 200, "code": None, "detail": None, "image_id": None}, _REFUSED]
    },
    "LinkOut": LINK,
    "LinkPage": {"items": [LINK], "next": None},
    "ReceiptPage": {"items": [_RECEIPT], "next": None},
    "Me": {
        "id": "01a20587e0f17b6a9d2c3b4a59687706",
        "username": "alice",
        "quota": {"bytes": 10737418240, "images": 20000},
        "used": {"bytes": 4194304, "images": 1},
        "limits": {"upload_bytes": 67108864, "pixels": 220000000, "page": 200, "bulk": 500, "check": 1000},
        "formats": ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/heic"],
        "retentions": ["1h", "1d", "7d", "30d", "1y", "forever"],
        "default_retention": "7d",
        "token": {
            "name": "Camera upload",
            "scopes": ["read", "write"],
            "gallery_id": None,
            "expires_at": "2027-05-03T14:00:00Z",
        },
    },
}
