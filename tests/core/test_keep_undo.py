"""Keeping a selection for another time, and taking that back: each photo gets the end that it had."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.test import Client

from galleries.models import Gallery, Image
from galleries.views import images as views
from tests.core.world import DAY, HOUR, START, add, clock, reload

HTMX = {"HX-Request": "true"}


def keep(client: Client, gallery: Gallery, images: list[Image], retention: str) -> str:
    """The toast's HTML."""
    form = {"action": f"extend {retention}", "ids": [image.hex for image in images]}
    return client.post(f"{gallery.get_absolute_url()}images/", form, headers=HTMX).content.decode()


def undo(client: Client, gallery: Gallery, toast: str) -> str:
    """Press the toast's button."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', toast)
    form = {name: [value for each, value in fields if each == name] for name in {name for name, _ in fields}}
    return client.post(f"{gallery.get_absolute_url()}images/", form, headers=HTMX).content.decode()


@pytest.fixture
def images(gallery: Gallery) -> list[Image]:
    """Of different ends, one of them none."""
    ends = [START + 6 * DAY, START + 30 * DAY + timedelta(microseconds=7), None]
    with clock(START):
        return [add(gallery, number, has_expiry=True, expires_at=end) for number, end in enumerate(ends)]


def ends_of(images: list[Image]) -> list[datetime | None]:
    return [reload(image).expires_at for image in images]


@pytest.mark.parametrize("retention", ["1h", "30d", "forever"])
def test_undo_gives_each_the_end_that_it_had(
    gallery: Gallery, alice_client: Client, images: list[Image], retention: str
) -> None:
    before = ends_of(images)
    with clock(START) as time:
        toast = keep(alice_client, gallery, images, retention)
        assert len(set(ends_of(images))) == 1
        assert "Undo" in toast
        time.shift(timedelta(seconds=5))
        assert "3 photos kept as long as before." in undo(alice_client, gallery, toast)
    assert ends_of(images) == before


@pytest.mark.parametrize(("count", "them"), [(1, "it"), (3, "them")])
def test_one_photo_is_no_they(
    gallery: Gallery, alice_client: Client, images: list[Image], count: int, them: str
) -> None:
    with clock(START):
        toast = keep(alice_client, gallery, images[:count], "forever")
        assert f"kept until you delete {them}." in toast


def test_the_summary_of_one_photo_speaks_of_one(gallery: Gallery, alice_client: Client) -> None:
    with clock(START):
        add(gallery, 1, expires_at=None, has_expiry=True)
        page = alice_client.get(gallery.get_absolute_url()).content.decode()
    assert "kept until you delete it<" in page


def test_an_undo_that_comes_too_late_says_so(gallery: Gallery, alice_client: Client) -> None:
    with clock(START) as time:
        image = add(gallery, 1, has_expiry=True, expires_at=START + HOUR)
        toast = keep(alice_client, gallery, [image], "7d")
        time.shift(2 * HOUR)
        assert "That time has already passed." in undo(alice_client, gallery, toast)
        assert reload(image).expires_at == START + 7 * DAY


@pytest.mark.parametrize("given", ["x", "1,2", "9" * 40])
def test_nonsense_changes_nothing(gallery: Gallery, alice_client: Client, images: list[Image], given: str) -> None:
    before = ends_of(images)
    with clock(START):
        form = {"action": "put-back", "ids": images[0].hex, "given": given}
        assert alice_client.post(f"{gallery.get_absolute_url()}images/", form, headers=HTMX).status_code == 422
    assert ends_of(images) == before


def test_an_undo_without_the_time_for_all_says_so(
    gallery: Gallery, alice_client: Client, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock(START):
        toast = keep(alice_client, gallery, images, "1h")
        monkeypatch.setattr(views, "PATIENCE", -1.0)
        said = undo(alice_client, gallery, toast)
    assert "0 photos kept as long as before." in said
    assert "There was no time left" in said


def test_the_toast_tells_the_page_the_new_ends_and_no_header_does(
    gallery: Gallery, alice_client: Client, images: list[Image]
) -> None:
    """A header that names a thousand photos is longer than nginx takes (8 kB in deploy/nginx/site.conf)."""
    ids = [image.hex for image in images]
    with clock(START):
        form = {"action": "extend 30d", "ids": ids}
        answer = alice_client.post(f"{gallery.get_absolute_url()}images/", form, headers=HTMX)
        assert "HX-Trigger" not in answer.headers
        told = told_by(answer.content.decode())
        day_30 = {"at": int((START + 30 * DAY).timestamp()), "left": "30 days left", "step": ""}
        assert told == dict.fromkeys(ids, day_30)
        undone = told_by(undo(alice_client, gallery, answer.content.decode()))
    day_6 = {"at": int((START + 6 * DAY).timestamp()), "left": "6 days left", "step": ""}
    assert undone == dict(zip(ids, [day_6, day_30, None], strict=True))


def told_by(toast: str) -> dict[str, object]:
    """What a toast tells the page's script of each photo."""
    found = re.search(r'data-event="images-changed" data-photos="([^"]*)"', toast)
    assert found
    told = json.loads(unescape(found[1]))
    return dict(zip(told["ids"], told["ends"], strict=True))
