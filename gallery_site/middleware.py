"""Middleware of our own: the request's id, health checks under any name, metrics, and the headers of every answer."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseFileResponse

from galleries.metrics import count_request, metrics_folder
from gallery_site.logs import request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_ID = re.compile(r"[A-Za-z0-9\-]{8,64}")
UNLISTED = ("/s/", "/ending/")  # addresses that are secrets: no search engine may list them, nor any refusal there
WITHOUT_CONTENT = {204, 304}  # RFC 9110, section 8.6
HEALTH_CHECK = "/healthz"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PERMISSIONS = "geolocation=(), camera=(), microphone=()"
# Mean nothing on what a document loads from its own origin: the thirty scripts and styles of a page would carry 4 kB.
OF_DOCUMENTS = ("Permissions-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy")
# By which it is asked whether a file has changed. What is named by its content never does (RFC 8246): 2 kB more.
OF_CHANGING_FILES = ("ETag", "Last-Modified")


class RequestIdMiddleware:
    """Takes ``X-Request-ID`` from the proxy in front when it is well-formed, makes one otherwise, and answers with
    it, static files aside: nothing is looked up about them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if _ID.fullmatch(given) else secrets.token_hex(8)
        request_id.set(
            identifier
        )  # not reset: Django logs a refusal after the last middleware; the next request sets its own
        response = self.get_response(request)
        if not isinstance(response, WhiteNoiseFileResponse):
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


class MetricsMiddleware:
    """Counts requests by the name of their route, never by an address: that would hold ids and tokens."""

    def __init__(self, get_response: GetResponse) -> None:
        if metrics_folder() is None:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begin = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = (match.view_name if match else "") or "none"
        method = request.method if request.method in METHODS else "other"
        count_request(route, method, response.status_code, time.perf_counter() - begin)
        return response


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
        if isinstance(response, WhiteNoiseFileResponse):
            unneeded = OF_CHANGING_FILES if "immutable" in headers["Cache-Control"] else ()
            for name in (*OF_DOCUMENTS, *unneeded):
                headers.pop(name, None)
        if request.path.startswith(UNLISTED):
            headers["X-Robots-Tag"] = "noindex, nofollow"
        if response.status_code in WITHOUT_CONTENT:
            # Django calls nothing a page of 0 bytes. A 304 would make caches believe it of what they hold.
            headers.pop("Content-Type", None)
            headers.pop("Content-Length", None)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""  # Content-Length stays what it is for GET; gunicorn complains about a body
        return response
