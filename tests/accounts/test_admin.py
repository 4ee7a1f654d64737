from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from gallery_site.accounts.models import User
from tests.accounts.people import sign_in
from tests.conftest import PASSWORD

USERS = "/admin/accounts/user/"


@pytest.fixture
def operator(db: None) -> Client:
    """The operator's browser, signed in through the site's own page."""
    User.objects.create_superuser("operator", "operator@example.org", PASSWORD)
    client = Client()
    assert sign_in(client, "operator") == 302
    return client


def test_admin_sends_strangers_to_the_sites_own_sign_in(visitor: Client) -> None:
    answer = visitor.get("/admin/login/?next=/admin/")
    assert answer["Location"].startswith("/accounts/login/")
    assert visitor.post("/admin/login/", {"username": "x", "password": "y"})["Location"].startswith("/accounts/login/")


def test_admin_is_closed_to_members(signed_in: Client) -> None:
    assert signed_in.get("/admin/login/?next=/admin/").status_code == 403


def test_admin_lists_finds_and_suspends(operator: Client, alice: User) -> None:
    assert b"alice" in operator.get(USERS, {"q": "alice"}).content
    assert operator.get(f"{USERS}{alice.pk}/change/").status_code == 200
    assert operator.get(f"{USERS}add/").status_code == 200


def test_admin_never_deletes_a_row_by_hand(operator: Client, alice: User) -> None:
    assert operator.post(f"{USERS}{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    operator.post(USERS, {"action": "delete_selected", "_selected_action": [str(alice.pk)], "post": "yes"})
    assert User.objects.filter(pk=alice.pk).exists()


def test_admin_deletes_accounts_by_the_sites_own_path(operator: Client, alice: User) -> None:
    everyone = [str(user.pk) for user in User.objects.all()]
    operator.post(USERS, {"action": "delete_accounts", "_selected_action": everyone})
    alice.refresh_from_db()
    assert alice.username == f"deleted-{alice.pk.hex}"
    assert User.objects.get(username="operator").is_active


def test_secrets_of_second_factors_are_not_in_the_admin() -> None:
    from allauth.mfa.models import Authenticator

    assert not admin.site.is_registered(Authenticator)
