"""The number of a picture among those of its gallery, in the order in which they were taken. Visitors' files are called
by it, whichever way they leave: alone, in a selection or in the whole zip."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils.text import slugify

from galleries.models import Gallery, Image, ImageQuerySet

DIGITS = 3  # at least: names sort as the pictures do


@dataclass(frozen=True)
class Numbering:
    """Neutral names: ``summer-by-the-sea-001.jpg``. ``live`` are all pictures of the gallery that may be seen."""

    gallery: Gallery
    live: ImageQuerySet

    @property
    def stem(self) -> str:
        return slugify(self.gallery.title, allow_unicode=True)[:60].strip("-_") or "photos"

    def name(self, number: int, extension: str) -> str:
        digits = max(DIGITS, len(str(self.gallery.live_count)))
        return f"{self.stem}-{number:0{digits}}.{extension}"

    def number_of(self, image: Image) -> int:
        """The picture's number, from 1."""
        before = Q(sort_at__lt=image.sort_at) | Q(sort_at=image.sort_at, id__lte=image.id)
        return self.live.filter(before).count()

    def numbers_of(self, ids: Container[UUID]) -> dict[UUID, int]:
        """The numbers of these pictures, in their order."""
        every = self.live.order_by("sort_at", "id").values_list("id", flat=True).iterator(chunk_size=5_000)
        return {identifier: number for number, identifier in enumerate(every, 1) if identifier in ids}
