"""Small pictures made in memory, and the shortest way to put one into a gallery."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from PIL import Image as Pillow

if TYPE_CHECKING:
    from galleries.models import Gallery, Image
    from galleries.uploads import StoredUpload, UploadOptions

# Orientation (EXIF 2.32, 4.6.5) -> what makes of an upright picture the one that is stored with it.
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_90,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_270,
}


def jpeg(seed: int = 0, size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    """A JPEG whose bytes differ by ``seed``."""
    picture = Pillow.new("RGB", size, ((seed * 37) % 256, (seed * 91) % 256, (seed * 53 + 40) % 256))
    picture.putpixel((0, 0), (seed % 256, seed // 256 % 256, 7))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=90, **options)
    return target.getvalue() + b""


def store(gallery: Gallery, body: bytes | None = None, *, options: UploadOptions | None = None) -> StoredUpload:
    """Upload ``body`` (by default some JPEG) as the pages do."""
    from galleries.receiving import ReceivedFile
    from galleries.uploads import UploadOptions, store_upload

    body = jpeg() if body is None else body
    digest = hashlib.sha256(body).hexdigest()
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"test-{digest[:16]}"
    path.write_bytes(body)
    try:
        return store_upload(gallery, ReceivedFile(path, "photo.jpg", len(body), digest), options or UploadOptions())
    finally:
        path.unlink()


def store_image(gallery: Gallery, seed: int = 0) -> Image:
    """One live image in ``gallery``."""
    return store(gallery, jpeg(seed)).image
