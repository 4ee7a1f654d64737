"""What waits for a moderator, on every page of the admin."""

from __future__ import annotations

from django import template

from galleries.models import Report

register = template.Library()


@register.simple_tag
def waiting_reports() -> int:
    """How many reports nobody has handled yet."""
    return Report.objects.filter(handled_at=None).count()
