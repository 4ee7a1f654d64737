"""A link as a row: its token, its rights, its end, its counts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.http import Http404
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from galleries.access import enter_link, knock, may, own_link, own_links, require, seen_gallery, seen_image
from galleries.expiry import set_expiry
from galleries.forms import LinkEditForm, LinkForm
from galleries.galleries import create_gallery
from galleries.links import change_link, create_link, delete_link, is_passcode, switch_link, take_download
from galleries.models import Gallery, Guest, Link, Right
from galleries.problems import Problem
from galleries.removal import remove_gallery, remove_images
from galleries.sweeping import make_plan, run_sweep
from gallery_site.accounts.models import User
from tests.core.world import together
from tests.links.conftest import MakeLink
from tests.pictures import store_image

NOBODY = lambda link: False  # noqa: E731


def entering(link: Link, now: datetime | None = None) -> str:
    """What becomes of somebody who comes with this link: "in", or the code of the refusal."""
    try:
        enter_link(link.token, NOBODY, now or timezone.now())
    except Problem as problem:
        return problem.code
    except Http404:
        return "not_found"
    return "in"


def test_token_has_256_bits_and_is_not_stored(make_link: MakeLink) -> None:
    first, second = make_link(), make_link()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", first.token)
    assert first.token != second.token
    row = Link.objects.values().get(id=first.id)
    assert first.token not in map(str, row.values())
    assert Link.objects.get(id=first.id).token == first.token
    assert Link.objects.with_token(first.token).get() == first


def test_token_outlives_a_changed_secret_but_cannot_be_shown(make_link: MakeLink, settings: Settings) -> None:
    link = make_link()
    token, old = link.token, settings.SECRET_KEY
    settings.SECRET_KEY = "another one"
    assert Link.objects.get(id=link.id).address == ""
    assert knock(token, timezone.now()) == link
    settings.SECRET_KEY_FALLBACKS = [old]
    assert Link.objects.get(id=link.id).token == token


def test_kinds_have_their_rights(make_link: MakeLink, alice: User) -> None:
    looker, taker = Guest(make_link("look")), Guest(make_link("download"))
    assert [may(who, Right.DOWNLOAD) for who in (alice, looker, taker)] == [True, False, True]
    assert all(may(who, Right.LOOK) for who in (alice, looker, taker))
    with pytest.raises(Problem) as refused:
        require(looker, Right.DOWNLOAD)
    assert refused.value.status == 403


def test_guest_reaches_one_gallery(make_link: MakeLink, gallery: Gallery, alice: User) -> None:
    now = timezone.now()
    other = create_link(
        Gallery.objects.create(owner=alice, title="Other", created_at=now), kind="look", ends_at=now, now=now
    )
    image = store_image(gallery)
    assert seen_image(Guest(make_link()), image.id, now) == image
    for look in (lambda: seen_image(Guest(other), image.id, now), lambda: seen_gallery(Guest(other), gallery.id, now)):
        with pytest.raises(Http404):
            look()


def test_nobody_reaches_a_photo_of_a_suspended_owner(make_link: MakeLink, gallery: Gallery, alice: User) -> None:
    """Nor those who came in before."""
    image, guest, now = store_image(gallery), Guest(make_link()), timezone.now()
    User.objects.update(is_active=False)
    for who in (alice, guest):
        with pytest.raises(Http404):
            seen_image(who, image.id, now)


def test_link_ends_at_its_second(make_link: MakeLink) -> None:
    link = make_link(ends_at=timezone.now() + timedelta(hours=1))
    assert entering(link, link.ends_at - timedelta(seconds=1)) == "in"
    assert entering(link, link.ends_at) == "link_ended"


def test_link_ends_with_its_gallery(make_link: MakeLink, gallery: Gallery) -> None:
    """The last photo's time is up: ended, before and after the sweep, and whatever the link's own end says."""
    link = make_link(ends_at=timezone.now() + timedelta(days=300))
    assert entering(link) == "in"  # nothing has been here yet: a link may be made before the photos
    end = store_image(gallery).expires_at
    assert end is not None
    assert entering(link, end - timedelta(seconds=1)) == "in"
    assert entering(link, end) == "link_ended"
    with time_machine.travel(end + timedelta(days=2), tick=False):
        run_sweep(make_plan(timezone.now()))
        run_sweep(make_plan(timezone.now() + timedelta(hours=1)))
        assert entering(link) == "link_ended"
        store_image(gallery, 2)
        assert entering(link) == "in"  # it lives again


def test_link_follows_a_gallery_that_is_shortened_later(make_link: MakeLink, gallery: Gallery) -> None:
    link, image = make_link(), store_image(gallery)
    sooner = timezone.now() + timedelta(hours=2)
    set_expiry(image, sooner, timezone.now())
    measured = knock(link.token, timezone.now())
    assert measured.closes_at == sooner
    assert entering(link, sooner) == "link_ended"


def test_empty_gallery_is_not_over(make_link: MakeLink, gallery: Gallery) -> None:
    link, image = make_link(), store_image(gallery)
    remove_images(gallery, [image.id], timezone.now())
    assert entering(link) == "in"


@pytest.mark.parametrize("end", ["off", "deleted", "gallery", "suspended"])
def test_ended_in_other_ways(end: str, make_link: MakeLink, gallery: Gallery, alice: User) -> None:
    link = make_link()
    token = link.token
    if end == "off":
        switch_link(link, False, timezone.now())
    elif end == "deleted":
        delete_link(Link.objects.get(id=link.id))
    elif end == "gallery":
        remove_gallery(gallery, timezone.now())
    else:
        User.objects.update(is_active=False)
    with pytest.raises((Http404, Problem)) as refused:
        knock(token, timezone.now())
    assert (getattr(refused.value, "code", "not_found")) == ("link_ended" if end == "off" else "not_found")


def test_passcode_is_hashed_and_its_version_counts(make_link: MakeLink) -> None:
    link = make_link(passcode="sea side 22")
    assert "sea" not in Link.objects.get(id=link.id).passcode
    assert (is_passcode(link, "sea side 22"), is_passcode(link, "sea side 23")) == (True, False)
    assert entering(link) == "link_locked"
    for passcode, version in ((None, 1), ("another 1", 2), ("", 3)):
        wanted: dict[str, Any] = {} if passcode is None else {"passcode": passcode}
        changed = change_link(link, timezone.now(), name="x", **wanted)
        assert changed.passcode_version == version
    assert not is_passcode(link, "")
    assert entering(link) == "in"


@pytest.mark.django_db(transaction=True)
def test_downloads_are_never_one_too_many(make_link: MakeLink) -> None:
    """Ten at once, room for three: a conditional update, not a look and a write."""
    link = make_link("download", max_downloads=3)
    answers = together(lambda _: take_download(link, timezone.now()), range(10))
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    link.refresh_from_db()
    assert (len(refused), link.downloads, link.downloads_left) == (7, 3, 0)
    assert {problem.code for problem in refused} == {"downloads_used_up"}


@pytest.mark.parametrize("end", ["revoked", "its time"])
def test_download_of_a_link_that_ended_meanwhile_is_refused(end: str, make_link: MakeLink) -> None:
    link = make_link("download")
    now = link.ends_at if end == "its time" else timezone.now()
    if end == "revoked":
        switch_link(link, False, now)
    with pytest.raises(Problem) as refused:
        take_download(link, now)
    assert refused.value.code == "link_ended"


def test_own_links_are_mine(make_link: MakeLink, alice: User, charlie: User) -> None:
    link, now = make_link(), timezone.now()
    assert list(own_links(alice, now)) == [link]
    assert list(own_links(charlie, now)) == []
    assert own_link(alice, link.id, now, link.gallery_id).closes_at == link.ends_at
    with pytest.raises(Http404):
        own_link(charlie, link.id, now)


def test_own_links_cost_the_same_for_many(
    make_link: MakeLink, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Those of empty galleries too, of which the receipts say whether they are over."""
    for count in (1, 4):
        for number in range(count):
            make_link()
            make_link(of=create_gallery(alice, title=f"Empty {number}", retention="7d", now=timezone.now()))
        now = timezone.now()
        with django_assert_num_queries(2):
            assert {(bool(link.closes_at), link.state(now)) for link in own_links(alice, now)} == {(True, "open")}


