"""The front page: welcome, or my galleries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from galleries.access import parse_ids
from galleries.forms import GalleryForm
from galleries.galleries import create_gallery as make_gallery
from galleries.galleries import find_covers
from galleries.models import Gallery, Usage
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.tiles import Tile, make_tiles
from galleries.views.requests import PersonRequest, is_fragment, person
from gallery_site.errors import wants_json

CARDS = 24


@dataclass(frozen=True)
class Card:
    """A gallery on the front page."""

    gallery: Gallery
    cover: Tile | None

    @property
    def count(self) -> int:
        return self.gallery.live_count

    @property
    def bytes(self) -> int:
        return self.gallery.live_bytes

    @property
    def first_gone(self) -> datetime | None:
        return self.gallery.first_gone

    @property
    def last_gone(self) -> datetime | None:
        return self.gallery.ends_at


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Welcome a stranger; show a person their galleries, newest first."""
    if not request.user.is_authenticated:
        return render(request, "galleries/welcome.html")
    now = timezone.now()
    user = person(request)
    galleries = Gallery.objects.visible_to(user).measured(now).order_by("-id")
    after = parse_ids([request.GET.get("after", "")])
    if after:
        galleries = galleries.filter(id__lt=after[0])
    page = list(galleries[: CARDS + 1])
    context: dict[str, Any] = {
        "cards": make_cards(page[:CARDS], now),
        "next_url": f"?after={page[CARDS - 1].hex}" if len(page) > CARDS else "",
    }
    if is_fragment(request):
        return render(request, "galleries/_gallery_cards.html", context)
    context |= {
        "form": GalleryForm(),
        "usage": Usage.objects.filter(owner=user).first() or Usage(owner=user),
        "removed_count": Gallery.objects.restorable(now).filter(owner=user).count(),
    }
    return render(request, "galleries/home.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create_gallery(request: PersonRequest) -> HttpResponse:
    """Make a gallery."""
    form = GalleryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        gallery = make_gallery(request.user, now=timezone.now(), **form.cleaned_data)
        return JsonResponse(upload_target(gallery), status=201) if wants_json(request) else redirect(gallery)
    if request.method == "POST" and wants_json(request):
        raise Problem("invalid_request", fields=tuple(form.errors))
    status = 422 if request.method == "POST" else 200
    return render(request, "galleries/gallery_form.html", {"form": form}, status=status)


def upload_target(gallery: Gallery) -> dict[str, str]:
    """What the uploader needs to know of a gallery (static/js/upload)."""
    arguments = [gallery.hex]
    return {
        "galleryId": gallery.hex,
        "title": gallery.title,
        "galleryUrl": gallery.get_absolute_url(),
        "uploadUrl": reverse("galleries:image-upload", args=arguments),
        "checkUrl": reverse("galleries:image-check", args=arguments),
    }


def make_cards(galleries: list[Gallery], now: datetime) -> list[Card]:
    """The cards with their covers."""
    covers = find_covers(galleries, now)
    cards = []
    for gallery in galleries:
        cover = covers.get(gallery.id)
        tiles = make_tiles(gallery, [cover], Addresses(gallery, now, gallery.first_gone)) if cover else []
        cards.append(Card(gallery, tiles[0] if tiles else None))
    return cards
