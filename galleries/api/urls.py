"""Where the versions of the API are. Included by ``galleries.urls``, which registers the converter of ids first."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from galleries.api.v1 import api
from galleries.problems import Problem


@csrf_exempt
def nothing(request: HttpRequest, rest: str = "") -> HttpResponseBase:
    """Any other address: 404 as a problem, whatever the method, and never a redirect to something similar."""
    raise Problem("not_found")


urlpatterns = [
    path("v1/", nothing, name="api-nothing-v1"),  # before ninja's own page there, which asks a POST for a CSRF token
    path("v1/", api.urls),
    path("", nothing, name="api-nothing"),
    path("<path:rest>", nothing, name="api-nothing-below"),
]
