"""One table, with the index that its one page needs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse


class Picture(models.Model):
    """What a plain page shows of a picture. Lengths in pixels."""

    album = models.PositiveIntegerField()
    title = models.CharField(max_length=150)
    taken_at = models.DateTimeField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    name = models.CharField(max_length=64)

    objects: ClassVar[models.Manager[Picture]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["album", "-taken_at"], name="picture_by_album")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("picture", args=[self.pk])

    @property
    def thumbnail_url(self) -> str:
        return f"/media/thumbnails/{self.name}.webp"

    @property
    def preview_url(self) -> str:
        return f"/media/previews/{self.name}.jpg"
