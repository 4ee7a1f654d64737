"""Failures that peers had (SAFETY section 4), by the number of their row. Row 19 is in test_limits.py."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import time_machine
from django.conf import settings as site_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from gallery_site.accounts.models import User
from tests.accounts.people import LOGIN, is_signed_in, mailed_link, path_of, sign_in
from tests.conftest import PASSWORD

RESET = "/accounts/password/reset/"
SIGN_UP = "/accounts/signup/"
DORA = {"username": "dora", "email": "dora@example.org", "password1": PASSWORD}
NEW = "another long password"


# --- row 17: Zipline GHSA-j2cw-9fvc-wr4r, registration without invite ---


@pytest.mark.parametrize("signup", ["closed", "invite"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_row_17_closed_sign_up_refuses_each_way(visitor: Client, settings: Settings, signup: str, accept: str) -> None:
    settings.GALLERY_SIGNUP = signup
    for query in ("", "?next=/", "?email=dora@example.org"):
        assert visitor.get(SIGN_UP + query, headers={"Accept": accept}).status_code == 403
        assert visitor.post(SIGN_UP + query, DORA, headers={"Accept": accept}).status_code == 403
        assert visitor.put(SIGN_UP + query).status_code in {403, 405}
    assert visitor.post(SIGN_UP, DORA, content_type="application/json").status_code == 403
    assert not User.objects.exists()
    assert b"Create one" not in visitor.get(LOGIN).content


def test_row_17_closed_refuses_an_invitation_of_before(visitor: Client, settings: Settings) -> None:
    from gallery_site.accounts.invitations import invitation_link

    settings.GALLERY_SIGNUP = "invite"
    visitor.get(path_of(invitation_link()))
    settings.GALLERY_SIGNUP = "closed"
    assert visitor.get(SIGN_UP).status_code == 403
    assert visitor.post(SIGN_UP, DORA).status_code == 403


def test_row_17_there_is_one_sign_up_address() -> None:
    def names(patterns: list[URLPattern | URLResolver], prefix: str = "") -> set[str]:
        found: set[str] = set()
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            found |= names(pattern.url_patterns, route) if isinstance(pattern, URLResolver) else {route}
        return found

    routes = {route for route in names(get_resolver().url_patterns) if "signup" in route or "register" in route}
    assert routes == {"accounts/signup/"}


# --- row 27: Piwigo CVE-2016-3735, reset token that can be guessed or kept ---


def _reset_form(client: Client) -> str:
    client.post(RESET, {"email": "alice@example.org"})
    answer = client.get(path_of(mailed_link("/reset/key/")))
    return str(answer.get("Location", ""))


def test_row_27_reset_link_works_once(visitor: Client, alice: User) -> None:
    form = _reset_form(visitor)
    assert "set-password" in form  # the key is in the session, not in an address that a Referer could carry
    signed_in = Client()
    sign_in(signed_in)
    form = _reset_form(visitor)
    assert visitor.post(form, {"password1": NEW}).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert not is_signed_in(signed_in)  # a new password ends every session
    assert b"no longer works" in visitor.get(path_of(_link_of(-2))).content
    assert b"no longer works" in visitor.post(form, {"password1": PASSWORD}).content


def _link_of(number: int) -> str:
    return next(word for word in str(mail.outbox[number].body).split() if "/reset/key/" in word)


@pytest.mark.usefixtures("alice")
def test_row_27_reset_link_is_dead_after_an_hour(visitor: Client) -> None:
    with time_machine.travel("2026-05-01 12:00:00+00:00", tick=False) as clock:
        visitor.post(RESET, {"email": "alice@example.org"})
        path = path_of(mailed_link("/reset/key/"))
        clock.shift(3599)
        form = visitor.get(path)["Location"]
        clock.shift(2)
        assert b"no longer works" in visitor.get(path).content
        assert b"no longer works" in visitor.post(form, {"password1": NEW}).content


def test_row_27_reset_link_is_dead_after_a_change_of_password(visitor: Client, signed_in: Client) -> None:
    form = _reset_form(visitor)
    signed_in.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW})
    assert b"no longer works" in visitor.post(form, {"password1": "a third long password"}).content


@pytest.mark.parametrize("password", ["short", "", "z" * 129, "password1234"])
def test_row_27_reset_keeps_the_password_rules(visitor: Client, alice: User, password: str) -> None:
    assert visitor.post(_reset_form(visitor), {"password1": password}).status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


# --- row 28: Piwigo CVE-2025-62512, Django CVE-2024-39329, who has an account ---


def _hashes(client: Client, name: str) -> int:
    with patch.object(MD5PasswordHasher, "encode", autospec=True, side_effect=MD5PasswordHasher.encode) as encode:
        assert sign_in(client, name, "not the right one") == 200
    return int(encode.call_count)


@pytest.mark.usefixtures("alice")
def test_row_28_sign_in_costs_one_hash_known_or_not(visitor: Client) -> None:
    names = ["alice", "alice@example.org", "nobody", "nobody@example.org"]
    assert [_hashes(visitor, name) for name in names] == [1, 1, 1, 1]


@pytest.mark.usefixtures("alice")
def test_row_28_sign_in_says_the_same(visitor: Client) -> None:
    def page(name: str) -> str:
        answer = visitor.post(LOGIN, {"login": name, "password": "not the right one"})
        return _without_tokens(answer.content.decode()).replace(name, "NAME")

    assert page("alice") == page("nobody")
    assert page("alice@example.org") == page("nobody@example.org")


def _without_tokens(page: str) -> str:
    import re

    return re.sub(r'(csrfmiddlewaretoken" value=|csrf-token" content=|X-CSRFToken": )"[^"]+"', "", page)


@pytest.mark.usefixtures("alice")
def test_row_28_reset_answers_the_same_and_always_sends_one_mail(visitor: Client) -> None:
    answers = [visitor.post(RESET, {"email": email}) for email in ("alice@example.org", "nobody@example.org")]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, f"{RESET}done/")}
    assert [message.to for message in mail.outbox] == [["alice@example.org"], ["nobody@example.org"]]
    assert "no account with this address" in str(mail.outbox[1].body)


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("verification", ["optional", "mandatory"])
def test_row_28_sign_up_answers_the_same(settings: Settings, verification: str) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = verification
    known, unknown = Client(), Client()
    first = known.post(SIGN_UP, DORA | {"email": "alice@example.org"})
    second = unknown.post(SIGN_UP, DORA | {"username": "eve", "email": "eve@example.org"})
    assert (first.status_code, first["Location"]) == (second.status_code, second["Location"])
    assert is_signed_in(known) == is_signed_in(unknown)
    assert sorted(known.cookies) == sorted(unknown.cookies)
    assert len(mail.outbox) == 2


# --- row 30: phpBB CVE-2026-29199 and others, Host header in the reset link ---


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Server", "Forwarded", "X-Original-Host"])
def test_row_30_mailed_links_name_the_configured_host(visitor: Client, settings: Settings, header: str) -> None:
    settings.SITE_URL = "https://photos.example"
    for email in ("alice@example.org", "nobody@example.org"):
        answer = visitor.post(RESET, {"email": email}, headers={header: "evil.example"})
        assert answer.status_code in {302, 400}
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    visitor.post(SIGN_UP, DORA, headers={header: "evil.example"})
    Client().post(SIGN_UP, DORA | {"username": "d", "email": "alice@example.org"}, headers={header: "evil.example"})
    bodies = "".join(str(message.body) for message in mail.outbox)
    assert "evil" not in bodies
    if header != "Host":
        assert len(mail.outbox) >= 3
        assert bodies.count("https://photos.example/accounts/") >= 3


# --- row 31: Django CVE-2026-35192, session fixation and cached cookies ---


@pytest.mark.usefixtures("alice")
def test_row_31_sign_in_changes_the_session_key(visitor: Client) -> None:
    assert site_settings.SESSION_SAVE_EVERY_REQUEST is False
    session = visitor.session
    session["planted"] = True
    session.save()
    visitor.cookies[site_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    sign_in(visitor)
    assert visitor.cookies[site_settings.SESSION_COOKIE_NAME].value != session.session_key
    thief = Client()
    thief.cookies[site_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    assert not is_signed_in(thief)


@pytest.mark.usefixtures("alice")
def test_row_31_each_answer_with_a_cookie_is_never_stored(visitor: Client) -> None:
    answers = [
        visitor.get(LOGIN),
        visitor.get(SIGN_UP),
        visitor.post(LOGIN, {"login": "alice", "password": "wrong"}),
        visitor.post(LOGIN, {"login": "alice", "password": PASSWORD}),
        visitor.get("/accounts/"),
        visitor.post("/accounts/logout/"),
    ]
    with_cookies = [answer for answer in answers if answer.cookies]
    assert len(with_cookies) >= 3
    assert all("no-store" in answer["Cache-Control"] for answer in with_cookies)
    cookie = answers[3].cookies[site_settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")


# --- row 34: Immich CVE-2026-53662 and others, open redirect ---

FOREIGN = [
    "//e",
    "/\\e",
    "https:e",
    "javascript:alert(1)",
    "http:///e",
    "https://evil.example/",
    "\\\\e",
    "/\t/e",
    "///e",
]
FOREIGN += ["http://127.0.0.1/", "http://testserver.evil.example/", " //e", "data:text/html,x"]


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("target", FOREIGN)
def test_row_34_next_stays_here(visitor: Client, target: str) -> None:
    answer = visitor.post(LOGIN, {"login": "alice", "password": PASSWORD, "next": target})
    assert answer["Location"] == "/"
    assert visitor.get(LOGIN, {"next": target})["Location"] == "/"
    assert visitor.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": target})["Location"] == "/"
    assert visitor.post("/accounts/theme/", {"theme": "dark", "next": target})["Location"] == "/"
    assert visitor.post("/accounts/logout/", {"next": target})["Location"] == "/"
    assert visitor.post(SIGN_UP, DORA | {"next": target})["Location"] == "/"


@pytest.mark.usefixtures("alice")
def test_row_34_next_leads_to_a_page_of_ours(visitor: Client) -> None:
    answer = visitor.post(LOGIN, {"login": "alice", "password": PASSWORD, "next": "/g/new/"})
    assert answer["Location"] == "/g/new/"
