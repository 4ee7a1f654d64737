"""The notice before the end: to whom, when, once; and the two answers to it."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from galleries import endings
from galleries.endings import extend_gallery, find_ending, send_notices
from galleries.expiry import set_expiry
from galleries.galleries import create_gallery
from galleries.models import Gallery, Image, Link
from galleries.problems import Problem
from gallery_site import timers
from gallery_site.accounts.models import User
from tests.core.world import together
from tests.links.conftest import MakeLink
from tests.pictures import store_image

WEEK = timedelta(days=7)
TWO_DAYS = timedelta(hours=48)
SECOND = timedelta(seconds=1)


class DeadServer(BaseEmailBackend):
    """A mail server that hangs until the time-out."""

    tries = 0

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        DeadServer.tries += 1
        raise TimeoutError("timed out")


class RefusingServer(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise smtplib.SMTPServerDisconnected("bye")


class PickyServer(BaseEmailBackend):
    """Takes everything but what goes to the first owner, which it refuses with ``code`` (0: the address is none)."""

    code = 550
    took: ClassVar[list[str]] = []

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            if message.to == ["alice@example.org"]:
                if not PickyServer.code:
                    raise ValueError("Invalid address")
                raise smtplib.SMTPRecipientsRefused({message.to[0]: (PickyServer.code, b"no")})
            PickyServer.took += message.to
        return len(email_messages)


@pytest.fixture
def image(gallery: Gallery) -> Image:
    """The one photo of Alice's gallery: gone in 7 days."""
    return store_image(gallery)


def end_of(image: Image) -> datetime:
    assert image.expires_at is not None
    return image.expires_at


def links_of(message: EmailMessage) -> tuple[str, str]:
    """The paths of "Extend" and "Let it go" in the mail."""
    paths = re.findall(r"http://127\.0\.0\.1:8000(/ending/\S+)", str(message.body))
    return paths[0], paths[1]


def test_one_notice_two_days_before(image: Image, make_link: MakeLink, gallery: Gallery) -> None:
    make_link()
    Link.objects.update(opens=41, downloads=12)
    end = end_of(image)
    assert send_notices(end - TWO_DAYS - SECOND) == (0, 0)
    assert send_notices(end - TWO_DAYS) == (1, 0)
    assert send_notices(end - TWO_DAYS + timedelta(minutes=15)) == (0, 0)
    message = mail.outbox[0]
    assert message.to == ["alice@example.org"]
    assert "Summer" in message.subject
    for words in ("1 photo", "opened 41 times", "downloaded 12 times", "Extend 7 days", "Let it go"):
        assert words in message.body


@pytest.mark.parametrize("retention", ["1h", "1d"])
def test_none_for_a_gallery_of_a_day_or_less(alice: User, retention: str) -> None:
    now = timezone.now()
    store_image(create_gallery(alice, title="Short", retention=retention, now=now))
    assert send_notices(now + timedelta(minutes=1)) == (0, 0)


def test_none_for_what_has_no_end_or_is_gone(image: Image, gallery: Gallery) -> None:
    near = end_of(image) - TWO_DAYS
    Image.objects.update(expires_at=None)
    assert send_notices(near) == (0, 0)
    Image.objects.update(expires_at=near - SECOND)
    assert send_notices(near) == (0, 0)
    Image.objects.update(expires_at=near + SECOND)
    Gallery.objects.update(removed_at=near)
    assert send_notices(near) == (0, 0)


def test_none_for_a_suspended_owner(image: Image) -> None:
    User.objects.update(is_active=False)
    assert send_notices(end_of(image) - TWO_DAYS) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_many_processes_send_one(image: Image) -> None:
    near = end_of(image) - TWO_DAYS
    answers = together(lambda _: send_notices(near), range(6))
    assert sorted(answers, key=str) == [(0, 0)] * 5 + [(1, 0)]
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("backend", [DeadServer, RefusingServer])
def test_mail_that_cannot_be_sent_is_sent_later(image: Image, backend: type, settings: Settings, alice: User) -> None:
    """A round stops at the first failure: a server that hangs costs one time-out, however many notices wait."""
    working = settings.EMAIL_BACKEND
    for number in range(3):
        store_image(create_gallery(alice, title=f"More {number}", retention="7d", now=timezone.now()))
    near = end_of(image) - timedelta(hours=47)
    settings.EMAIL_BACKEND = f"{__name__}.{backend.__name__}"
    DeadServer.tries = 0
    assert send_notices(near) == (0, 1)
    assert DeadServer.tries in (0, 1)
    with pytest.raises(CommandError), time_machine.travel(near, tick=False):
        call_command("send_notices")
    settings.EMAIL_BACKEND = working
    assert send_notices(near) == (4, 0)
    assert len(mail.outbox) == 4


