"""Adding photos: one file with JavaScript, several from the plain form; each is judged alone."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from galleries.access import own_gallery
from galleries.api.shapes import image_alone_json
from galleries.filenames import clean_filename
from galleries.forms import upload_options
from galleries.models import Gallery
from galleries.problems import Problem
from galleries.receiving import HashedUpload
from galleries.uploads import StoredUpload, UploadOptions, store_upload
from galleries.views.requests import PersonRequest
from gallery_site.errors import wants_json

SHOWN_PROBLEMS = 20


@login_required
@require_POST
def upload(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """Store the files of this request in the gallery."""
    gallery = own_gallery(request.user, gallery_id, timezone.now())
    files = [file for file in request.FILES.getlist("file") if isinstance(file, HashedUpload)]
    if wants_json(request):
        return _upload_one(request, gallery, files)
    return _upload_form(request, gallery, files)


def _upload_one(request: PersonRequest, gallery: Gallery, files: list[HashedUpload]) -> HttpResponse:
    if len(files) != 1:
        raise Problem("invalid_request", detail="Send exactly one file.", fields=("file",))
    stored = store_upload(gallery, files[0].received(), _options(request))
    body = image_alone_json(stored.image, gallery, timezone.now())
    return JsonResponse({"duplicate": stored.duplicate, "image": body}, status=200 if stored.duplicate else 201)


def _upload_form(request: PersonRequest, gallery: Gallery, files: list[HashedUpload]) -> HttpResponse:
    stored: list[StoredUpload] = []
    problems: list[str] = []
    options = _options(request)
    for file in files:
        try:
            stored.append(store_upload(gallery, file.received(), options))
        except Problem as problem:
            problems.append(f"{clean_filename(file.given_name)}: {problem.sentence}")
    _tell(request, stored, problems)
    return redirect(gallery)


def _options(request: PersonRequest) -> UploadOptions:
    return upload_options(request.POST, request.user, request.headers.get("Idempotency-Key", ""))


def _tell(request: PersonRequest, stored: list[StoredUpload], problems: list[str]) -> None:
    added = sum(not each.duplicate for each in stored)
    here = len(stored) - added
    if added:
        messages.success(request, "1 photo added." if added == 1 else f"{added} photos added.")
    if here:
        messages.info(request, f"{here} already here, skipped.")
    if not stored and not problems:
        messages.warning(request, "Choose at least one photo.")
    for problem in problems[:SHOWN_PROBLEMS]:
        messages.error(request, problem)
    if len(problems) > SHOWN_PROBLEMS:
        messages.error(request, f"{len(problems) - SHOWN_PROBLEMS} more could not be added.")
