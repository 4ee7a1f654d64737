"""Conditional requests (RFC 9110, section 13): 304 for what a program has already, 412 before what it has not seen.

An ETag has two halves. The first stands for the thing itself and is what ``If-Match`` compares: the addresses in an
answer carry passes that change every quarter of an hour, which is no reason to refuse a change. The second stands for
the whole answer and is compared, with the first, by ``If-None-Match``: who gets a 304 has addresses that still open.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags

from galleries.problems import Problem

Run = Callable[..., HttpResponseBase]
_ADDRESSES = {"url", "original_url", "cover"}
# Of a link: what its visitors and its gallery change is no reason to refuse its owner's change.
_NOT_ITS_OWN = {"opens", "downloads", "closes_at"}
_KEPT_BY_304 = ("Cache-Control", "Retry-After")


def answer_304(run: Run) -> Run:
    """A view of the API whose JSON answers to GET and HEAD carry an ETag, and are 304 for who has them already."""

    @functools.wraps(run)
    def conditional(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = run(request, *args, **kwargs)
        if request.method not in {"GET", "HEAD"} or response.status_code != 200:
            return response
        if not isinstance(response, HttpResponse):
            return response
        tag = str(response.headers.get("ETag") or f'"{_hash(response.content)}"')
        response.headers["ETag"] = tag
        if _is_listed(tag, request.headers.get("If-None-Match", "")):
            kept = {name: response.headers[name] for name in _KEPT_BY_304 if name in response.headers}
            return HttpResponse(status=304, headers={"ETag": tag, **kept})
        return response

    return conditional


def mark(response: HttpResponse, body: dict[str, Any]) -> dict[str, Any]:
    """Give ``response`` the ETag of the one thing that ``body`` describes; returns ``body``."""
    response.headers["ETag"] = f'"{_state(body)}.{_hash(_written(body))}"'
    return body


def require_match(request: HttpRequest, describe: Callable[[], dict[str, Any]]) -> bool:
    """Refuse a change of something that is not as the caller saw it; whether the caller said what they saw.

    ``describe`` gives the body that GET would answer now; it is only asked when there is an ``If-Match``.

    Raises:
        Problem: precondition_failed.
    """
    condition = request.headers.get("If-Match")
    if condition is None or condition.strip() == "*":  # it is there: it was opened
        return False
    seen = {tag.strip('"').partition(".")[0] for tag in parse_etags(condition)}  # a weak one keeps its W/: no match
    if _state(describe()) not in seen:
        raise Problem("precondition_failed")
    return True


def _is_listed(tag: str, condition: str) -> bool:
    """Weak comparison, as If-None-Match asks for."""
    return condition.strip() == "*" or tag in [each.removeprefix("W/") for each in parse_etags(condition)]


def _state(body: dict[str, Any]) -> str:
    """What stands for the thing itself: all that is its own, addresses without their passes."""

    def without_passes(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: without_passes(each, key) for key, each in value.items() if key not in _NOT_ITS_OWN}
        return value.partition("?")[0] if name in _ADDRESSES and value else value

    return _hash(_written(without_passes(body)))


def _written(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, default=str).encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]  # 96 bits: nobody but the owner could look for a collision
