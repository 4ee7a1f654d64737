"""Every refusal leaves the API as problem details (RFC 9457) with a stable code."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.db import OperationalError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from galleries.problems import PROBLEMS, Problem
from gallery_site.errors import problem_json, too_many_files

logger = logging.getLogger(__name__)

MAX_FIELDS = 20  # wrong fields that are named; a body may have thousands
MAX_FIELD_NAME = 100
MEDIA_TYPE = "application/problem+json"
# What any operation may answer, whatever it does.
COMMON = ("unauthorized", "forbidden", "rate_limited", "server_error", "unavailable")


def add_handlers(api: NinjaAPI) -> None:
    """Make ``api`` answer each exception that can leave an operation with its problem."""
    for kind in (Problem, Http404, HttpError, ValidationError, *_MALFORMED, OperationalError):
        api.add_exception_handler(kind, _answer)
    api.add_exception_handler(Exception, _leave_to_django)


_MALFORMED = (SuspiciousOperation, MultiPartParserError, UnreadablePostError)


def _answer(request: HttpRequest, exception: Exception | type[Exception]) -> HttpResponse:
    return problem_json(_problem(exception))


def _leave_to_django(request: HttpRequest, exception: Exception | type[Exception]) -> HttpResponse:
    """A mistake of ours: logged and answered (as a problem, too) where all of them are."""
    raise exception


def _problem(exception: Exception | type[Exception]) -> Problem:
    match exception:
        case Problem():
            return exception
        case Http404():
            return Problem("not_found")
        case ValidationError():
            return invalid((_field(error["loc"]), message_of(error)) for error in exception.errors)
        case RequestDataTooBig():
            return Problem("file_too_large", detail="This request is too large.")
        case TooManyFilesSent():
            return too_many_files()
        case HttpError(status_code=401):
            return Problem("unauthorized")
        case HttpError(__cause__=Problem() as problem):  # from our parser
            return problem
        case OperationalError():
            logger.warning("the database did not answer", exc_info=exception)
            return Problem("unavailable", retry_after=5)
    return Problem("malformed")


# Where the library's words speak of its own classes, or of Python.
_MESSAGES = {
    "model_type": "Send a JSON object.",
    "missing": "This is needed.",
    "extra_forbidden": "There is no such field.",
    "int_parsing": "Send a whole number.",
}


def message_of(error: Mapping[str, Any]) -> str:
    """What is wrong, for people, of an error that the validation found."""
    return _MESSAGES.get(error["type"]) or str(error["msg"])


def _field(location: Sequence[str | int]) -> str:
    """The name of a wrong field: ``("body", "payload", "title")`` is the title of the body that we call payload."""
    source, *names = location
    names = names[1:] if source == "body" else names
    return ".".join(map(str, names)) or str(source)


def invalid(errors: Iterable[tuple[str, str]]) -> Problem:
    """The refusal of wrong fields, each with what is wrong about it."""
    messages: dict[str, str] = {}
    for field, message in errors:
        messages.setdefault(field[:MAX_FIELD_NAME], message.removeprefix("Value error, "))
    named = list(messages.items())[:MAX_FIELDS]
    detail = " ".join(f"{field}: {message.rstrip('.')}." for field, message in named)
    return Problem("invalid_request", detail=detail, fields=tuple(field for field, _ in named))


def invalid_form(form: BaseForm, given: Iterable[str]) -> Problem | None:
    """The refusal of those of the ``given`` fields that ``form`` finds wrong, None when all are right."""
    given = set(given)
    errors = [(field, " ".join(map(str, found))) for field, found in form.errors.items() if field in given]
    return invalid(errors) if errors else None


def refusals(*codes: str) -> dict[str, Any]:
    """The error answers of an operation as OpenAPI describes them: its own ``codes`` and those that any may give."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, *COMMON):
        by_status.setdefault(PROBLEMS[code][0], []).append(code)
    return {"responses": {status: _described(by_status[status]) for status in sorted(by_status)}}


def _described(codes: list[str]) -> dict[str, Any]:
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, code]}
    examples = {code: {"value": Problem(code).as_json()} for code in codes}
    return {
        "description": ", ".join(PROBLEMS[code][1] for code in codes),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "Problem details (RFC 9457). `code` is stable; `title` and `detail` are for people.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": list(PROBLEMS)},
        "fields": {"type": "array", "items": {"type": "string"}, "description": "The wrong fields."},
        "image_id": {"type": "string", "description": "The image that is in the way."},
    },
    "required": ["type", "title", "status", "detail", "code"],
}