def test_fifty_open_links_are_the_most(make_link: MakeLink) -> None:
    links = [make_link() for _ in range(50)]
    with pytest.raises(Problem) as refused:
        make_link()
    assert refused.value.code == "too_many_links"
    switch_link(links[0], False, timezone.now())
    make_link()
    with pytest.raises(Problem):
        switch_link(links[0], True, timezone.now())
    Link.objects.filter(id=links[1].id).update(ends_at=timezone.now())
    make_link()


def test_form_gives_thirty_days() -> None:
    now = timezone.now()
    form = LinkForm({"kind": "look"}, now=now)
    assert form.is_valid(), form.errors
    expected = {
        "name": "",
        "kind": "look",
        "ends_at": now + timedelta(days=30),
        "passcode": None,
        "max_downloads": None,
    }
    assert form.wishes() == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "owner"),
        ("passcode", "12345"),
        ("passcode", "     1      "),
        ("passcode", "      "),
        ("passcode", "\u200b" * 6),
        ("max_downloads", "0"),
        ("max_downloads", "many"),
        ("lasts", "for ever"),
        ("ends_at", "2020-01-01T00:00:00Z"),
        ("ends_at", "2099-01-01T00:00:00Z"),
    ],
)
def test_form_refuses(field: str, value: str) -> None:
    form = LinkForm({"kind": "look", field: value}, now=timezone.now())
    assert list(form.errors) == [field]


def test_edit_form_leaves_what_is_empty() -> None:
    form = LinkEditForm({"kind": "look", "name": " a\u202e  b "}, now=timezone.now(), has_passcode=True)
    assert form.is_valid(), form.errors
    wishes = form.wishes()
    assert wishes == {"kind": "look", "name": "a b", "max_downloads": None}
    form = LinkEditForm({"kind": "look", "forget_passcode": "on"}, now=timezone.now(), has_passcode=True)
    assert form.is_valid()
    assert form.wishes()["passcode"] == ""
