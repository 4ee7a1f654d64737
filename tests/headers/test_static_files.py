"""What the scripts and styles of a page carry: thirty times the same, so nothing that counts for documents alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseFileResponse

from gallery_site.middleware import OF_CHANGING_FILES, OF_DOCUMENTS, RequestIdMiddleware, SiteHeadersMiddleware


def headers_around(response: HttpResponseBase) -> dict[str, str]:
    """The headers of ``response`` when it has passed those that add some, in the site's order."""

    def answer(_: HttpRequest) -> HttpResponseBase:
        return response

    site: Any = answer
    for path in reversed(settings.MIDDLEWARE):
        for kind in (SecurityMiddleware, SiteHeadersMiddleware, RequestIdMiddleware):
            if path == f"{kind.__module__}.{kind.__name__}":
                site = kind(site)
    return dict(site(RequestFactory().get("/static/js/site.js")).headers)


def test_a_static_file_carries_nothing_that_counts_for_documents_alone(tmp_path: Path) -> None:
    script = tmp_path / "site.js"
    script.write_text("export {};")
    with script.open("rb") as file:
        headers = headers_around(WhiteNoiseFileResponse(file))
    assert not headers.keys() & {*OF_DOCUMENTS, "X-Request-ID"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "credentialless"  # workers are asked for it
    assert headers_around(HttpResponse("a page")).keys() > {*OF_DOCUMENTS, "X-Request-ID"}


@pytest.mark.parametrize(("caching", "kept"), [("max-age=60, public", True), ("max-age=60, public, immutable", False)])
def test_only_a_file_that_may_change_says_by_what_that_is_seen(tmp_path: Path, caching: str, kept: bool) -> None:
    script = tmp_path / "site.js"
    script.write_text("export {};")
    with script.open("rb") as file:
        response = WhiteNoiseFileResponse(file, headers=dict.fromkeys(OF_CHANGING_FILES, "1"))
        response.headers["Cache-Control"] = caching
        headers = headers_around(response)
    assert [name in headers for name in OF_CHANGING_FILES] == [kept, kept]
