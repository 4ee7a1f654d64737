from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from gallery_site.accounts.models import User
from tests.accounts.people import LOGIN, is_signed_in, mailed_link, path_of, sign_in
from tests.conftest import PASSWORD


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.org", "Alice@Example.org", "  alice "])
def test_sign_in_by_name_or_mail(visitor: Client, name: str) -> None:
    assert sign_in(visitor, name) == 302
    assert is_signed_in(visitor)


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("alice", ""), ("", PASSWORD)]
)
def test_sign_in_refuses(visitor: Client, name: str, password: str) -> None:
    assert sign_in(visitor, name, password) == 200
    assert not is_signed_in(visitor)


def test_sign_in_by_a_name_with_an_at_sign_from_the_command_line(visitor: Client) -> None:
    User.objects.create_superuser("root@site", password=PASSWORD)
    assert sign_in(visitor, "root@site") == 302


def test_suspended_person_cannot_sign_in(visitor: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    answer = visitor.post(LOGIN, {"login": "alice", "password": PASSWORD})
    assert answer["Location"] == "/accounts/inactive/"
    assert visitor.get(answer["Location"]).status_code == 200
    assert not is_signed_in(visitor)


def test_sign_in_needs_the_csrf_token(alice: User) -> None:
    assert sign_in(Client(enforce_csrf_checks=True), alice.username) == 403


@pytest.mark.parametrize(
    ("referrer", "offered"),
    [
        ("http://testserver/accounts/login/?next=%2Flinks%2F", "/accounts/login/?next=%2Flinks%2F"),
        ("https://evil.example/accounts/login/", ""),
        ("http://testserver//evil.example/accounts/login/", ""),
        ("", ""),
    ],
)
def test_form_that_is_too_old_leads_back_to_its_own_page(alice: User, referrer: str, offered: str) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Referer": referrer} if referrer else {})
    page = client.post(LOGIN, {"login": alice.username}, headers={"Accept": "text/html"}).content.decode()
    assert (f'href="{offered}">Load the page anew' in page) if offered else ("Load the page anew</a>" not in page)


def test_sign_out_is_a_post_and_harmless_twice(signed_in: Client) -> None:
    assert signed_in.get("/accounts/logout/").status_code == 200
    assert is_signed_in(signed_in)
    assert signed_in.post("/accounts/logout/").status_code == 302
    assert not is_signed_in(signed_in)
    assert signed_in.post("/accounts/logout/").status_code == 302


@pytest.mark.parametrize(
    "path",
    ["", "delete/", "email/", "password/change/", "2fa/", "2fa/totp/activate/", "2fa/webauthn/", "2fa/webauthn/add/"]
    + ["2fa/recovery-codes/", "2fa/recovery-codes/generate/", "sessions/", "reauthenticate/", "tokens/", "tokens/new/"],
)
def test_strangers_are_asked_to_sign_in(visitor: Client, path: str) -> None:
    answer = visitor.get(f"/accounts/{path}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


# --- passwords --------------------------------------------------------------------------------------------------------

NEW = "another long password"


def test_change_of_password_ends_other_sessions(signed_in: Client) -> None:
    other = Client()
    sign_in(other)
    answer = signed_in.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW})
    assert answer["Location"] == "/accounts/"
    assert is_signed_in(signed_in)
    assert not is_signed_in(other)
    assert sign_in(other) == 200
    assert sign_in(other, password=NEW) == 302
    assert "password of your account was changed" in str(mail.outbox[-1].body)


@pytest.mark.parametrize(("old", "new"), [("wrong", NEW), (PASSWORD, "short"), (PASSWORD, "y" * 129), (PASSWORD, "")])
def test_change_of_password_refuses(signed_in: Client, alice: User, old: str, new: str) -> None:
    answer = signed_in.post("/accounts/password/change/", {"oldpassword": old, "password1": new})
    assert answer.status_code == 200
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)


# --- e-mail -----------------------------------------------------------------------------------------------------------


def test_change_of_mail_counts_once_confirmed_and_ends_other_sessions(confirmed: Client, alice: User) -> None:
    other = Client()
    sign_in(other)
    confirmed.post("/accounts/email/", {"email": "new@example.org", "action_add": ""})
    path = path_of(mailed_link("/confirm-email/"))
    assert mail.outbox[-1].to == ["new@example.org"]
    assert is_signed_in(other)
    assert confirmed.post(path).status_code == 302
    assert User.objects.get(pk=alice.pk).email == "new@example.org"
    assert is_signed_in(confirmed)
    assert not is_signed_in(other)
    assert confirmed.get(path).status_code == 200  # the link is used up: a page says so
    assert b"no longer works" in confirmed.get(path).content


def test_change_of_mail_needs_the_password_again(signed_in: Client) -> None:
    answer = signed_in.post("/accounts/email/", {"email": "new@example.org", "action_add": ""})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not mail.outbox


@pytest.mark.parametrize("email", ["nonsense", "", "alice@example.org"])
def test_change_of_mail_refuses(confirmed: Client, alice: User, email: str) -> None:
    confirmed.post("/accounts/email/", {"email": email, "action_add": ""})
    assert User.objects.get(pk=alice.pk).email == "alice@example.org"
    assert not mail.outbox
