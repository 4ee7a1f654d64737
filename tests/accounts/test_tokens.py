"""The account's page of tokens."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from galleries.galleries import create_gallery
from galleries.models import ApiToken, Gallery
from galleries.models.tokens import LIFETIME, PREFIX, hash_token
from gallery_site.accounts.models import User
from gallery_site.accounts.tokens import MOST_TOKENS

LIST = "/accounts/tokens/"
NEW = "/accounts/tokens/new/"
API = "/api/v1/galleries"
FORM: dict[str, Any] = {"name": "Camera", "scopes": ["read", "write"], "gallery": "", "lasts": "30d"}


def shown_token(answer: Any) -> str:
    """The token on the page that shows it."""
    assert answer.status_code == 200, answer.content.decode()
    found = re.findall(rf'(?:value|data-copy)="({PREFIX}[A-Za-z0-9_-]{{43}})"', answer.content.decode())
    assert len(set(found)) == 1
    return str(found[0])


def status_of(token: str, method: str = "get") -> int:
    call = getattr(Client(), method)
    return int(call(API, {"title": "x"}, "application/json", headers={"Authorization": f"Bearer {token}"}).status_code)


def test_a_token_is_shown_once_and_kept_as_a_hash(confirmed: Client, alice: User) -> None:
    answer = confirmed.post(NEW, FORM)
    token = shown_token(answer)
    assert answer["Cache-Control"] == "private, no-store"
    row = ApiToken.objects.get()
    assert (row.owner, row.name, row.scopes, row.gallery, row.hash) == (
        alice, "Camera", "read write", None, hash_token(token)
    )  # fmt: skip
    assert abs(row.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    page = confirmed.get(LIST).content.decode()
    assert "Camera" in page
    assert token[:10] in page
    assert token not in page
    assert row.hash not in page
    assert "Never used" in page
    assert Client().get(API, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert "Last used" in confirmed.get(LIST).content.decode()


def test_the_password_is_asked_again_before_one_is_made(signed_in: Client) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert signed_in.get(LIST).status_code == 200
        assert signed_in.get(NEW)["Location"].startswith("/accounts/reauthenticate/")
        assert signed_in.post(NEW, FORM)["Location"].startswith("/accounts/reauthenticate/")
        assert not ApiToken.objects.exists()


def test_strangers_sign_in_first(visitor: Client, alice: User) -> None:
    row, _ = ApiToken.issue(alice, "x", now=timezone.now())
    for answer in (
        visitor.get(LIST),
        visitor.get(NEW),
        visitor.post(NEW, FORM),
        visitor.post(f"{LIST}{row.id.hex}/revoke/"),
    ):
        assert answer["Location"].startswith("/accounts/login/")
    assert ApiToken.objects.valid(timezone.now()).count() == 1


def test_revoking_ends_it_at_once_and_twice_is_harmless(signed_in: Client, alice: User) -> None:
    row, token = ApiToken.issue(alice, "Old phone", now=timezone.now())
    path = f"{LIST}{row.id.hex}/revoke/"
    assert signed_in.get(path).status_code == 405
    for _ in range(2):
        assert signed_in.post(path)["Location"] == LIST
        assert Client().get(API, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert "Old phone" not in signed_in.get(LIST).content.decode()


def test_nobody_sees_or_revokes_the_tokens_of_others(signed_in: Client, bob: User) -> None:
    row, token = ApiToken.issue(bob, "Bobs", now=timezone.now())
    assert "Bobs" not in signed_in.get(LIST).content.decode()
    assert signed_in.post(f"{LIST}{row.id.hex}/revoke/").status_code == 404
    assert signed_in.post(f"{LIST}{'0' * 32}/revoke/").status_code == 404
    assert Client().get(API, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_one_that_has_ended_is_said_to_have(signed_in: Client, alice: User) -> None:
    ApiToken.issue(alice, "x", now=timezone.now() - LIFETIME)
    assert "Ended on" in signed_in.get(LIST).content.decode()


def test_a_token_is_for_what_was_chosen(confirmed: Client, alice: User, gallery: Gallery) -> None:
    other = create_gallery(alice, title="Other", retention="7d", now=timezone.now())
    token = shown_token(confirmed.post(NEW, FORM | {"scopes": ["read"], "gallery": str(gallery.id)}))
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get(f"{API}/{gallery.hex}", headers=headers).status_code == 200
    assert Client().get(f"{API}/{other.hex}", headers=headers).status_code == 404
    assert Client().delete(f"{API}/{gallery.hex}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": " \u200b "},
        {"name": "x" * 81},
        {"name": "\u0958" * 41},  # two characters each in NFC
        {"scopes": []},
        {"scopes": ["admin"]},
        {"scopes": ["read", "all"]},
        {"lasts": "10y"},
        {"lasts": ""},
        {"gallery": "x"},
        {"gallery": "theirs"},
    ],
)
def test_what_is_wrong_makes_no_token(confirmed: Client, bob: User, change: dict[str, Any]) -> None:
    if change.get("gallery") == "theirs":
        change = {"gallery": str(create_gallery(bob, title="His", retention="7d", now=timezone.now()).id)}
    answer = confirmed.post(NEW, FORM | change)
    assert answer.status_code == 422
    assert f'id="id_{next(iter(change))}' in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_there_is_an_end_to_how_many(confirmed: Client, alice: User) -> None:
    for _ in range(MOST_TOKENS):
        ApiToken.issue(alice, "x", now=timezone.now())
    assert b"Revoke one first" in confirmed.post(NEW, FORM).content
    assert ApiToken.objects.count() == MOST_TOKENS
    ApiToken.objects.filter(id=ApiToken.objects.first().id).update(revoked_at=timezone.now())  # type: ignore[union-attr]
    shown_token(confirmed.post(NEW, FORM))


def test_no_token_lives_longer_than_a_year(alice: User) -> None:
    with pytest.raises(ValueError, match="year"):
        ApiToken.issue(alice, "x", now=timezone.now(), lifetime=LIFETIME + timedelta(seconds=1))


def test_without_the_csrf_token_nothing_happens(alice: User) -> None:
    row, _ = ApiToken.issue(alice, "x", now=timezone.now())
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(f"{LIST}{row.id.hex}/revoke/").status_code == 403
    assert client.post(NEW, FORM).status_code == 403
    assert ApiToken.objects.valid(timezone.now()).count() == 1