@pytest.mark.parametrize(("code", "tried_again"), [(550, False), (0, False), (450, True)])
def test_one_refused_mail_does_not_stop_the_round(
    code: int, tried_again: bool, image: Image, bob: User, settings: Settings
) -> None:
    """What is refused for good is not tried in each later round; nobody else waits for it."""
    store_image(create_gallery(bob, title="Of Bob", retention="7d", now=timezone.now()))
    near = end_of(image) - timedelta(hours=47)
    settings.EMAIL_BACKEND = f"{__name__}.PickyServer"
    PickyServer.code, PickyServer.took = code, []
    assert send_notices(near) == (1, 1)
    assert PickyServer.took == ["bob@example.org"]
    assert send_notices(near + timedelta(minutes=15)) == (0, int(tried_again))


def test_no_error_ends_the_timer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A round whose sweep fails in a way that nobody thought of still sends notices and tidies, and says so."""
    done: list[str] = []

    def fail() -> None:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(timers, "tick", fail)
    monkeypatch.setattr(timers, "send_notices", lambda now: done.append("notices"))
    monkeypatch.setattr(timers, "tidy", lambda: done.append("tidy"))
    monkeypatch.setattr(timers, "close_old_connections", lambda: None)  # the test's own must survive
    timers.beat(0)
    assert done == ["notices", "tidy"]
    assert "sweep failed" in caplog.text


def test_a_round_has_its_time(image: Image, alice: User) -> None:
    store_image(create_gallery(alice, title="Second", retention="7d", now=timezone.now()))
    ticks = iter([0.0, 0.0, 30.0, 30.0])
    assert send_notices(end_of(image) - timedelta(hours=47), clock=lambda: next(ticks)) == (1, 0)


def test_opening_the_links_changes_nothing(image: Image, client: Client) -> None:
    """A mail scanner opens every link."""
    near = end_of(image) - TWO_DAYS
    send_notices(near)
    before = list(Image.objects.values()), list(Gallery.objects.values())
    with time_machine.travel(near, tick=False):
        for path in links_of(mail.outbox[0]):
            assert client.get(path).status_code == client.head(path).status_code == 200
    assert (list(Image.objects.values()), list(Gallery.objects.values())) == before


def test_extending_by_mail_adds_seven_days_once(image: Image, client: Client, gallery: Gallery) -> None:
    end = end_of(image)
    store_image(gallery, 2)
    Image.objects.exclude(id=image.id).update(expires_at=end - timedelta(hours=5))
    send_notices(end - TWO_DAYS)
    extend, _ = links_of(mail.outbox[0])
    with time_machine.travel(end - TWO_DAYS, tick=False):
        assert "Kept for 7 days more" in client.post(extend).content.decode()
        assert set(Image.objects.values_list("expires_at", flat=True)) == {end + WEEK}
        assert client.post(extend).status_code == 409  # decided
        assert set(Image.objects.values_list("expires_at", flat=True)) == {end + WEEK}
    assert send_notices(end - SECOND) == (0, 0)
    assert send_notices(end + WEEK - TWO_DAYS) == (1, 0)  # of the new end


def refuse_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record store goes away after the first image."""
    calls = iter(range(100))

    def changed(image: Image, until: datetime, now: datetime) -> Image:
        if next(calls):
            raise Problem("unavailable")
        return set_expiry(image, until, now)

    monkeypatch.setattr(endings, "set_expiry", changed)


