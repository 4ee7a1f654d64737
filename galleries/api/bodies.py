"""Bodies that say no length and come in chunks (RFC 9112, section 7.1), as programs send what they make on the way.

The server takes the chunks apart. Django reads as many bytes as ``Content-Length`` says and would take such a body for
an empty one.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from gunicorn.http.errors import ParseException

from galleries.problems import Problem

Run = Callable[..., HttpResponseBase]


def is_chunked(request: HttpRequest) -> bool:
    """Whether the body goes on until it ends, however long that is."""
    return "Transfer-Encoding" in request.headers


def read_chunked(run: Run) -> Run:
    """A view that can read such a body. Whoever reads it keeps count: nothing here bounds it."""

    @functools.wraps(run)
    def reading(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_chunked(request):
            if not request.META.get("wsgi.input_terminated"):  # a server that would wait for more at the end
                raise Problem("malformed", detail="Say how long the request is: send Content-Length.")
            request._stream = cast(BinaryIO, _Chunks(request.META["wsgi.input"]))
        return run(request, *args, **kwargs)

    return reading


class _Chunks(io.RawIOBase):
    """What the chunks hold; an end without the last one is none."""

    def __init__(self, source: BinaryIO) -> None:
        self.source = source

    def read(self, size: int | None = -1) -> bytes:
        try:
            return self.source.read() if size is None or size < 0 else self.source.read(size)
        except ParseException as error:  # it knows OSError as the end of a body, not this
            raise Problem("malformed", detail="The chunks of the request could not be told apart.") from error
