"""Media by its key, for a server without ``MediaApplication`` in front, and for every refusal."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from galleries.media import Asked, deliver
from galleries.problems import Problem


@require_safe
def media_object(request: HttpRequest, rest: str) -> HttpResponseBase:
    """One object, to whoever holds its pass."""
    headers = request.headers
    asked = Asked(
        request.method or "GET",
        headers.get("If-None-Match", ""),
        headers.get("Range", ""),
        headers.get("If-Range", ""),
    )
    try:
        delivery = deliver(f"media/{rest}", request.GET.dict(), asked, timezone.now())
    except Problem as problem:
        accept = headers.get("Accept", "")
        if "text/html" in accept or "json" in accept:  # a person or a program; everything else shows a picture
            raise
        plain = {"Cache-Control": "no-store"} | problem.headers
        return HttpResponse(problem.sentence, "text/plain; charset=utf-8", problem.status, headers=plain)
    if delivery.file is None:
        return HttpResponse(status=delivery.status, headers=delivery.headers)
    return SlicedResponse(delivery.file, status=delivery.status, headers=delivery.headers)


class SlicedResponse(FileResponse):
    """A file response whose headers are all ours."""

    def set_headers(self, filelike: object) -> None:
        return None
