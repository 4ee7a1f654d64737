"""Which files a gallery holds already, asked by their hashes before a byte of them is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from galleries.models import Gallery, Image

MAX_HASHES = 1_000  # of one question, as MAX_IDS of one selection
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Held:
    """The image that a file is here as. ``exact``: by the bytes as they were uploaded; otherwise it was made from the
    file, in another quality perhaps. Its size is upright."""

    image_id: UUID
    exact: bool
    width: int
    height: int

    @property
    def worth(self) -> tuple[bool, int]:
        """The greater, the closer to the file."""
        return self.exact, self.width * self.height


def find_held(gallery: Gallery, hashes: Iterable[str], now: datetime) -> dict[str, Held]:
    """The live image of each hash that ``gallery`` holds, of several the best.

    The caller has checked that the gallery is the person's own.

    A hash is the SHA-256 in hex of a file as it was chosen (``source_sha256``, which compressing does not change) or of
    the bytes as they were uploaded; what is no such hash is held by nobody. Two indexed queries however many are asked.
    """
    asked = {each for each in hashes if _SHA256.fullmatch(each)}
    live = Image.objects.live(now).filter(gallery=gallery)
    # Two queries, because of an OR SQLite would read the whole gallery; "not empty" is the partial index's condition.
    by_source = live.exclude(source_sha256="").filter(source_sha256__in=asked)
    by_bytes = live.filter(dedup_key__in=asked)
    facts = ("id", "width", "height")
    found = [
        (each, Held(image, exact, width, height))
        for rows, exact in (
            (by_source.values_list("source_sha256", *facts), False),
            (by_bytes.values_list("dedup_key", *facts), True),
        )
        for each, image, width, height in rows
    ]
    return {each: held for each, held in sorted(found, key=lambda pair: pair[1].worth) if each}
