"""Version 1 of the API, put together: operations, the token check, problems, and its description."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from galleries.api import account, galleries, images, links, many
from galleries.api.bodies import read_chunked
from galleries.api.conditions import answer_304
from galleries.api.description import complete
from galleries.api.errors import add_handlers
from galleries.api.tokens import Bearer
from galleries.problems import Problem

DESCRIPTION = (
    "Galleries of photos that go away by themselves. Each request carries `Authorization: Bearer <token>`. Each "
    "refusal is problem details (RFC 9457) with a stable `code`, also where there is nothing (404) or not by that "
    "method (405). Times are RFC 3339, in UTC. HEAD answers as GET does, without the body. Lists go on at `next`. "
    "429 and 503 say in `Retry-After` when to come back."
)


def read_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page that changes nothing, whoever asks: another method is 405, not a question of tokens."""
    return csrf_exempt(require_safe(view))


class StrictParser(Parser):
    """Bodies are JSON and say so: RFC 8259 knows no NaN, and a form is not JSON whatever it looks like."""

    def parse_body(self, request: HttpRequest) -> Any:
        kind = request.content_type or "application/json"
        if kind != "application/json" and not kind.endswith("+json"):
            raise Problem("unsupported_media_type")
        return json.loads(request.body, parse_constant=_refuse, object_pairs_hook=_fields)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose fields is given once: which of two would count is known to nobody (RFC 8259, 4)."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is given twice")
    return fields


class Api(NinjaAPI):
    """Ninja's API, whose description also holds what ninja leaves out: how problems look."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._described: dict[str, OpenAPISchema] = {}

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Put together once: anybody may ask for it, and it costs ten times what sending it does."""
        key = json.dumps(kwargs, default=str)
        if key not in self._described:
            schema = super().get_openapi_schema(**kwargs)
            complete(schema)
            self._described[key] = schema
        return self._described[key]


api = Api(
    title="Image Gallery",
    version="1",
    description=DESCRIPTION,
    urls_namespace="galleries:api",
    auth=Bearer(),
    docs=Swagger(settings={"validatorUrl": None}),
    docs_decorator=read_only,
    parser=StrictParser(),
)
api.add_decorator(answer_304, mode="view")
api.add_decorator(read_chunked, mode="view")
api.add_router("/galleries", galleries.router)
api.add_router("", images.router)
api.add_router("", many.router)
api.add_router("", links.router)
api.add_router("", account.router)
add_handlers(api)
