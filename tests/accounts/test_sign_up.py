from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from gallery_site import timers
from gallery_site.accounts.invitations import LIFETIME, Invitation, forget_ended, invitation_link
from gallery_site.accounts.models import UsedInvitation, User
from tests.accounts.people import is_signed_in, mailed_link, path_of
from tests.conftest import PASSWORD

URL = "/accounts/signup/"
DORA = {"username": "dora", "email": "dora@example.org", "password1": PASSWORD}
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_sign_up_opens_the_account_and_signs_in(visitor: Client) -> None:
    answer = visitor.post(URL, DORA)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert b"Open the link in the mail that we sent to dora@example.org." in visitor.get("/").content
    assert is_signed_in(visitor)
    dora = User.objects.get()
    assert (dora.username, dora.email, dora.check_password(PASSWORD)) == ("dora", "dora@example.org", True)


def test_sign_up_page_is_for_strangers(visitor: Client, signed_in: Client) -> None:
    assert visitor.get(URL).status_code == 200
    assert signed_in.get(URL).status_code == 302


def test_sign_up_twice_refuses_the_name(visitor: Client) -> None:
    visitor.post(URL, DORA)
    answer = Client().post(URL, DORA | {"username": "DORA", "email": "other@example.org"})
    assert answer.status_code == 200
    assert b"This name is taken." in answer.content
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password1": "short"}, "at least 12"),
        ({"password1": "x" * 129}, "the limit is 128"),
        ({"password1": "password1234"}, "too common"),
        ({"password1": ""}, "required"),
        ({"username": ""}, "required"),
        ({"username": "a@example.org"}, "Only letters, digits and . + - _ may be in a name."),
        ({"username": "two words"}, "Only letters, digits and . + - _ may be in a name."),
        ({"username": "deleted-0123"}, "cannot be used"),
        ({"username": "d\x00ra"}, "Null characters"),
        ({"username": "d" * 151}, "at most 150"),
        ({"email": "nonsense"}, "valid email"),
        ({"email": ""}, "required"),
    ],
)
def test_sign_up_says_what_is_wrong(visitor: Client, change: dict[str, str], sentence: str) -> None:
    answer = visitor.post(URL, DORA | change)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not User.objects.exists()


def test_sign_up_takes_look_alike_letters_as_one(visitor: Client) -> None:
    visitor.post(URL, DORA | {"username": "\uff44ora"})  # a full-width d
    assert User.objects.get().username == "dora"


def test_sign_up_needs_the_csrf_token() -> None:
    assert Client(enforce_csrf_checks=True).post(URL, DORA).status_code == 403


