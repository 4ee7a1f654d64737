"""What somebody with a link gets, and what they do not."""

from __future__ import annotations

import gzip
import io
import re
import struct
import tempfile
import time
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone
from PIL import Image as Pillow
from pytest_django import Settings

from galleries import handing_out
from galleries.links import change_link, switch_link
from galleries.models import Gallery, Image, Link
from galleries.storage import media_storage
from galleries.uploads import UploadOptions
from gallery_site.accounts.models import User
from tests.core.world import together
from tests.links.conftest import MakeLink
from tests.pictures import jpeg, store, store_image

PASSCODE = "sea side 22"


def page(link: Link, rest: str = "") -> str:
    return f"{link.path}{rest}"


def every_address(link: Link, image: Image) -> list[str]:
    """Everything of a link that can be asked with GET."""
    rests = ["", "pass/", "left/", "zip/", "report/", f"i/{image.hex}/", f"i/{image.hex}/original/"]
    return [page(link, rest) for rest in rests]


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def unlock(client: Client, link: Link, passcode: str = PASSCODE, **extra: Any) -> int:
    return int(client.post(page(link, "unlock/"), {"passcode": passcode}, **extra).status_code)


def tagged_jpeg(seed: int = 1) -> bytes:
    """A photo with a place, a name and a comment in it."""
    exif = Pillow.Exif()
    exif[0x010F] = "SecretCam"
    exif.get_ifd(0x8825)[1] = "N"
    return jpeg(seed, exif=exif, comment=b"where we live")


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


def test_download_is_neutral_and_clean_even_where_everything_was_kept(
    client: Client, make_link: MakeLink, gallery: Gallery
) -> None:
    kept = store(gallery, tagged_jpeg(), options=UploadOptions(keep_metadata=True, filename="Anna.jpg")).image
    stripped = store(gallery, tagged_jpeg(2), options=UploadOptions(filename="Ben.jpg")).image
    link = make_link("download")
    for number, image in enumerate((kept, stripped), 1):
        answer = client.get(page(link, f"i/{image.hex}/original/"))
        body = body_of(answer)
        assert answer["Content-Disposition"] == f'attachment; filename="summer-00{number}.jpg"'
        assert int(answer["Content-Length"]) == len(body)
        assert b"SecretCam" not in body
        assert b"where we live" not in body
        assert Pillow.open(io.BytesIO(body)).size == (64, 48)
    answer = client.get(page(link, "zip/"))
    body = body_of(answer)
    assert int(answer["Content-Length"]) == len(body)
    archive = zipfile.ZipFile(io.BytesIO(body))
    assert archive.testzip() is None
    assert archive.namelist() == ["summer-001.jpg", "summer-002.jpg"]
    assert all(b"SecretCam" not in archive.read(name) for name in archive.namelist())
    days = [image.sort_at.date() for image in (kept, stripped)]
    assert [entry.date_time for entry in archive.infolist()] == [(*day.timetuple()[:3], 12, 0, 0) for day in days]
    noons = [int(datetime(*day.timetuple()[:3], 12, tzinfo=UTC).timestamp()) for day in days]
    assert [struct.unpack("<HHBi", entry.extra)[3] for entry in archive.infolist()] == noons
    assert b"SecretCam" in body_of(client_of_owner(gallery).get(f"/g/{gallery.hex}/zip/"))  # the owner kept it


def without_tokens(response: Any) -> bytes:
    """A page without what Django masks anew in each answer."""
    return re.sub(rb"[A-Za-z0-9]{64}", b"", body_of(response))


def client_of_owner(gallery: Gallery) -> Client:
    owner = Client()
    owner.force_login(gallery.owner)
    return owner


