"""Error answers: a page for people (a toast, where one is open), problem details (RFC 9457) for programs, the same code
and status in all."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.core.exceptions import TooManyFilesSent
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import reswap, retarget

from galleries.problems import Problem
from galleries.views.requests import is_fragment

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class ProblemMiddleware:
    """Turns a Problem that a view did not handle into its answer; a refused method into one that programs can read."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == 405 and wants_json(request):
            allowed = sorted(method.strip() for method in response.headers["Allow"].split(","))
            response = problem_json(Problem("method_not_allowed"))
            response.headers["Allow"] = ", ".join(allowed)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if _is_away(exception):
            log.warning("database or cache: %s", exception)
            return busy(request)
        return problem_response(request, exception) if isinstance(exception, Problem) else None


def _is_away(exception: BaseException | None) -> bool:
    """The database was locked for longer than we wait, or is out of reach; or the Redis that CACHE_URL names is."""
    redis = sys.modules.get("redis.exceptions")  # loaded where it is used
    return isinstance(exception, OperationalError) or (redis is not None and isinstance(exception, redis.RedisError))


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asked: anything of the API, or a request that accepts JSON and not a page."""
    if request.path.startswith("/api/"):
        return True
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The answer for ``problem`` in the form that the request asks for."""
    if wants_json(request):
        return problem_json(problem)
    if problem.status == 404:
        return not_found(request, problem)
    response = _toast(request, problem) if is_fragment(request) else _page(request, problem)
    for name, value in problem.headers.items():
        response[name] = value
    return response


def _page(request: HttpRequest, problem: Problem) -> HttpResponse:
    return render(request, "galleries/problem.html", {"problem": problem}, status=problem.status)


def _toast(request: HttpRequest, problem: Problem) -> HttpResponse:
    """For a page that stays open, whatever part of it was asked for; static/js/htmx_answers.js takes any status."""
    message = Message(messages.WARNING, problem.sentence)
    response = render(request, "_message.html", {"message": message}, status=problem.status)
    return retarget(reswap(response, "beforeend"), "#toasts")


def problem_json(problem: Problem) -> HttpResponse:
    """``problem`` as application/problem+json."""
    return HttpResponse(
        json.dumps(problem.as_json()),
        content_type="application/problem+json",
        status=problem.status,
        headers=problem.headers,
    )


def busy(request: HttpRequest) -> HttpResponse:
    """503: what we need does not answer right now. The page asks nothing of the database itself."""
    problem = Problem("unavailable", retry_after=5)
    if wants_json(request):
        return problem_json(problem)
    return HttpResponse(render_to_string("503.html"), status=503, headers=problem.headers)


def too_many_files() -> Problem:
    """The refusal of a request with more files than one may have: none of them reached a view."""
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    detail = f"At most {most} photos at a time. Nothing was stored: go back and choose fewer."
    return Problem("invalid_request", detail=detail, fields=("file",))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, TooManyFilesSent):
        return problem_response(request, too_many_files())
    if wants_json(request):
        return problem_json(Problem("malformed"))
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return problem_json(Problem("forbidden"))
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return problem_json(exception if isinstance(exception, Problem) else Problem("not_found"))
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_away(sys.exc_info()[1]):  # from a middleware: no view, so not seen above
        return busy(request)
    if wants_json(request):
        return problem_json(Problem("server_error"))
    return render(request, "500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if wants_json(request):
        return problem_json(Problem("forbidden", detail="This page is too old. Load it again."))
    return render(request, "403_csrf.html", {"page": page_before(request)}, status=403)


def page_before(request: HttpRequest) -> str:
    """The path of this site's page from which the request was sent, "" when the browser does not say."""
    referrer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure()):
        return ""
    path = urlsplit(referrer)._replace(scheme="", netloc="").geturl()
    return path if url_has_allowed_host_and_scheme(path, None) else ""  # our //evil.example/ would be its own site
