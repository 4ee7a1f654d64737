"""What makes the site an app on a phone: its service worker, the page for "no line", photos shared by other apps."""

from __future__ import annotations

import hashlib
import json
from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from galleries.forms import GalleryForm
from galleries.galleries import create_gallery
from galleries.models import Gallery
from galleries.problems import Problem
from galleries.receiving import HashedUpload
from galleries.turns import uploads
from galleries.views.home import upload_target
from galleries.views.requests import PersonRequest
from galleries.views.uploads import store_all

OFFLINE_FILES = ("css/site.css", "icons/favicon.svg")
SHOWN_GALLERIES = 50


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The same script for everybody. Its text changes with any file that it needs: browsers then fetch it anew."""
    site = {"offline": reverse("galleries:offline"), "files": [static(name) for name in OFFLINE_FILES]}
    module = static("js/sw/worker.js")
    name = hashlib.sha256(json.dumps([site, module]).encode()).hexdigest()[:12]
    script = f'import {{ serve }} from "{module}";\nserve({json.dumps({**site, "name": name})});\n'
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    return HttpResponse(script, content_type="text/javascript; charset=utf-8", headers=headers)


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What a person sees without a line; nothing in it is theirs, so the service worker may keep it."""
    response = render(request, "offline.html")
    response["Cache-Control"] = "no-cache"
    return response


@csrf_exempt  # another app cannot know our token; see _require_own_app
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: PersonRequest) -> HttpResponse:
    """Ask where shared photos go. The service worker has them; where none runs they arrive here, for a new gallery."""
    title = f"Shared on {date_format(timezone.now(), 'j M')}"
    if request.method == "POST":
        _require_own_app(request)
        files = [file for file in request.FILES.getlist("file") if isinstance(file, HashedUpload)]
        if files:
            default = cast("str", Gallery._meta.get_field("retention").get_default())
            with uploads.turn(request.user.pk):
                gallery = create_gallery(request.user, title=title, retention=default, now=timezone.now())
                store_all(request, gallery, files)
            return redirect(gallery)
    galleries = Gallery.objects.visible_to(request.user).order_by("-id")[:SHOWN_GALLERIES]
    targets = {gallery.hex: upload_target(gallery) for gallery in galleries}
    context = {"galleries": galleries, "targets": targets, "form": GalleryForm(initial={"title": title})}
    return render(request, "galleries/share.html", context)


def _require_own_app(request: HttpRequest) -> None:
    """A form of another site must not fill galleries. Browsers say where a request was begun: here, or by no page at
    all (the share sheet). The session's cookie, Lax, does not come along with a foreign form either."""
    if request.headers.get("Sec-Fetch-Site") not in {"same-origin", "none"}:
        raise Problem("forbidden", detail="Share photos with this site from another app, or add them in a gallery.")
