"""Version 1 of the API, put together: operations, the token check, problems, and its description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from galleries.api import galleries, images
from galleries.api.errors import PROBLEM_SCHEMA, add_handlers
from galleries.api.tokens import Bearer

DESCRIPTION = (
    "Galleries of photos that go away by themselves. Each request carries `Authorization: Bearer <token>`; each "
    "refusal is problem details (RFC 9457) with a stable `code`; times are RFC 3339, in UTC."
)


def read_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page that changes nothing, whoever asks: another method is 405, not a question of tokens."""
    return csrf_exempt(require_safe(view))


class Api(NinjaAPI):
    """Ninja's API, whose description also holds what ninja leaves out: how problems look."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        schema["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
        for operations in schema["paths"].values():
            operations.pop("head", None)  # as GET, without the body
        return schema


api = Api(
    title="Image Gallery",
    version="1",
    description=DESCRIPTION,
    urls_namespace="galleries:api",
    auth=Bearer(),
    docs=Swagger(settings={"validatorUrl": None}),
    docs_decorator=read_only,
)
api.add_router("/galleries", galleries.router)
api.add_router("", images.router)
add_handlers(api)
