"""The owner's side: making, handing on, changing and revoking links."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from galleries.links import is_passcode
from galleries.models import Gallery, Link
from galleries.views import links
from gallery_site.accounts.models import User
from tests.core.world import SECOND, START, clock
from tests.links.conftest import MakeLink


def test_make_a_link_and_hand_it_on(alice_client: Client, gallery: Gallery) -> None:
    form = {"name": "Family", "kind": "download", "lasts": "7d", "passcode": "sea side 22", "max_downloads": "5"}
    answer = alice_client.post(f"/g/{gallery.hex}/links/", form)
    link = Link.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, link.get_absolute_url())
    assert (link.name, link.kind, link.max_downloads) == ("Family", "download", 5)
    assert timedelta(days=6) < link.ends_at - timezone.now() <= timedelta(days=7)
    html = alice_client.get(link.get_absolute_url()).content.decode()
    assert f'value="http://127.0.0.1:8000{link.path}"' in html  # the configured address, whatever the request says
    assert "sea side" not in html


@pytest.mark.parametrize("wrong", [{"passcode": "12345"}, {"kind": "own"}, {"max_downloads": "-1"}, {"lasts": "9d"}])
def test_wrong_form_makes_nothing(wrong: dict[str, str], alice_client: Client, gallery: Gallery) -> None:
    answer = alice_client.post(f"/g/{gallery.hex}/links/", {"kind": "look"} | wrong)
    assert (answer.status_code, Link.objects.count()) == (422, 0)


def test_nobody_makes_links_of_others(gallery: Gallery, charlie: User, client: Client) -> None:
    """SAFETY 4a row 7."""
    client.force_login(charlie)
    assert client.post(f"/g/{gallery.hex}/links/", {"kind": "look"}).status_code == 404
    assert Link.objects.count() == 0


def test_refused_change_of_the_passcode_leaves_the_link_as_it_was(alice_client: Client, make_link: MakeLink) -> None:
    link = make_link("look", passcode="sea side 22", name="Family")
    before = Link.objects.values().get()
    form = {"name": "Friends", "kind": "download", "passcode": "short", "max_downloads": "3"}
    assert alice_client.post(link.get_absolute_url(), form).status_code == 422
    assert Link.objects.values().get() == before


def test_change_of_other_things_keeps_the_passcode(alice_client: Client, make_link: MakeLink) -> None:
    link = make_link("look", passcode="sea side 22")
    ends_at = link.ends_at
    form = {"name": "Friends", "kind": "download", "lasts": "", "passcode": "", "max_downloads": ""}
    assert alice_client.post(link.get_absolute_url(), form).status_code == 302
    link.refresh_from_db()
    assert (link.name, link.kind, link.ends_at, link.passcode_version) == ("Friends", "download", ends_at, 1)
    assert is_passcode(link, "sea side 22")
    assert alice_client.post(link.get_absolute_url(), form | {"forget_passcode": "on"}).status_code == 302
    link.refresh_from_db()
    assert (link.passcode, link.passcode_version) == ("", 2)


def test_fields_that_are_nobodys_to_set_are_ignored(alice_client: Client, make_link: MakeLink, bob: User) -> None:
    """SAFETY 4a row 12."""
    link = make_link()
    token = link.token
    form = {"kind": "look", "downloads": "0", "seed": "x", "token_hash": "x", "owner": bob.pk, "gallery": "x"}
    alice_client.post(link.get_absolute_url(), form)
    link.refresh_from_db()
    assert (link.token, link.downloads, link.gallery.owner.username) == (token, 0, "alice")


def test_revoke_undo_delete(alice_client: Client, client: Client, make_link: MakeLink) -> None:
    link = make_link()
    visitor = Client()
    alice_client.post(f"/links/{link.hex}/switch/", {"on": "0"})
    assert visitor.get(link.path).status_code == 410
    assert "revoked" in alice_client.get("/links/").content.decode()
    alice_client.post(f"/links/{link.hex}/switch/?on=1")  # the toast's undo
    assert visitor.get(link.path).status_code == 200
    alice_client.post(f"/links/{link.hex}/delete/")
    assert visitor.get(link.path).status_code == 404


def test_list_says_what_was_done_with_each(alice_client: Client, make_link: MakeLink) -> None:
    make_link("look", name="Family")
    Link.objects.update(opens=12, downloads=7, max_downloads=9)
    html = re.sub(r"\s+", " ", alice_client.get("/links/").content.decode())
    assert "Summer, Family" in html
    assert "opened 12×, downloaded 7× of 9" in html


def test_list_goes_on_to_the_oldest_link(
    alice_client: Client, make_link: MakeLink, monkeypatch: pytest.MonkeyPatch, gallery: Gallery
) -> None:
    monkeypatch.setattr(links, "SHOWN", 2)
    with clock(START) as time_:  # links of the same millisecond are in no order
        for number in range(3):
            make_link(name=f"Link {number}")
            time_.shift(SECOND)
    for path in ("/links/", f"/g/{gallery.hex}/links/"):
        html = alice_client.get(path).content.decode()
        found = re.search(r'href="([^"]+)">Older links', html)
        assert found
        older = alice_client.get(path + found[1]).content.decode()
        assert [sorted(set(re.findall(r"Link \d", each))) for each in (html, older)] == [
            ["Link 1", "Link 2"],
            ["Link 0"],
        ]
        assert "Older links" not in older


def test_qr_code_is_an_svg_of_the_address(alice_client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    Gallery.objects.update(title="<script>alert(1)</script>")
    answer = alice_client.get(f"/links/{make_link().hex}/qr.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer.content.startswith(b"<?xml")
    assert b"<script" not in answer.content
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_card_names_the_gallery_and_asks_for_no_secret(alice_client: Client, make_link: MakeLink) -> None:
    link = make_link(passcode="sea side 22")
    html = alice_client.get(f"/links/{link.hex}/card/").content.decode()
    assert "Summer" in html
    assert "Ask for the passcode" in html
    assert "sea side" not in html
    assert "opens nothing" not in html
    alice_client.post(f"/links/{link.hex}/switch/", {"on": "0"})
    assert "opens nothing now: it is revoked." in alice_client.get(f"/links/{link.hex}/card/").content.decode()
