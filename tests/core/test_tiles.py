"""Keyset pages: each picture once, in order, whatever comes in between."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.http import Http404
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from galleries.access import live_images, own_gallery, seen_gallery
from galleries.galleries import create_gallery
from galleries.models import Gallery, Guest, Image, Link
from galleries.passes import Addresses
from galleries.removal import remove_images
from galleries.templatetags.gallery import step_left, words_left
from galleries.templatetags.tiles import write_tiles
from galleries.tiles import (
    PAGE_SIZE,
    SORTS,
    TILE_FIELDS,
    Day,
    Tile,
    group_by_day,
    make_tiles,
    read_grid_page,
    read_page,
    write_cursor,
)
from galleries.views.images import neighbours
from gallery_site.accounts.models import User
from gallery_site.ids import uuid7
from tests.core.world import START, add, clock, problem_of

pytestmark = pytest.mark.django_db
MICRO = timedelta(microseconds=1)
# Times whose float has no exact microsecond, times before 1970, equal times.
TIMES = [
    datetime(2026, 5, 3, 12, 0, 0, 123457, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1955, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 5, 3, 12, 0, 0, tzinfo=UTC),
    datetime(9998, 2, 7, 6, 28, 15, 654321, tzinfo=UTC),
]


def _walk(gallery: Gallery, sort: str, size: int) -> list[Image]:
    cursor, seen = "", []
    while True:
        page = read_page(live_images(gallery, timezone.now()), sort, cursor, size)
        seen += page.images
        cursor = page.cursor
        if not cursor:
            return seen
        assert len(page.images) == size
        assert len(seen) < 100, "never ends"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("sort", ["taken", "uploaded"])
def test_every_picture_is_on_one_page(gallery: Gallery, sort: str, size: int) -> None:
    images = [add(gallery, n, taken_at=TIMES[n % 5]) for n in range(15)]
    if sort == "taken":
        wanted = sorted(images, key=lambda image: (image.sort_at, image.id), reverse=True)
    else:
        wanted = sorted(images, key=lambda image: image.id, reverse=True)
    assert _walk(gallery, sort, size) == wanted


def test_a_burst_in_the_same_microsecond_is_shown_whole(gallery: Gallery) -> None:
    """A cursor made with floating-point seconds loses those: try many microseconds."""
    image = add(gallery, 1)
    for micro in range(0, 1_000_000, 997):
        image.sort_at = datetime(9000, 1, 1, tzinfo=UTC) + micro * MICRO
        text = write_cursor(image).partition(".")[0]
        assert int(text, 16) == (image.sort_at - datetime(1970, 1, 1, tzinfo=UTC)) // MICRO


def test_pictures_that_come_or_go_between_pages_neither_repeat_nor_skip_others(gallery: Gallery) -> None:
    images = [add(gallery, n, taken_at=START) for n in range(6)]
    first = read_page(live_images(gallery, timezone.now()), "taken", "", 3)
    add(gallery, 10, taken_at=START)
    remove_images(gallery, [first.images[-1].id], timezone.now())
    second = read_page(live_images(gallery, timezone.now()), "taken", first.cursor, 3)
    assert [*first.images, *second.images] == images[::-1]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        ".",
        "12",
        "12.zz",
        "zz." + "0" * 32,
        "f" * 400 + "." + "0" * 32,
        "m" * 9 + "." + "0" * 32,
        "\x00." + "0" * 32,
    ],
)
@pytest.mark.parametrize("sort", ["taken", "uploaded"])
def test_a_cursor_that_is_not_ours_is_refused(gallery: Gallery, sort: str, cursor: str) -> None:
    problem = problem_of(lambda: read_page(Image.objects.all(), sort, cursor))
    assert (problem.code, problem.fields) == ("invalid_request", ("cursor",))


@pytest.mark.parametrize("sort", ["taken", "uploaded"])
def test_neighbours_are_those_of_the_grid(gallery: Gallery, sort: str) -> None:
    for number in range(6):
        add(gallery, number, taken_at=TIMES[number % 3])
    order = _walk(gallery, sort, 60)
    for place, image in enumerate(order):
        before, after = neighbours(image, timezone.now(), sort)
        assert before == (order[place - 1] if place else None)
        assert after == (order[place + 1] if place + 1 < len(order) else None)


def _add_many(gallery: Gallery, count: int) -> list[Image]:
    """So many rows like one that was uploaded, taken a minute apart, the latest uploaded the earliest taken."""
    first = add(gallery, 0)
    taken = first.sort_at
    rows = [Image.objects.get(id=first.id) for _ in range(count - 1)]
    for number, row in enumerate(rows, 1):
        row.id, row.dedup_key, row.sort_at = uuid7(), None, taken - timedelta(minutes=number)
    Image.objects.bulk_create(rows)
    return [first, *sorted(rows, key=lambda row: row.id)]


@pytest.mark.parametrize("sort", SORTS)
def test_the_prepared_page_is_the_page(gallery: Gallery, sort: str) -> None:
    images = _add_many(gallery, 2 * PAGE_SIZE + 5)
    now = timezone.now()
    Image.objects.filter(id=images[3].id).update(removed_at=now)
    Image.objects.filter(id=images[70].id).update(expires_at=now - MICRO)
    add(create_gallery(gallery.owner, title="Other", retention="7d", now=now), 1)
    cursor = ""
    for _ in range(3):
        plain = read_page(live_images(gallery, now), sort, cursor)
        prepared = read_grid_page(gallery, now, sort, cursor)
        assert prepared == plain
        for one, other in zip(prepared.images, plain.images, strict=True):
            assert {name: getattr(other, name) for name in TILE_FIELDS} | {"_state": one._state} == vars(one)
            assert one.get_deferred_fields() == set(vars(other)) - {"_state", *TILE_FIELDS}
            assert (one._state.adding, one._state.db) == (other._state.adding, other._state.db)
        cursor = plain.cursor
    assert cursor == ""


def test_own_gallery_is_measured_as_any_other(gallery: Gallery, bob: User) -> None:
    now = timezone.now()
    images = [add(gallery, n) for n in range(4)]
    Image.objects.filter(id=images[0].id).update(expires_at=now - MICRO)
    Image.objects.filter(id=images[1].id).update(expires_at=None)
    own = own_gallery(gallery.owner, gallery.id, now)
    linked = seen_gallery(Guest(Link(gallery=gallery)), gallery.id, now)
    plain = Gallery.objects.measured(now).get(id=gallery.id)
    for seen in (own, linked):
        assert {**vars(seen), "_state": None} == {**vars(plain), "_state": None}
        assert (seen.live_count, seen.ends_at) == (3, None)
    assert own.owner is gallery.owner
    assert linked.owner == gallery.owner
    for who, moment in ((bob, now), (gallery.owner, now)):
        Gallery.objects.filter(id=gallery.id).update(removed_at=None if who is bob else moment)
        with pytest.raises(Http404):
            own_gallery(who, gallery.id, now)


def test_tiles_say_what_their_template_says(gallery: Gallery) -> None:
    """Filling in after the template was written is the same as writing it, whatever the names hold."""
    images = [add(gallery, n) for n in range(7)]
    now = timezone.now()
    images[0].filename = "\"><script>%(id)s %s {{ x }} &amp; 'quote' \\1.jpg"
    images[1].expires_at = None
    images[2].expires_at = now + timedelta(hours=5)
    images[3].placeholder = ""
    images[4].animated = True
    images[5].width, images[5].height = 4000, 1000
    tiles = make_tiles(gallery, images, Addresses(gallery, now, None))
    day = Day(tiles[0].day, is_by_upload=False, tiles=tiles, begins=2)
    assert write_tiles(day) == "".join(_written_by_django(tile, place < 6, now) for place, tile in enumerate(tiles, 2))


def _written_by_django(tile: Tile, is_in_sight: bool, now: datetime) -> str:
    image, ends = tile.image, tile.expires_at
    context = {
        "has_end": ends is not None,
        "step": step_left(ends, now),
        "has_placeholder": bool(image.placeholder),
        "is_animated": image.animated,
        "is_wide": image.width / image.height >= 2,
        "is_in_sight": is_in_sight,
        "expires": int(ends.timestamp()) if ends else "",
        "left": words_left(ends, now),
        "id": image.hex,
        "width": f"{image.width}",
        "height": f"{image.height}",
        "placeholder": image.placeholder,
        **{name: getattr(tile, name) for name in ("href", "original_href", "thumbnail", "preview", "label")},
        "ratio_class": tile.ratio_class,
    }
    return render_to_string("galleries/_tile.html", context)


def test_pictures_of_the_first_screen_do_not_wait_for_the_layout(gallery: Gallery, alice_client: Client) -> None:
    """Whichever days they are of; the others are fetched when they come near."""
    for n in range(10):
        add(gallery, n, taken_at=START - timedelta(days=n // 2))
    html = alice_client.get(gallery.get_absolute_url()).content.decode()
    pictures = re.findall(r'<img class="tile-over"[^>]*>', html)
    assert ['loading="lazy"' in picture for picture in pictures] == [False] * 6 + [True] * 4


def test_the_page_is_sent_packed(gallery: Gallery, alice_client: Client) -> None:
    """On a slow line its 120 kB are half of what its owner waits for."""
    add(gallery, 1)
    packed = alice_client.get(gallery.get_absolute_url(), headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert b"tile-over" in gzip.decompress(packed.content)
    assert {"Accept-Encoding", "HX-Request", "Cookie"} <= set(packed["Vary"].split(", "))


def test_a_page_of_the_site_leads_to_the_next(gallery: Gallery, alice_client: Client) -> None:
    images = _add_many(gallery, 2 * PAGE_SIZE + 5)
    url, seen = gallery.get_absolute_url() + "?sort=uploaded", []
    for _ in range(3):
        answer = alice_client.get(url)
        seen += [tile.image for tile in answer.context["tiles"]]
        url = answer.context["next_url"]
    assert seen == images[::-1]
    assert url == ""
    bad = alice_client.get(gallery.get_absolute_url() + "?after=nonsense", headers={"Accept": "application/json"})
    assert bad.status_code == 422


def test_pages_cost_the_same_when_the_rows_double(gallery: Gallery, alice_client: Client) -> None:
    def count(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert alice_client.get(url).status_code == 200
        return len(queries)

    count("/")  # marks the new session as seen
    # The session, the person, the gallery with its measures, and the images.
    assert count(gallery.get_absolute_url()) == 4
    urls = [gallery.get_absolute_url(), "/", f"{gallery.get_absolute_url()}bin/", "/deleted/", "/receipts/"]
    for number in range(4):
        add(gallery, number)
    other = create_gallery(gallery.owner, title="Other", retention="7d", now=timezone.now())
    removed = [add(other, n).id for n in range(2)]
    remove_images(other, removed, timezone.now())
    list(map(count, urls))
    before = list(map(count, urls))
    for number in range(4, 12):
        add(gallery, number)
    remove_images(gallery, [add(gallery, n).id for n in range(20, 26)], timezone.now())
    for number in range(4):
        more = create_gallery(gallery.owner, title=str(number), retention="7d", now=timezone.now())
        add(more, number)
    assert list(map(count, urls)) == before
    assert max(before) < 20


def test_the_clock_may_stand_still(gallery: Gallery) -> None:
    with clock(START):
        images = [add(gallery, n) for n in range(5)]
        ordered = sorted(images, key=lambda image: image.id, reverse=True)
        assert _walk(gallery, "taken", 2) == ordered


def _days(gallery: Gallery, sort: str) -> list[Day]:
    now = timezone.now()
    images = read_grid_page(gallery, now, sort, "").images
    return group_by_day(make_tiles(gallery, images, Addresses(gallery, now, None), sort))


def test_a_picture_without_a_date_says_that_its_day_is_that_of_the_upload(
    gallery: Gallery, alice_client: Client
) -> None:
    with clock(START):
        add(gallery, 1)
        add(gallery, 2, taken_at=START - timedelta(hours=1))  # the same day, by the camera
        add(gallery, 3, taken_at=START - timedelta(days=400))
        days = _days(gallery, "taken")
        assert [(day.key, len(day.tiles)) for day in days] == [
            ("2026-05-03 added", 1),
            ("2026-05-03", 1),
            ("2025-03-29", 1),
        ]
        html = alice_client.get(gallery.get_absolute_url()).content.decode()
        assert re.findall(r"(Added )?<time datetime=\"[\d-]+\">([^<]+)", html)[-3:] == [
            ("Added ", "Sun 3 May"), ("", "Sun 3 May"), ("", "Sat 29 Mar 2025"),
        ]  # fmt: skip
        assert [day.key for day in _days(gallery, "uploaded")] == ["2026-05-03 added"]


def test_a_day_is_that_of_the_cameras_own_clock(gallery: Gallery, alice_client: Client) -> None:
    """Half past midnight, two hours east of UTC, where it is still the day before."""
    with clock(START):
        photo = add(gallery, 1, taken_at=datetime.fromisoformat("2026-05-03T00:30:00+02:00"))
        photo.refresh_from_db()
        assert photo.taken_at == photo.sort_at == datetime(2026, 5, 2, 22, 30, tzinfo=UTC)
        assert [day.key for day in _days(gallery, "taken")] == ["2026-05-03"]
        facts = alice_client.get(photo.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()
        assert '<time datetime="2026-05-03T00:30:00+02:00">3 May 2026, 00:30</time>' in facts


def test_days_never_take_turns_where_clocks_differ(gallery: Gallery) -> None:
    with clock(START):
        for minute in (10, 30, 50):
            add(gallery, minute, taken_at=datetime.fromisoformat(f"2026-05-02T22:{minute}:00Z"))
            add(gallery, minute + 1, taken_at=datetime.fromisoformat(f"2026-05-03T00:{minute + 1}:00+02:00"))
        assert [(day.key, len(day.tiles)) for day in _days(gallery, "taken")] == [("2026-05-03", 1), ("2026-05-02", 5)]


def test_a_few_pictures_say_how_wide_they_are_together(gallery: Gallery) -> None:
    """Small days share what their row leaves by these classes; a day that fills rows has none."""
    with clock(START):
        for number in range(2):  # 4:3
            add(gallery, number)
        assert [day.span_class for day in _days(gallery, "taken")] == ["span-11"]
        for number in range(2, 6):
            add(gallery, number)
        assert [day.span_class for day in _days(gallery, "taken")] == ["span-32"]
        add(gallery, 6)
        assert [day.span_class for day in _days(gallery, "taken")] == [""]


def test_the_chosen_order_is_remembered(gallery: Gallery, alice_client: Client) -> None:
    first, second = add(gallery, 1, taken_at=START), add(gallery, 2, taken_at=START - timedelta(days=1))
    url = gallery.get_absolute_url()

    def order(query: str = "") -> list[Image]:
        return [tile.image for tile in alice_client.get(url + query).context["tiles"]]

    assert order() == [first, second]
    assert order("?sort=uploaded") == order() == [second, first]
    assert order("?sort=nonsense") == [second, first]
    assert order("?sort=taken") == order() == [first, second]