def test_mandatory_confirmation_keeps_the_door_shut_until_then(visitor: Client, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.SITE_URL = "https://photos.example"
    answer = visitor.post(URL, DORA)
    assert answer["Location"] == "/accounts/confirm-email/"
    assert not is_signed_in(visitor)
    body = str(mail.outbox[0].body)
    assert "Hello dora" in body
    link = mailed_link("/confirm-email/")
    assert link.startswith("https://photos.example/accounts/confirm-email/")
    assert visitor.get(path_of(link)).status_code == 200
    visitor.post(path_of(link))
    assert visitor.post("/accounts/login/", {"login": "dora", "password": PASSWORD})["Location"] == "/"


# --- by invitation ----------------------------------------------------------------------------------------------------


@pytest.fixture
def invite_only(settings: Settings) -> None:
    settings.GALLERY_SIGNUP = "invite"


@pytest.mark.usefixtures("invite_only")
def test_invitation_opens_sign_up_once(visitor: Client) -> None:
    assert visitor.get(URL).status_code == 403
    assert visitor.post(URL, DORA).status_code == 403
    path = path_of(invitation_link())
    assert visitor.get(path)["Location"] == URL
    assert visitor.get(URL).status_code == 200
    assert visitor.post(URL, DORA)["Location"] == "/"
    other = Client()
    assert other.get(path).status_code == 403
    assert other.post(URL, DORA | {"username": "eve", "email": "eve@example.org"}).status_code == 403
    assert User.objects.count() == 1


@pytest.mark.usefixtures("invite_only")
def test_invitation_opened_by_two_is_used_by_one(visitor: Client) -> None:
    path, other = path_of(invitation_link()), Client()
    visitor.get(path)
    other.get(path)
    assert visitor.post(URL, DORA).status_code == 302
    assert other.post(URL, DORA | {"username": "eve", "email": "eve@example.org"}).status_code == 403


@pytest.mark.usefixtures("invite_only")
def test_invitation_that_led_to_no_account_can_be_used_again(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.get(path_of(invitation_link()))
    with monkeypatch.context() as busy:
        busy.setattr(User, "save", Mock(side_effect=OperationalError("database is locked")))
        assert visitor.post(URL, DORA).status_code == 503
    assert visitor.post(URL, DORA).status_code == 302


@pytest.mark.usefixtures("invite_only")
def test_used_invitation_stays_used_when_the_cache_forgets(visitor: Client) -> None:
    path = path_of(invitation_link())
    visitor.get(path)
    assert visitor.post(URL, DORA).status_code == 302
    cache.clear()  # as a restart with a cache in memory
    assert Client().get(path).status_code == 403


@pytest.mark.django_db
def test_used_invitations_are_forgotten_when_they_have_ended_anyway() -> None:
    invitation = Invitation("a nonce", "")
    assert invitation.use(NOW)
    assert not invitation.use(NOW)
    forget_ended(NOW + LIFETIME)
    assert invitation.used
    forget_ended(NOW + LIFETIME + timedelta(seconds=1))
    assert not invitation.used


@pytest.mark.django_db
def test_timer_forgets_used_invitations() -> None:
    Invitation("a nonce", "").use(timezone.now() - LIFETIME - timedelta(minutes=1))
    timers.tidy()
    assert not UsedInvitation.objects.exists()


@pytest.mark.usefixtures("invite_only")
def test_invitation_for_one_address_takes_no_other(visitor: Client) -> None:
    visitor.get(path_of(invitation_link("dora@example.org")))
    assert b'value="dora@example.org"' in visitor.get(URL).content
    assert b"another e-mail address" in visitor.post(URL, DORA | {"email": "eve@example.org"}).content
    assert visitor.post(URL, DORA | {"email": "Dora@example.org"}).status_code == 302


@pytest.mark.usefixtures("invite_only")
def test_invitation_ends_after_seven_days(visitor: Client) -> None:
    with time_machine.travel("2026-05-01 12:00:00+00:00", tick=False):
        path = path_of(invitation_link())
    with time_machine.travel("2026-05-08 11:59:00+00:00", tick=False):
        assert visitor.get(path).status_code == 302
    with time_machine.travel("2026-05-08 12:01:00+00:00", tick=False):
        assert visitor.get(path).status_code == 403
        assert visitor.post(URL, DORA).status_code == 403  # the token was in the session already


@pytest.mark.usefixtures("invite_only")
@pytest.mark.parametrize("forge", [lambda path: path[:-2] + "x/", lambda path: "/accounts/invite/x/"])
def test_invitation_cannot_be_forged(visitor: Client, forge: Callable[[str], str]) -> None:
    assert visitor.get(forge(path_of(invitation_link()))).status_code == 403


def test_invitation_is_get_only_and_leads_members_home(signed_in: Client) -> None:
    path = path_of(invitation_link())
    assert signed_in.post(path).status_code == 405
    assert signed_in.get(path)["Location"] == "/"


def _created(*args: Any) -> str:
    out = StringIO()
    call_command("create_invitation", *args, stdout=out)
    return out.getvalue()


def test_create_invitation_prints_the_link_alone(settings: Settings) -> None:
    settings.SITE_URL = "https://photos.example"
    assert _created().startswith("https://photos.example/accounts/invite/")
    assert _created("dora@example.org").count("\n") == 1


@pytest.mark.parametrize(("signup", "args"), [("closed", []), ("invite", ["nonsense"])])
def test_create_invitation_wrong_use(settings: Settings, signup: str, args: list[str]) -> None:
    settings.GALLERY_SIGNUP = signup
    with pytest.raises(CommandError) as error:
        _created(*args)
    assert error.value.returncode == 2
