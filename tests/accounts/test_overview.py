from __future__ import annotations

import smtplib

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from galleries.models import Usage
from gallery_site.accounts.models import User
from gallery_site.accounts.templatetags.account_pages import browser_name
from tests.conftest import PASSWORD

THEME = "/accounts/theme/"


def test_overview_tells_what_i_use_and_writes_nothing(signed_in: Client, alice: User) -> None:
    assert "0\xa0bytes of 10.0\xa0GB, 0 photos" in signed_in.get("/accounts/").content.decode()
    assert not Usage.objects.exists()
    Usage.objects.create(owner=alice, bytes=3 * 1024**2, images=1)
    assert "3.0\xa0MB of 10.0\xa0GB, 1 photo" in signed_in.get("/accounts/").content.decode()
    assert signed_in.post("/accounts/").status_code == 405


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_theme_is_kept(signed_in: Client, alice: User, theme: str) -> None:
    answer = signed_in.post(THEME, {"theme": theme, "next": "/deleted/"})
    assert answer["Location"] == "/deleted/"
    alice.refresh_from_db()
    assert alice.theme == theme
    assert f'data-theme="{theme}"' in signed_in.get("/accounts/").content.decode()


def test_theme_answers_a_script_without_a_page(signed_in: Client) -> None:
    assert signed_in.post(THEME, {"theme": "dark"}, headers={"HX-Request": "true"}).status_code == 204
    assert signed_in.post(THEME, {"theme": "dark"}, headers={"Accept": "*/*"}).status_code == 204


@pytest.mark.parametrize("theme", ["", "pink"])
def test_theme_refuses_others(signed_in: Client, alice: User, theme: str) -> None:
    assert signed_in.post(THEME, {"theme": theme}).status_code == 422
    alice.refresh_from_db()
    assert alice.theme == "system"


def test_theme_is_post_only_and_nothing_for_strangers(visitor: Client) -> None:
    assert visitor.get(THEME).status_code == 405
    assert visitor.post(THEME, {"theme": "dark"}).status_code == 302
    assert not visitor.cookies


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_browser_name(agent: str, name: str) -> None:
    assert browser_name(agent) == name


# --- the mail server is away -----------------------------------------------------------------------------------------


@pytest.fixture
def no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)


@pytest.mark.usefixtures("no_mail")
@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_reset_says_when_no_mail_can_be_sent(visitor: Client, alice: User, email: str) -> None:
    answer = visitor.post("/accounts/password/reset/", {"email": email})
    assert answer.status_code == 503
    assert b"Wait a few minutes" in answer.content


@pytest.mark.usefixtures("no_mail")
def test_notice_that_cannot_be_sent_stops_nothing(signed_in: Client, alice: User) -> None:
    data = {"oldpassword": PASSWORD, "password1": "another long password"}
    assert signed_in.post("/accounts/password/change/", data)["Location"] == "/accounts/"
    alice.refresh_from_db()
    assert alice.check_password("another long password")
