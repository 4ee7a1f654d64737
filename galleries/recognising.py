"""Which files a gallery holds already, asked by their hashes before a byte of them is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from galleries.models import Gallery, Image

MAX_HASHES = 1_000  # of one question, as MAX_IDS of one selection
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Held(NamedTuple):
    """The image that a file is here as. ``exact``: by the bytes as they were uploaded; otherwise it was made from the
    file, in another quality perhaps."""

    image_id: UUID
    exact: bool


def find_held(gallery: Gallery, hashes: Iterable[str], now: datetime) -> dict[str, Held]:
    """The live image of each hash that ``gallery`` holds; the caller has checked that the gallery is the person's own.

    A hash is the SHA-256 in hex of a file as it was chosen (``source_sha256``, which compressing does not change) or of
    the bytes as they were uploaded; what is no such hash is held by nobody. Two indexed queries however many are asked.
    """
    asked = {each for each in hashes if _SHA256.fullmatch(each)}
    live = Image.objects.live(now).filter(gallery=gallery)
    # Two queries, because of an OR SQLite would read the whole gallery; "not empty" is the partial index's condition.
    by_source = live.exclude(source_sha256="").filter(source_sha256__in=asked).values_list("source_sha256", "id")
    by_bytes = live.filter(dedup_key__in=asked).values_list("dedup_key", "id")
    held = {source: Held(image, exact=False) for source, image in by_source}
    return held | {sha256: Held(image, exact=True) for sha256, image in by_bytes if sha256}
