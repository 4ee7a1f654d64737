"""A link with a passcode: what it gives before and after, and how many guesses (SAFETY 4a)."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from galleries.links import change_link
from galleries.models import Gallery, Link
from tests.core.world import together
from tests.links.conftest import MakeLink
from tests.links.visiting import PASSCODE, body_of, every_address, page, unlock
from tests.pictures import store_image


def test_locked_link_gives_nothing_anywhere(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    """Rows 1 and 9: zip, picture, JSON, preview tags and original ask for the passcode too."""
    image = store_image(gallery)
    link = make_link("download", passcode=PASSCODE)
    addresses = every_address(link, image)
    answers = [client.get(address) for address in addresses]
    answers += [client.get(address, headers={"accept": "application/json"}) for address in addresses]
    answers += [client.get(address, headers={"hx-request": "true"}) for address in addresses]
    answers.append(client.post(page(link, "zip/"), {"ids": [image.hex]}))
    answers.append(client.post(page(link, "report/"), {"reason": "other"}))
    for answer in answers:
        text = body_of(answer).decode()
        text = text.replace(link.path, "")  # its own address is the visitor's
        assert answer.status_code == 403
        for secret in ("Summer", "/media/", "&s=", "Signature=", image.hex, gallery.hex, PASSCODE, "og:image"):
            assert secret not in text, secret


def test_equal_passcodes_do_not_unlock_each_other(client: Client, make_link: MakeLink) -> None:
    """Row 2."""
    first, second = make_link(passcode=PASSCODE), make_link(passcode=PASSCODE)
    assert unlock(client, first) == 302
    assert client.get(page(first)).status_code == 200
    assert client.get(page(second)).status_code == 403


def test_unlocking_lasts_twelve_hours_and_one_version(client: Client, make_link: MakeLink) -> None:
    link = make_link(passcode=PASSCODE)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        unlock(client, link)
        clock.shift(timedelta(hours=12) - timedelta(seconds=1))
        assert client.get(page(link)).status_code == 200
        clock.shift(1)
        assert client.get(page(link)).status_code == 403
        unlock(client, link)
        Link.objects.update(passcode_version=7)
        assert client.get(page(link)).status_code == 403


def test_unlocking_changes_the_session_key(client: Client, make_link: MakeLink) -> None:
    """A session that was planted in somebody's browser opens nothing."""
    link = make_link(passcode=PASSCODE)
    client.session.save()
    planted = client.session.session_key
    client.cookies["session"] = planted or ""
    unlock(client, link)
    assert client.session.session_key != planted
    thief = Client()
    thief.cookies["session"] = planted or ""
    assert thief.get(page(link)).status_code == 403


def test_guesses_of_one_address_are_limited(client: Client, make_link: MakeLink) -> None:
    """Row 4: the eleventh in a minute waits, also when it is right, and only for this link."""
    link, other = make_link(passcode=PASSCODE), make_link(passcode=PASSCODE)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [unlock(client, link, "wrong one", REMOTE_ADDR="203.0.113.7") for _ in range(11)] == [422] * 10 + [429]
        assert unlock(client, link, REMOTE_ADDR="203.0.113.7") == 429
        assert unlock(client, link, REMOTE_ADDR="203.0.113.8") == 302
        assert unlock(client, other, REMOTE_ADDR="203.0.113.7") == 302
        clock.shift(61)
        assert unlock(client, link, REMOTE_ADDR="203.0.113.7") == 302


def test_guesses_from_many_addresses_are_limited_per_link(client: Client, make_link: MakeLink) -> None:
    """Row 4: the 31st in an hour, each from an address of its own."""
    link = make_link(passcode=PASSCODE)
    with time_machine.travel(timezone.now(), tick=False):
        statuses = [unlock(client, link, "wrong one", REMOTE_ADDR=f"203.0.113.{n}") for n in range(31)]
        assert statuses == [422] * 30 + [429]
        assert unlock(client, link, REMOTE_ADDR="198.51.100.1") == 429


def test_guesses_of_one_ipv6_network_count_together(client: Client, make_link: MakeLink) -> None:
    """Row 19: by /64, and a forged X-Forwarded-For changes nothing."""
    link = make_link(passcode=PASSCODE)
    with time_machine.travel(timezone.now(), tick=False):
        for n in range(10):
            forged = {"HTTP_X_FORWARDED_FOR": f"198.51.100.{n}"}
            assert unlock(client, link, "wrong one", REMOTE_ADDR=f"2001:db8:0:1::{n + 1}", **forged) == 422
        assert unlock(client, link, "wrong one", REMOTE_ADDR="2001:db8:0:1:ffff::9") == 429
        assert unlock(client, link, "wrong one", REMOTE_ADDR="2001:db8:0:2::1") == 422


def test_party_behind_one_address_is_not_locked_out(make_link: MakeLink) -> None:
    link = make_link(passcode=PASSCODE)
    with time_machine.travel(timezone.now(), tick=False):
        assert [unlock(Client(), link, REMOTE_ADDR="203.0.113.7") for _ in range(40)] == [302] * 40


class SlowHasher(MD5PasswordHasher):
    """Takes its time, as hashes do."""

    verified = 0

    def verify(self, password: str, encoded: str) -> bool:
        SlowHasher.verified += 1
        time.sleep(0.05)
        return super().verify(password, encoded)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shared", [True, False], ids=["one address", "forty addresses"])
def test_forty_guests_in_the_same_second_all_get_in(make_link: MakeLink, settings: Settings, shared: bool) -> None:
    """A try counts until it has turned out right: without turns the eleventh of them met the limit."""
    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher"]
    link = make_link(passcode=PASSCODE)
    SlowHasher.verified = 0
    addresses = ["203.0.113.7" if shared else f"203.0.113.{n}" for n in range(40)]
    assert together(lambda address: unlock(Client(), link, REMOTE_ADDR=address), addresses) == [302] * 40
    assert SlowHasher.verified == 1  # the others are known to be right


def test_a_passcode_that_was_right_once_is_not_right_for_ever(make_link: MakeLink) -> None:
    """What a process remembers is bound to the stored hash, and a wrong one is never taken for it."""
    link = make_link(passcode=PASSCODE)
    assert [unlock(Client(), link), unlock(Client(), link, "another one")] == [302, 422]
    change_link(link, timezone.now(), kind="look", name="", max_downloads=None, passcode="mountain 33")
    assert [unlock(Client(), link), unlock(Client(), link, "mountain 33")] == [422, 302]
