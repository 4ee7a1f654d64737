"""How a test chooses photos, slows their line down, and finds what the panel says of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from playwright.sync_api import CDPSession, FilePayload, Page, expect

from tests import photos
from tests.pictures import jpeg
from tests.upload_js.fake_site import Received

INPUT = "input[type=file]"
HEAD = '[data-part="head"]'
TURNED = photos.path("photo/samsung-sm-j327t1.jpg")  # EXIF orientation 6, upright 1932 x 2576


def choose(page: Page, *files: Path | FilePayload) -> None:
    """Pick files as the picker does: paths, or payloads of `made`, mixed."""
    payloads = [
        made(file.name, file.read_bytes(), "application/octet-stream") if isinstance(file, Path) else file
        for file in files
    ]
    page.set_input_files(INPUT, payloads)


def made(name: str, body: bytes, kind: str = "image/jpeg") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": body}


def small(count: int, first: int = 0) -> list[FilePayload]:
    """Tiny photos, all different."""
    return [made(f"photo-{each:03}.jpg", jpeg(each)) for each in range(first, first + count)]


def wait_for_end(page: Page, words: str) -> None:
    expect(page.locator(HEAD)).to_contain_text(words, timeout=60_000)


def row(page: Page, name: str) -> Any:
    return page.locator(".upload-row", has_text=name)


def picture(request: Received) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(request.body))
    image.load()
    return image


def slow_line(page: Page, bytes_per_second: int) -> CDPSession:
    """Uploads leave the browser no faster than this, until the session is detached; a slow server would only fill the
    system's buffers."""
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    session = page.context.new_cdp_session(page)
    session.send("Network.emulateNetworkConditions", conditions)
    return session
