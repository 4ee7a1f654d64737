"""The admin's status page: the numbers that Prometheus gets, for people."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from galleries.metrics import totals
from galleries.vitals import read_vitals


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """For everybody of the staff: counts alone, nothing of anybody's."""
    context = admin.site.each_context(request) | {
        "title": "Status",
        "vitals": read_vitals(timezone.now()),
        "counted": totals(),
    }
    return render(request, "admin/status.html", context)
