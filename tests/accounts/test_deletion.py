from __future__ import annotations

from datetime import UTC, datetime

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import CHANGE, LogEntry
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from galleries import removal
from galleries.galleries import create_gallery
from galleries.models import ApiToken, Gallery, Image, Receipt, State, Usage
from gallery_site.accounts.deletion import delete_account, drop_empty_accounts
from gallery_site.accounts.models import User
from tests.accounts.people import is_signed_in, sign_in
from tests.conftest import PASSWORD
from tests.pictures import store_image

URL = "/accounts/delete/"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_delete_asks_for_the_password_first(signed_in: Client, alice: User) -> None:
    assert signed_in.get(URL)["Location"].startswith("/accounts/reauthenticate/")
    assert signed_in.post(URL, {"username": "alice"})["Location"].startswith("/accounts/reauthenticate/")
    assert User.objects.get(pk=alice.pk).is_active


@pytest.mark.parametrize("typed", ["", "bob", "Alice", "alice@example.org"])
def test_delete_asks_for_the_name(confirmed: Client, alice: User, typed: str) -> None:
    assert confirmed.get(URL).status_code == 200
    assert confirmed.post(URL, {"username": typed}).status_code == 422
    assert User.objects.get(pk=alice.pk).is_active


def test_delete_takes_no_other_verb(confirmed: Client) -> None:
    assert confirmed.delete(URL).status_code == 405


def test_delete_ends_everything_at_once(confirmed: Client, alice: User, gallery: Gallery) -> None:
    image = store_image(gallery)
    _, token = ApiToken.issue(alice, "script", now=NOW)
    other = Client()
    sign_in(other)
    answer = confirmed.post(URL, {"username": "alice"}, follow=True)
    assert b"Your account is gone" in answer.content
    assert not is_signed_in(confirmed)
    assert not is_signed_in(other)
    assert sign_in(other) == 200  # the password opens nothing any more
    assert not ApiToken.objects.exists()
    assert token
    gallery.refresh_from_db()
    image.refresh_from_db()
    assert gallery.removed_at is not None
    assert image.state == State.DELETING
    alice.refresh_from_db()
    assert (alice.is_active, alice.email, alice.has_usable_password()) == (False, "", False)
    assert not EmailAddress.objects.exists()
    assert mail.outbox[-1].to == ["alice@example.org"]
    assert "everything in it" in str(mail.outbox[-1].body)


def test_delete_frees_name_and_mail_at_once(confirmed: Client) -> None:
    confirmed.post(URL, {"username": "alice"})
    data = {"username": "alice", "email": "alice@example.org", "password1": PASSWORD}
    visitor = Client()
    assert visitor.post("/accounts/signup/", data).status_code == 302
    assert is_signed_in(visitor)
    assert not Gallery.objects.filter(owner__username="alice").exists()


def test_delete_twice_meets_a_stranger(confirmed: Client) -> None:
    confirmed.post(URL, {"username": "alice"})
    assert confirmed.post(URL, {"username": "alice"})["Location"].startswith("/accounts/login/")


def test_delete_leaves_others_alone(confirmed: Client, bob: User) -> None:
    confirmed.post(URL, {"username": "alice"})
    assert sign_in(Client(), "bob") == 302


def test_row_goes_when_no_gallery_is_left(alice: User, gallery: Gallery) -> None:
    Usage.objects.create(owner=alice)
    delete_account(alice, NOW)
    assert drop_empty_accounts(NOW) == 0
    gallery.delete()  # what the sweep does at the end
    assert drop_empty_accounts(NOW) == 1
    assert drop_empty_accounts(NOW) == 0
    assert not User.objects.exists()
    assert not Receipt.objects.exists()


def test_what_a_moderator_did_stays_known(alice: User, bob: User) -> None:
    """Of an account that the log names, a row stays that nobody signs in with, and nothing is done to it again."""
    Usage.objects.create(owner=alice)
    LogEntry.objects.log_actions(alice.pk, [bob], CHANGE, "Suspended.", single_object=True)
    delete_account(alice, NOW)
    assert [drop_empty_accounts(NOW), drop_empty_accounts(NOW)] == [1, 0]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.change_message) == (f"deleted-{alice.pk.hex}", "Suspended.")
    assert (entry.user.email, entry.user.is_active, entry.user.has_usable_password()) == ("", False, False)
    assert sign_in(Client(), entry.user.username) == 200
    assert not Usage.objects.exists()
    entry.delete()
    assert drop_empty_accounts(NOW) == 1
    assert User.objects.get() == bob


def test_crash_between_account_and_pictures_is_finished_later(
    alice: User, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = store_image(gallery)

    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal, "remove_everything_of", crash)
        with pytest.raises(KeyboardInterrupt):
            delete_account(alice, NOW)
    assert not User.objects.get(pk=alice.pk).is_active
    assert not Image.objects.served(NOW).exists()
    drop_empty_accounts(NOW)
    image.refresh_from_db()
    assert image.state == State.DELETING


def test_picture_in_the_bin_goes_too(alice: User, gallery: Gallery) -> None:
    image = store_image(gallery)
    removal.remove_gallery(gallery, NOW)
    delete_account(alice, NOW)
    image.refresh_from_db()
    assert image.state == State.DELETING


def test_account_that_waits_for_its_galleries_is_only_looked_at(alice: User, gallery: Gallery) -> None:
    """Empty galleries stay for the grace, and each process looks each minute."""
    for number in range(3):
        store_image(create_gallery(alice, title=f"Trip {number}", retention="7d", now=NOW), number)
    delete_account(alice, NOW)
    with CaptureQueriesContext(connection) as queries:
        assert drop_empty_accounts(NOW) == 0
    assert [query["sql"][:60] for query in queries if not query["sql"].startswith("SELECT")] == []
    assert len(queries) == 3  # who is leaving, has a gallery, has something to be removed


def test_suspended_account_is_never_dropped(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False, username="deleted-by-the-operator")
    assert drop_empty_accounts(NOW) == 0
    assert User.objects.filter(pk=alice.pk).exists()


def test_delete_of_an_account_twice_is_harmless(alice: User) -> None:
    delete_account(alice, NOW)
    delete_account(alice, NOW)
    assert User.objects.get().username == f"deleted-{alice.pk.hex}"
