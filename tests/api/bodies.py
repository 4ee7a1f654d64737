"""Bodies of uploads, byte for byte, and what is left of them on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings as site

from galleries.models import Gallery
from tests.api.program import Program

BOUNDARY = "xYzZY"


def leftovers() -> list[str]:
    """What lies in the folder of bodies that come in."""
    return [path.name for path in Path(site.UPLOAD_DIR).glob("*")]


def multipart(*parts: tuple[str, str, bytes]) -> bytes:
    """A body of parts: (name, filename or "", content)."""
    lines = []
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        lines.append(head.encode() + content)
    return b"\r\n".join(lines) + f"\r\n--{BOUNDARY}--\r\n".encode()


def send_raw(program: Program, gallery: Gallery, body: Any = b"-", **extra: Any) -> Any:
    """``body`` as it is, unless CONTENT_LENGTH and wsgi.input are given."""
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return program.send("POST", f"/galleries/{gallery.hex}/images", body, content_type=content_type, **extra)
