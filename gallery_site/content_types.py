"""Content types that cannot be read. Django reads the header while it makes the request, where no middleware can answer
for what it trips over, and takes any codec that Python knows for a charset. So the header is tried before, and what
fails is kept from Django until a middleware refuses it like everything else that is malformed."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters

UNREADABLE = "image_gallery.unreadable_content_type"  # no header: their names in the environment begin with HTTP_

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def try_content_type(site: Application) -> Application:
    """The WSGI application ``site``, which is not shown a content type that it could not read."""

    def trying(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not is_readable(environ.get("CONTENT_TYPE", "")):
            environ |= {"CONTENT_TYPE": "", UNREADABLE: True}
        return site(environ, start_response)

    return trying


def is_readable(content_type: str) -> bool:
    """Whether its parameters can be told apart, and its charset decodes text. One that is unknown does no harm: Django
    takes UTF-8 then."""
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
        if _is_known(charset):
            b"-".decode(charset, "replace")
    except (LookupError, ValueError):
        return False
    return True


def _is_known(charset: str) -> bool:
    try:
        codecs.lookup(charset)
    except LookupError:
        return False
    return True


class ContentTypeMiddleware:
    """Refuses what ``try_content_type`` found."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if UNREADABLE in request.META:
            raise BadRequest("The Content-Type cannot be read.")
        return self.get_response(request)
