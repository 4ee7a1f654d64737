"""The plain page, the address that its pictures lead to, and what says that the process is up."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from bench.baseline.views import album, picture


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [
    path("album/<int:album>/", album),
    path("picture/<int:pk>/", picture, name="picture"),
    path("healthz", healthz),
]
