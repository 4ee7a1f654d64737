from __future__ import annotations

import json
import re

import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from gallery_site.accounts.models import User
from tests.accounts.people import LOGIN, confirm, is_signed_in, sign_in
from tests.conftest import PASSWORD

TOTP = "/accounts/2fa/totp/activate/"


def _code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def _turn_on(client: Client) -> str:
    page = client.get(TOTP).content.decode()
    found = re.search(r'class="secret">(\w+)<', page)
    assert found
    assert client.post(TOTP, {"code": _code(found[1])}).status_code == 302
    return found[1]


def test_set_up_shows_a_picture_that_the_policy_allows(confirmed: Client) -> None:
    page = confirmed.get(TOTP)
    assert b'src="data:image/svg+xml;base64,' in page.content
    assert b"style=" not in page.content
    assert "img-src 'self' data:" in page["Content-Security-Policy"]


def test_set_up_needs_the_password_again(signed_in: Client) -> None:
    assert signed_in.get(TOTP)["Location"].startswith("/accounts/reauthenticate/")


def test_set_up_refuses_a_wrong_code(confirmed: Client) -> None:
    confirmed.get(TOTP)
    answer = confirmed.post(TOTP, {"code": "000000x"})
    assert b"not right, or too old" in answer.content
    assert not Authenticator.objects.exists()


def test_code_of_the_app_is_taken_once(confirmed: Client) -> None:
    with time_machine.travel("2026-05-01 12:00:00+00:00", tick=False) as clock:
        sign_in(confirmed)
        confirm(confirmed)
        secret = _turn_on(confirmed)
        clock.shift(30)
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client)
            client.post("/accounts/2fa/authenticate/", {"code": _code(secret)})
        assert is_signed_in(first)
        assert not is_signed_in(second)


def test_codes_are_asked_at_sign_in(
    confirmed: Client, visitor: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        _turn_on(confirmed)
    assert "now asks for a code" in "".join(str(message.body) for message in mail.outbox)
    answer = visitor.post(LOGIN, {"login": "alice", "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_signed_in(visitor)
    step = "/accounts/2fa/authenticate/"
    assert b"Use a passkey" not in visitor.get(step).content  # she has none
    assert visitor.post(step, {"code": "000000x"}).status_code == 200
    assert not is_signed_in(visitor)
    assert visitor.post(step, {"code": _recovery_code(confirmed)}).status_code == 302
    assert is_signed_in(visitor)


def _recovery_code(client: Client) -> str:
    codes = re.findall(r"<code>(\d+)</code>", client.get("/accounts/2fa/recovery-codes/").content.decode())
    assert len(codes) == 10
    return str(codes[0])


def test_recovery_code_is_used_once(confirmed: Client, visitor: Client) -> None:
    _turn_on(confirmed)
    code = _recovery_code(confirmed)
    step = "/accounts/2fa/authenticate/"
    sign_in(visitor)
    visitor.post(step, {"code": code})
    assert is_signed_in(visitor)
    other = Client()
    sign_in(other)
    other.post(step, {"code": code})
    assert not is_signed_in(other)
    assert code not in confirmed.get("/accounts/2fa/recovery-codes/").content.decode()


def test_recovery_codes_can_be_downloaded_and_replaced(confirmed: Client) -> None:
    _turn_on(confirmed)
    old = _recovery_code(confirmed)
    download = confirmed.get("/accounts/2fa/recovery-codes/download/")
    assert old in download.content.decode()
    assert "no-store" in download["Cache-Control"]
    assert confirmed.post("/accounts/2fa/recovery-codes/generate/").status_code == 302
    assert _recovery_code(confirmed) != old


def test_codes_can_be_turned_off(confirmed: Client, visitor: Client) -> None:
    _turn_on(confirmed)
    assert confirmed.get("/accounts/2fa/").status_code == 200
    assert confirmed.get("/accounts/2fa/totp/deactivate/").status_code == 200
    assert confirmed.post("/accounts/2fa/totp/deactivate/").status_code == 302
    assert confirmed.post("/accounts/2fa/totp/deactivate/").status_code == 404  # twice
    sign_in(visitor)
    assert is_signed_in(visitor)


def test_password_alone_does_not_reach_the_second_factor_of_another(confirmed: Client, bob: User) -> None:
    _turn_on(confirmed)
    other = Client()
    sign_in(other, "bob")
    confirm(other)
    assert other.get("/accounts/2fa/recovery-codes/").status_code in {302, 404}
    assert b"Off. An app" in other.get("/accounts/2fa/").content


def test_passkey_of_another_is_not_found(confirmed: Client, bob: User) -> None:
    key = Authenticator.objects.create(user=bob, type="webauthn", data={"name": "Bob's", "credential": {}})
    for act in ("edit", "remove"):
        assert confirmed.get(f"/accounts/2fa/webauthn/keys/{key.pk}/{act}/").status_code == 404
        assert confirmed.post(f"/accounts/2fa/webauthn/keys/{key.pk}/{act}/", {"name": "x"}).status_code == 404


RESPONSE = {"clientDataJSON": "e30", "attestationObject": "oA", "authenticatorData": "AA", "signature": "AA"}
WHOLE = {"id": "AA", "rawId": "AA", "type": "public-key", "clientExtensionResults": {}, "response": RESPONSE}
CREDENTIALS = ["", "{}", "[]", "1", '{"id": "x"}', "not json", json.dumps(WHOLE), json.dumps(WHOLE | {"response": 1})]


def test_passkey_nonsense_is_refused(confirmed: Client, visitor: Client) -> None:
    for credential in CREDENTIALS:
        answer = confirmed.post("/accounts/2fa/webauthn/add/", {"name": "x", "credential": credential})
        assert answer.status_code == 200
        assert visitor.post("/accounts/2fa/webauthn/login/", {"credential": credential}).status_code == 302
    assert not Authenticator.objects.exists()
    assert not is_signed_in(visitor)
