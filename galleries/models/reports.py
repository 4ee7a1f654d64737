"""What a visitor reports about a picture or a gallery, for the moderators."""

from __future__ import annotations

from django.db import models

from gallery_site.ids import uuid7

WORDS_LENGTH = 1_000


class Report(models.Model):
    """One report. Nothing about its sender is kept: no address, no session."""

    class Reason(models.TextChoices):
        ME = "me", "I am in it and did not agree"
        CHILD = "child", "It shows or harms a child"
        VIOLENCE = "violence", "It shows violence or abuse"
        RIGHTS = "rights", "It belongs to somebody else"
        OTHER = "other", "Something else"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gallery = models.ForeignKey("galleries.Gallery", on_delete=models.CASCADE, related_name="reports")
    link = models.ForeignKey("galleries.Link", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    image = models.UUIDField(null=True, blank=True)  # not a foreign key: a report outlives the picture
    reason = models.CharField(max_length=10, choices=Reason)
    words = models.TextField(max_length=WORDS_LENGTH, blank=True, default="")
    created_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["handled_at", "-id"], name="report_open_first")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.gallery_id.hex}"