def test_old_rows_are_measured_when_they_are_asked_for(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store(gallery, tagged_jpeg(), options=UploadOptions(keep_metadata=True)).image
    measured = (image.clean_bytes, image.clean_crc32)
    Image.objects.update(clean_bytes=None, clean_crc32=None)
    body_of(client.get(page(make_link("download"), "zip/")))
    image.refresh_from_db()
    assert (image.clean_bytes, image.clean_crc32) == measured
    assert image.clean_bytes != image.bytes


@pytest.mark.parametrize("asked", ["i/{}/original/", "zip/"])
def test_a_full_disk_under_a_clean_copy_is_unavailable(
    client: Client, make_link: MakeLink, gallery: Gallery, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    image = store(gallery, tagged_jpeg(), options=UploadOptions(keep_metadata=True)).image
    Image.objects.update(clean_bytes=None, clean_crc32=None)
    link = make_link("download", max_downloads=1)
    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b"))  # noqa: SIM115 (as it does)
        answer = client.get(page(link, asked.format(image.hex)))
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (503, True)
    assert b"SecretCam" not in body_of(client.get(page(link, asked.format(image.hex))))  # nothing was counted


def test_selection_keeps_the_numbers(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    images = [store_image(gallery, seed) for seed in range(3)]
    link = make_link("download")
    answer = client.post(page(link, "zip/"), {"ids": [images[2].hex, images[0].hex]})
    assert zipfile.ZipFile(io.BytesIO(body_of(answer))).namelist() == ["summer-001.jpg", "summer-003.jpg"]
    assert client.post(page(link, "zip/")).status_code == 422


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


def test_headers_of_an_original_are_told_without_making_its_copy(
    client: Client, make_link: MakeLink, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = store(gallery, tagged_jpeg(), options=UploadOptions(keep_metadata=True)).image
    address = page(make_link("download"), f"i/{image.hex}/original/")
    size = len(body_of(client.get(address)))
    monkeypatch.setattr("galleries.clean_copies.strip_metadata", lambda *given: pytest.fail("a copy was made"))
    assert client.head(address)["Content-Length"] == str(size)
    media_storage().delete_objects(image.keys)
    assert client.head(address).status_code == 404


def test_downloads_are_counted_and_limited(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store_image(gallery)
    link = make_link("download", max_downloads=2)
    original, zipped = page(link, f"i/{image.hex}/original/"), page(link, "zip/")
    assert client.head(original).status_code == client.head(zipped).status_code == 200  # not counted
    assert "2 downloads left" in client.get(page(link)).content.decode()
    body_of(client.get(original))
    body_of(client.get(zipped))
    refused = [client.get(original), client.get(zipped), client.post(zipped, {"ids": [image.hex]})]
    assert [answer.status_code for answer in refused] == [403] * 3
    html = client.get(page(link)).content.decode()
    assert "used up" in html
    assert "Download all" not in html
    link.refresh_from_db()
    assert (link.downloads, link.opens) == (2, 2)


def test_refusal_inside_says_why_and_leads_back(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    store_image(gallery)
    looking, used_up = make_link("look"), make_link("download", max_downloads=0)
    for link, sentence in ((looking, "This link is for looking only."), (used_up, "downloads are used up")):
        answer = client.get(page(link, "zip/"))
        html = answer.content.decode()
        assert answer.status_code == 403
        assert sentence in html
        assert f'href="{link.path}">Back to the photos</a>' in html
        assert "Sign in" not in html
        program = client.get(page(link, "zip/"), headers={"accept": "application/json"})
        assert (program.status_code, program["Content-Type"]) == (403, "application/problem+json")
    link = make_link("download")
    under_way = client.get(page(link, "zip/"))
    refused = client.get(page(link, "zip/"))
    assert (refused.status_code, refused["Retry-After"]) == (429, "10")
    assert "Try again when one has finished." in refused.content.decode()
    body_of(under_way)


def test_refused_zip_is_not_counted(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    store_image(gallery)
    link = make_link("download", max_downloads=5)
    first = client.get(page(link, "zip/"))
    assert client.get(page(link, "zip/")).status_code == 429  # one at a time for a visitor
    body_of(first)
    body_of(client.get(page(link, "zip/")))
    link.refresh_from_db()
    assert link.downloads == 2


def test_second_phone_of_the_same_kind_behind_one_address_gets_its_zip(make_link: MakeLink, gallery: Gallery) -> None:
    """Each browser has a cookie of its own; address and kind of phone are those of half the room."""
    store_image(gallery)
    link = make_link("download")
    phones = [Client(HTTP_USER_AGENT="iPhone", REMOTE_ADDR="203.0.113.7") for _ in range(3)]
    for phone in phones:
        phone.get(page(link))
    zips = [phone.get(page(link, "zip/")) for phone in phones]
    assert [answer.status_code for answer in zips] == [200] * 3
    assert phones[0].get(page(link, "zip/")).status_code == 429
    for answer in zips:
        body_of(answer)


def test_one_address_does_not_take_all_places_of_a_link(make_link: MakeLink, gallery: Gallery) -> None:
    """Whoever throws the cookie away is somebody new, up to what a party needs."""
    store_image(gallery)
    link = make_link("download")
    zips = []
    for _ in range(13):
        somebody = Client(REMOTE_ADDR="203.0.113.7")
        somebody.get(page(link))
        zips.append(somebody.get(page(link, "zip/")))
    assert [answer.status_code for answer in zips] == [200] * 12 + [429]
    zips.append(Client(REMOTE_ADDR="198.51.100.1").get(page(link, "zip/")))
    assert zips[-1].status_code == 200
    for answer in zips:
        body_of(answer)


def test_one_address_begins_no_more_zips_an_hour_than_a_party_needs(make_link: MakeLink, gallery: Gallery) -> None:
    store_image(gallery)
    link, now = make_link("download"), timezone.now()
    for _ in range(handing_out.PER_HOUR_AND_ADDRESS - 1):
        handing_out.BEGUN_AT_ADDRESS.count(link.hex, "203.0.113.7", now=now)
    answers = []
    for address in ("203.0.113.7", "203.0.113.7", "198.51.100.1"):
        somebody = Client(REMOTE_ADDR=address)  # with a cookie that nobody had before
        somebody.get(page(link))
        answers.append(somebody.get(page(link, "zip/")))
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert int(answers[1]["Retry-After"]) > 3_000
    link.refresh_from_db()
    assert link.downloads == 2
    for answer in answers:
        body_of(answer)


def test_a_selection_is_refused_rather_than_cut(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    store_image(gallery)
    ids = [f"{number:032x}" for number in range(1_001)]
    answer = client.post(page(make_link("download"), "zip/"), {"ids": ids}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "Select at most 1,000 photos at a time.")


def test_used_up_downloads_cost_no_work(
    client: Client, make_link: MakeLink, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HEAD is refused as GET is, and neither opens, strips or lists anything first."""
    image = store_image(gallery)
    link = make_link("download", max_downloads=1)
    body_of(client.get(page(link, f"i/{image.hex}/original/")))
    for name in ("open_clean_original", "freeze_clean"):
        monkeypatch.setattr(handing_out, name, lambda *given: pytest.fail("work was done"))
    for rest in (f"i/{image.hex}/original/", "zip/"):
        assert client.head(page(link, rest)).status_code == client.get(page(link, rest)).status_code == 403
    assert client.post(page(link, "zip/"), {"ids": [image.hex]}).status_code == 403


def test_opens_are_counted_without_the_owner(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    link = make_link()
    client.get(page(link))
    client.head(page(link))
    client.get(page(link), headers={"hx-request": "true"})
    client_of_owner(gallery).get(page(link))
    link.refresh_from_db()
    assert link.opens == 1


# --- SAFETY 4a, shares and passcodes ----------------------------------------------------------------------------------


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


def test_page_costs_the_same_for_many_pictures(
    client: Client, make_link: MakeLink, gallery: Gallery, django_assert_max_num_queries: Any
) -> None:
    link = make_link("download")
    for seed in (1, 2, 3, 4):
        store_image(gallery, seed)
        with django_assert_max_num_queries(5):  # the link, its gallery, the page, its first number, the count of opens
            client.get(page(link))
