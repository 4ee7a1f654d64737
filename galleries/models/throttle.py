"""What was done how often: one row for each thing that a limit counts (``galleries/throttling.py``)."""

from __future__ import annotations

from django.db import models


class Throttle(models.Model):
    """The recent hits of one counter. ``key`` is a keyed hash: no address and no name can be read from it."""

    key = models.CharField(max_length=32, primary_key=True)
    hits = models.JSONField(default=list, help_text="[epoch second, how many], oldest first.")
    stale_at = models.DateTimeField(db_index=True, help_text="From then on no hit counts any more.")

    def __str__(self) -> str:
        return f"{self.key[:8]} until {self.stale_at:%Y-%m-%d %H:%M}"
