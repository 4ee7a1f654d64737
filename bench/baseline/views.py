"""The plain page: signed in, one indexed query, 60 pictures."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bench.baseline.models import Picture

PAGE = 60


@login_required
def album(request: HttpRequest, album: int) -> HttpResponse:
    pictures = Picture.objects.filter(album=album).order_by("-taken_at")[:PAGE]
    return render(request, "album.html", {"pictures": pictures, "title": "Iceland 2026"})


def picture(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(status=404)  # only its address is measured
