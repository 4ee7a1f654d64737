"""The site's addresses, and one that fails as it is told: so every error page can be looked at."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from galleries.problems import Problem
from gallery_site import urls as site

handler400, handler403, handler404 = site.handler400, site.handler403, site.handler404
handler429, handler500 = site.handler429, site.handler500

FAILURES: dict[str, Exception] = {
    "400": SuspiciousOperation("fails"),
    "403": PermissionDenied("fails"),
    "404": Http404("fails"),
    "413": Problem("file_too_large"),
    "422": Problem("invalid_request"),
    "429": Problem("rate_limited", retry_after=60),
    "500": RuntimeError("fails"),
    "503": OperationalError("fails"),
    "507": Problem("storage_full"),
}


def fail(request: HttpRequest, how: str) -> HttpResponse:
    raise FAILURES[how]


urlpatterns = [*site.urlpatterns, path("fail/<str:how>/", fail)]