def test_what_was_not_kept_the_first_time_is_kept_the_second(
    image: Image, client: Client, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link of the mail counts until nothing is left that goes by the end it told of."""
    end = end_of(image)
    for seed in (2, 3):
        store_image(gallery, seed)
    Image.objects.update(expires_at=end)
    send_notices(end - TWO_DAYS)
    extend, let_go = links_of(mail.outbox[0])
    with time_machine.travel(end - TWO_DAYS, tick=False):
        with monkeypatch.context() as faulty:
            refuse_second(faulty)
            page = client.post(extend).content.decode()
        assert "1 of 3 photos are kept longer. Try again for the others." in page
        assert "2 photos" in page
        assert client.post(let_go).status_code == 409  # some are kept: this is no longer the gallery's end
        assert "2 photos" in client.get(extend).content.decode()
        assert "Kept for 7 days more" in client.post(extend).content.decode()
        assert set(Image.objects.values_list("expires_at", flat=True)) == {end + WEEK}
        assert client.post(extend).status_code == 409


def test_banner_leads_on_to_what_was_not_kept(
    image: Image, alice_client: Client, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = end_of(image)
    store_image(gallery, 2)
    Image.objects.update(expires_at=end)
    with time_machine.travel(end - TWO_DAYS, tick=False):
        with monkeypatch.context() as faulty:
            refuse_second(faulty)
            answer = alice_client.post(f"/g/{gallery.hex}/ending/", {"act": "extend"})
        assert answer["Location"].startswith("/ending/")
        assert "1 of 2 photos are kept longer" in alice_client.get(answer["Location"]).content.decode()
        alice_client.post(answer["Location"])
    assert set(Image.objects.values_list("expires_at", flat=True)) == {end + WEEK}


def test_extending_a_large_gallery_stops_in_time(image: Image, gallery: Gallery) -> None:
    end = end_of(image)
    for seed in (2, 3):
        store_image(gallery, seed)
    Image.objects.update(expires_at=end)
    ending = find_ending(Gallery.objects.measured(end - TWO_DAYS).get(), end - TWO_DAYS)
    assert ending is not None
    ticks = iter([0.0, 5.0, 25.0, 26.0])
    with time_machine.travel(end - TWO_DAYS, tick=False):
        outcome = extend_gallery(ending, end - TWO_DAYS, patience=20.0, clock=lambda: next(ticks))
    assert (len(outcome.done), len(outcome.problems)) == (1, 2)
    assert Image.objects.filter(expires_at=end + WEEK).count() == 1


def test_extending_stays_within_what_the_site_keeps(image: Image, client: Client, settings: Settings) -> None:
    settings.GALLERY_MAX_RETENTION = "7d"
    near = end_of(image) - TWO_DAYS
    send_notices(near)
    with time_machine.travel(near, tick=False):
        page = client.post(links_of(mail.outbox[0])[0]).content.decode()
    assert "Kept for as long as this site keeps photos." in page
    image.refresh_from_db()
    assert image.expires_at == near + WEEK


def test_letting_go_takes_the_banner_away(image: Image, alice_client: Client, gallery: Gallery) -> None:
    near = end_of(image) - TWO_DAYS
    send_notices(near)
    with time_machine.travel(near, tick=False):
        assert "Extend 7 days" in alice_client.get(gallery.get_absolute_url()).content.decode()
        Client().post(links_of(mail.outbox[0])[1])
        assert "Extend 7 days" not in alice_client.get(gallery.get_absolute_url()).content.decode()
    image.refresh_from_db()
    assert image.expires_at == near + TWO_DAYS


def test_banner_extends(image: Image, alice_client: Client, gallery: Gallery) -> None:
    with time_machine.travel(end_of(image) - TWO_DAYS, tick=False):
        alice_client.post(f"/g/{gallery.hex}/ending/", {"act": "sell"})
        assert Image.objects.get().expires_at == end_of(image)
        assert alice_client.post(f"/g/{gallery.hex}/ending/", {"act": "extend"}).status_code == 302
        image_end = Image.objects.get().expires_at
        assert image_end == end_of(image) + WEEK
        assert "Extend 7 days" not in alice_client.get(gallery.get_absolute_url()).content.decode()


def test_forged_or_foreign_answers_are_unknown(image: Image, client: Client, gallery: Gallery) -> None:
    near = end_of(image) - TWO_DAYS
    send_notices(near)
    extend, _ = links_of(mail.outbox[0])
    with time_machine.travel(near, tick=False):
        assert client.get("/ending/nonsense/").status_code == 404
        assert client.post(extend[:-3] + "xx/").status_code == 404
        Gallery.objects.update(removed_at=near)
        assert client.get(extend).status_code == 404
    with time_machine.travel(end_of(image) + SECOND, tick=False):
        Gallery.objects.update(removed_at=None)
        assert client.post(extend).status_code == 409


def test_quiet_gallery_has_no_ending(gallery: Gallery) -> None:
    measured = Gallery.objects.measured(timezone.now()).get()
    assert find_ending(measured, timezone.now()) is None
