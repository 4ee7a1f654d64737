"""Headers that Django trips over before it asks anybody: a refusal with a code, as for everything else."""

from __future__ import annotations

import json
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db


def ask_wsgi(content_type: str, path: str = "/") -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of the answer of the whole application, as the server calls it."""
    from gallery_site.wsgi import application

    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": "after=x", "CONTENT_TYPE": content_type}
    setup_testing_defaults(environ)
    started: list[Any] = []
    chunks = application(environ, lambda *answer: started.append(answer))
    content = b"".join(chunks)
    if close := getattr(chunks, "close", None):
        close()
    [(status, headers)] = started
    return status, dict(headers), content


@pytest.mark.parametrize(
    "content_type",
    ["a/b; x*=nope''a", "a/b; charset*=idna''%ff", "text/html; charset=hex", "text/html; charset=undefined"],
)
def test_a_content_type_that_cannot_be_read_is_malformed(content_type: str) -> None:
    status, headers, body = ask_wsgi(content_type)
    assert status == "400 Bad Request"
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"<h1" in body
    status, headers, body = ask_wsgi(content_type, "/api/v1/galleries")
    assert (status, headers["Content-Type"]) == ("400 Bad Request", "application/problem+json")
    assert json.loads(body)["code"] == "malformed"


@pytest.mark.parametrize(
    "content_type", ["", "text/html", "text/html; charset=latin-1", "text/html; charset=unheard-of"]
)
def test_any_other_content_type_hinders_nobody(content_type: str) -> None:
    assert ask_wsgi(content_type)[0] == "200 OK"


@pytest.mark.parametrize(("by_nginx", "status"), [(False, 404), (True, 403)])
def test_an_address_that_is_none_is_no_admission(
    client: Client, settings: Settings, by_nginx: bool, status: int
) -> None:
    settings.MEDIA_BY_NGINX = by_nginx
    assert client.get("/media-admission/", headers={"X-Original-URI": "//["}).status_code == status
