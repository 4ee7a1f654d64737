"""Middleware of our own: the request's id, health checks under any name, and the headers that every answer carries."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from gallery_site.logs import request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_ID = re.compile(r"[A-Za-z0-9\-]{8,64}")
UNLISTED = ("/s/", "/ending/")  # addresses that are secrets: no search engine may list them, nor any refusal there
HEALTH_CHECK = "/healthz"
PERMISSIONS = "geolocation=(), camera=(), microphone=()"


class RequestIdMiddleware:
    """Takes ``X-Request-ID`` from the proxy in front when it is well-formed, makes one otherwise, and answers with
    it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if _ID.fullmatch(given) else secrets.token_hex(8)
        request_id.set(
            identifier
        )  # not reset: Django logs a refusal after the last middleware; the next request sets its own
        response = self.get_response(request)
        response.headers["X-Request-ID"] = identifier
        return response


class HealthCheckMiddleware:
    """A load balancer asks an address and knows no name: /healthz, which says nothing but that a process answers, is
    taken as asked under the site's own. Everywhere else ``ALLOWED_HOSTS`` holds."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == HEALTH_CHECK:
            request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        return self.get_response(request)


class SiteHeadersMiddleware:
    """Deny by default: what a view did not mark as cacheable is private and never stored (SAFETY 5.1)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        headers.setdefault("Cache-Control", "private, no-store")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Embedder-Policy", "credentialless")
        headers.setdefault("Permissions-Policy", PERMISSIONS)
        if request.path.startswith(UNLISTED):
            headers["X-Robots-Tag"] = "noindex, nofollow"
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""  # Content-Length stays what it is for GET; gunicorn complains about a body
        return response
