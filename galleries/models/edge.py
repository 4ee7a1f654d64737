"""What an edge has been asked to forget, or is still to be asked."""

from __future__ import annotations

from django.db import models


class Invalidation(models.Model):
    """ "Forget this gallery's pictures": at most one row a gallery, written in the transaction that hid or deleted some
    of them; it goes when CloudFront has taken the request."""

    gallery = models.UUIDField(primary_key=True)  # not a foreign key: the edge outlives the row
    owner = models.UUIDField()
    asked_at = models.DateTimeField()
    next_try = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.gallery.hex
