"""Signing in as a person does it: through the page, so that all that hangs on it happens."""

from __future__ import annotations

from django.core import mail
from django.test import Client

from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"


def sign_in(client: Client, name: str = "alice", password: str = PASSWORD, **headers: str) -> int:
    """Post the sign-in form; returns the status."""
    return client.post(LOGIN, {"login": name, "password": password}, headers=headers).status_code


def confirm(client: Client, password: str = PASSWORD) -> None:
    """Confirm that it is you."""
    assert client.post("/accounts/reauthenticate/", {"password": password}).status_code == 302


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/").status_code == 200


def mailed_link(part: str = "/accounts/") -> str:
    """The first address with ``part`` in it in the newest mail."""
    return next(word for word in str(mail.outbox[-1].body).split() if part in word)


def path_of(link: str) -> str:
    """An address without scheme and host."""
    return "/" + link.split("/", 3)[3]
