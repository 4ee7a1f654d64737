"""A load balancer's health check asks an address, not a name; nobody else gets past ``ALLOWED_HOSTS`` by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def site_by_name(settings: Settings) -> None:
    settings.SITE_URL = "https://photos.example.org"
    settings.ALLOWED_HOSTS = ["photos.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.usefixtures("site_by_name")
@pytest.mark.parametrize("host", ["10.0.1.7", "10.0.1.7:80", "ip-10-0-1-7.internal", "evil.example.com"])
def test_a_health_check_is_answered_under_any_name(client: Client, host: str) -> None:
    answer = client.get("/healthz", headers={"host": host})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert host not in str(answer.headers)


@pytest.mark.usefixtures("site_by_name")
@pytest.mark.parametrize(
    "path", ["/", "/readyz", "/healthz/", "/healthz/..", "//healthz", "/accounts/login/", "/api/v1/me"]
)
def test_everything_else_is_answered_under_the_sites_own(client: Client, path: str) -> None:
    forged = {"host": "10.0.1.7", "x-forwarded-proto": "https"}
    assert client.get(path, headers=forged).status_code == 400
    assert client.get("/healthz", headers={"host": "photos.example.org"}).status_code == 200
