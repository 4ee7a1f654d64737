"""Media by its key, for a server without ``MediaApplication`` in front, and for every refusal."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from galleries.admission import admit
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
        response = HttpResponse(status=delivery.status, headers=delivery.headers)
        if "Content-Type" not in delivery.headers:
            del response.headers["Content-Type"]  # Django's own, for a page
        return response
    return SlicedResponse(delivery.file, status=delivery.status, headers=delivery.headers)


@require_safe
def media_admission(request: HttpRequest) -> HttpResponse:
    """What nginx asks once a minute about a pass, before it sends files itself (deploy/nginx); nobody else may."""
    if not settings.MEDIA_BY_NGINX:
        raise Problem("not_found")
    try:
        asked = urlsplit(request.headers.get("X-Original-URI", ""))
        admission = admit(asked.path.removeprefix("/"), dict(parse_qsl(asked.query)), timezone.now())
    except (ValueError, Problem):  # no address at all, or one that opens nothing
        return HttpResponse(status=403)  # the one refusal that nginx understands; it answers 404
    headers = {
        # nginx keeps it through this second, and looks at whole seconds only.
        "X-Accel-Expires": f"@{admission.until - 1}",
        "X-Media-Cache-Control": admission.cache_control,
        "X-Media-Hidden": " ".join(admission.hidden),
        "X-Media-Disposition": admission.disposition,
    }
    return HttpResponse(status=204, headers=headers)


class SlicedResponse(FileResponse):
    """A file response whose headers are all ours."""

    def set_headers(self, filelike: object) -> None:
        return None
