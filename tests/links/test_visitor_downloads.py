"""What somebody with a link downloads: under which name, without what the camera wrote, and how often."""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from PIL import Image as Pillow
from pytest_django import Settings

from galleries import handing_out
from galleries.models import Gallery, Image
from galleries.storage import media_storage
from galleries.uploads import UploadOptions
from tests.links.conftest import MakeLink
from tests.links.visiting import body_of, client_of_owner, page, tagged_jpeg
from tests.pictures import jpeg, store, store_image


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


def test_old_rows_are_measured_when_they_are_asked_for(client: Client, make_link: MakeLink, gallery: Gallery) -> None:
    image = store(gallery, tagged_jpeg(), options=UploadOptions(keep_metadata=True)).image
    measured = (image.clean_bytes, image.clean_crc32)
    Image.objects.update(clean_bytes=None, clean_crc32=None)
    body_of(client.get(page(make_link("download"), "zip/")))
    image.refresh_from_db()
    assert (image.clean_bytes, image.clean_crc32) == measured
    assert image.clean_bytes != image.bytes


def test_upgrade_forgets_what_an_earlier_stripper_measured(gallery: Gallery) -> None:
    """And not of what goes out as it is stored: to measure that anew, each photo would be read."""
    kept = UploadOptions(keep_metadata=True)
    tagged, clean = (store(gallery, photo, options=kept).image for photo in (tagged_jpeg(), jpeg(7)))
    assert (tagged.clean_bytes == tagged.bytes, clean.clean_bytes == clean.bytes) == (False, True)
    import_module("galleries.migrations.0009_measure_clean_copies_anew").forget_measures(apps, None)
    tagged.refresh_from_db()
    clean.refresh_from_db()
    assert (tagged.clean_bytes, tagged.clean_crc32) == (None, None)
    assert (clean.clean_bytes, clean.clean_crc32) == (clean.bytes, clean.crc32)


@pytest.mark.parametrize("asked", ["i/{}/original/", "zip/"])
def test_a_clean_copy_is_made_where_nothing_was_uploaded_yet(
    client: Client, make_link: MakeLink, gallery: Gallery, settings: Settings, tmp_path: Path, asked: str
) -> None:
    """On a node that is new, or whose database and photos come from a backup."""
    image = store(gallery, tagged_jpeg(), options=UploadOptions(keep_metadata=True)).image
    settings.UPLOAD_DIR = tmp_path / "incoming"
    answer = client.get(page(make_link("download"), asked.format(image.hex)))
    assert answer.status_code == 200
    assert len(body_of(answer)) == int(answer["Content-Length"])


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
