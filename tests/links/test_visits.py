"""What somebody with a link gets to see, and what they do not."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from galleries.links import switch_link
from galleries.models import Gallery, Image
from galleries.uploads import UploadOptions
from gallery_site.accounts.models import User
from tests.links.conftest import MakeLink
from tests.links.visiting import PASSCODE, body_of, client_of_owner, every_address, page, unlock, without_tokens
from tests.pictures import jpeg, store, store_image


def test_page_shows_the_grid_under_neutral_names(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    for seed in range(3):
        store(gallery, jpeg(seed), options=UploadOptions(filename=f"Anna at home {seed}.jpg"))
    html = client.get(page(make_link("download"))).content.decode()
    assert re.findall(r'data-name="([^"]+)"', html) == ["summer-003.jpg", "summer-002.jpg", "summer-001.jpg"]
    assert "Anna" not in html
    assert "Delete" not in html
    assert '<meta property="og:title" content="Summer">' in html
    assert "og:image" not in html


@pytest.mark.parametrize(
    ("hours", "step", "words"),
    [(80, "", "3 days left"), (70, " urgency-soon", "2 days left"), (23, " urgency-today", "23 hours left")],
)
def test_time_left_is_said_in_words_and_in_three_steps(
    hours: int, step: str, words: str, client: Client, make_link: MakeLink, gallery: Gallery
) -> None:
    """The link's own end counts where it is nearer than the photos'."""
    image = store_image(gallery)
    link = make_link(ends_at=timezone.now() + timedelta(hours=hours, minutes=1))
    html = client.get(page(link)).content.decode()
    said = re.search(r'<span class="gallery-time([^"]*)">([^,]*), <time [^>]*data-local="gone on">gone on', html)
    assert said
    assert (said[1], said[2]) == (step, words)
    facts = client.get(page(link, f"i/{image.hex}/")).content.decode()
    assert f"{words}, <time" in facts
    assert (f'class="{step.strip()}"' in facts) == bool(step)


def test_pictures_go_with_a_link_that_ends_before_them(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    """What the clock hides under an open page, and what is said of the time left: of each the nearer end."""
    for seed, expires_at in enumerate((timezone.now() + timedelta(minutes=61), None)):
        Image.objects.filter(id=store_image(gallery, seed).id).update(expires_at=expires_at)
    link = make_link(ends_at=timezone.now() + timedelta(hours=5, minutes=1))
    html = client.get(page(link)).content.decode()
    ends = sorted(map(int, re.findall(r'data-expires="(\d+)"', html)))
    assert (len(ends), ends[0] < ends[1], ends[1]) == (2, True, int(link.ends_at.timestamp()))
    assert sorted(re.findall(r'<span class="tile-left[^"]*">([^<]+)', html)) == ["1 hour left", "5 hours left"]
    assert "These photos are gone." not in html
    Image.objects.update(expires_at=timezone.now() + timedelta(hours=2))
    assert "These photos are gone." in client.get(page(link)).content.decode()


def test_page_is_sent_packed(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    """On a slow line its 100 kB are half of what a visitor waits for."""
    store_image(gallery)
    link = make_link()
    packed = client.get(page(link), headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert b"summer-001.jpg" in gzip.decompress(packed.content)
    assert "Accept-Encoding" in packed["Vary"]
    assert "HX-Request" in packed["Vary"]
    assert "Content-Encoding" not in client.get(page(link))


def test_headers_keep_it_private(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store_image(gallery)
    for address in every_address(make_link("download"), image):
        answer = client.get(address)
        body_of(answer)
        assert answer.status_code == 200, address
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["Referrer-Policy"] == "same-origin"


def test_looking_opens_no_original(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store_image(gallery)
    link = make_link("look")
    html = client.get(page(link)).content.decode()
    assert "original" not in html.replace("data-original", "")
    assert page(link, "zip/") not in html
    link.max_downloads = 5  # of a link that gave downloads once
    link.save()
    assert "download" not in client.get(page(link)).content.decode()
    for rest in (f"i/{image.hex}/original/", "zip/"):
        assert client.get(page(link, rest)).status_code == 403
    assert client.post(page(link, "zip/"), {"ids": [image.hex]}).status_code == 403
    query = client.get(page(link, "pass/")).json()["query"]
    picture = client.get(f"/{image.rendition_key('preview')}?{query}")
    assert (picture.status_code, len(body_of(picture)) > 0) == (200, True)
    assert client.get(f"/{image.original_key}?{query}").status_code == 404


def test_images_of_another_gallery_are_not_there(
    client: Client, make_link: MakeLink, gallery: Gallery, bob: User
) -> None:
    store_image(gallery)
    link = make_link("download")
    other = Gallery.objects.create(owner=bob, title="Other", created_at=timezone.now())
    foreign = store_image(other, 5)
    unknown = foreign.hex[:-4] + "0000"
    for rest in ("i/{}/", "i/{}/original/", "report/?image={}"):
        answers = [client.get(page(link, rest.format(identifier))) for identifier in (foreign.hex, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert without_tokens(answers[0]) == without_tokens(answers[1])
    assert client.post(page(link, "zip/"), {"ids": [foreign.hex]}).status_code == 404
    assert foreign.hex not in client.get(page(link, f"pass/?ids={foreign.hex}")).content.decode()


def test_opens_are_counted_without_the_owner(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    link = make_link()
    client.get(page(link))
    client.head(page(link))
    client.get(page(link), headers={"hx-request": "true"})
    client_of_owner(gallery).get(page(link))
    link.refresh_from_db()
    assert link.opens == 1


def test_page_costs_the_same_for_many_pictures(
    client: Client, make_link: MakeLink, gallery: Gallery, django_assert_max_num_queries: Any
) -> None:
    link = make_link("download")
    for seed in (1, 2, 3, 4):
        store_image(gallery, seed)
        with django_assert_max_num_queries(5):  # the link, its gallery, the page, its first number, the count of opens
            client.get(page(link))


# --- SAFETY 4a, shares -----------------------------------------------------------------------------------------------


def test_revoked_link_gives_no_new_pass_and_old_ones_end(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    """Row 8."""
    image = store_image(gallery)
    link = make_link()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        query = client.get(page(link, "pass/")).json()["query"]
        switch_link(link, False, timezone.now())
        for address in every_address(link, image):
            answer = client.get(address)
            assert answer.status_code == 410
            assert "This link has ended." in answer.content.decode()
            assert "Summer" not in answer.content.decode()
        clock.shift(timedelta(minutes=30))
        assert client.get(f"/{image.rendition_key('preview')}?{query}").status_code == 404


def test_pass_ends_with_the_link(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store_image(gallery)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        link = make_link(ends_at=timezone.now() + timedelta(minutes=3))
        fresh = client.get(page(link, "pass/")).json()
        assert fresh["until"] == int(link.ends_at.timestamp())
        clock.shift(180)
        assert client.get(f"/{image.rendition_key('preview')}?{fresh['query']}").status_code == 404


def test_links_of_a_suspended_owner_are_unknown(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    """Row 10."""
    image = store_image(gallery)
    link = make_link("download")
    User.objects.update(is_active=False)
    assert {client.get(address).status_code for address in every_address(link, image)} == {404}


def test_unknown_tokens_are_limited(client: Client, make_link: MakeLink) -> None:
    """Row 18: the 61st in a minute; links that exist go on working for the same address."""
    link = make_link()
    with time_machine.travel(timezone.now(), tick=False):
        statuses = [client.get(f"/s/{'x' * 40}{n:03}/").status_code for n in range(61)]
        assert statuses == [404] * 60 + [429]
        assert client.get(page(link)).status_code == 200


def test_every_form_of_a_visitor_wants_the_csrf_token(make_link: MakeLink, gallery: Gallery) -> None:
    """Row 25; and the passcode's form carries it (row 36)."""
    store_image(gallery)
    link = make_link("download", passcode=PASSCODE)
    strict = Client(enforce_csrf_checks=True)
    door = strict.get(page(link)).content.decode()
    assert unlock(strict, link) == 403
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', door)
    assert found
    form = {"passcode": PASSCODE, "csrfmiddlewaretoken": found[1]}
    assert strict.post(page(link, "unlock/"), form).status_code == 302
    assert strict.post(page(link, "zip/"), {"ids": ["0" * 32]}).status_code == 403
    assert strict.post(page(link, "report/"), {"reason": "other"}).status_code == 403


def test_token_never_reaches_a_log(client: Client, make_link: MakeLink, gallery: Gallery, caplog: Any) -> None:
    """Row 38."""
    from gallery_site.logs import JsonFormatter

    image = store_image(gallery)
    link = make_link("download", passcode=PASSCODE)
    unlock(client, link, "wrong one")
    for address in every_address(link, image):
        client.get(address)
    client.get(page(link, "nothing/here/"))
    client.delete(page(link))
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert lines  # Django complains about 403, 404 and 405
    assert not [line for line in lines if link.token in line or PASSCODE in line]


def test_report_is_stored_for_the_moderators_and_limited(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store_image(gallery)
    link = make_link()
    assert client.get(page(link, f"report/?image={image.hex}")).status_code == 200
    with time_machine.travel(timezone.now(), tick=False):
        assert client.post(page(link, "report/"), {"reason": "nothing"}).status_code == 422
        form = {"reason": "me", "words": "This is <b>me</b>.", "image": image.hex}
        statuses = [client.post(page(link, "report/"), form).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    stored = gallery.reports.first()
    assert stored is not None
    assert (stored.image, stored.reason, stored.words, stored.link) == (image.id, "me", "This is <b>me</b>.", link)
