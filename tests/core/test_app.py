"""The site as an app on a phone: service worker, offline page, photos from another app's share sheet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from galleries.models import Gallery, Image
from gallery_site.accounts.models import User
from tests.pictures import jpeg

STATIC = Path(__file__).resolve().parents[2] / "static"


def post_shared(client: Client, *bodies: bytes, **headers: str) -> Any:
    files = [SimpleUploadedFile(f"IMG_{index}.jpg", body) for index, body in enumerate(bodies)]
    return client.post("/share/", {"file": files}, headers=headers)


def test_service_worker_covers_the_site_and_is_never_stale(client: Client) -> None:
    response = client.get("/sw.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert response["Cache-Control"] == "no-cache"
    assert "Set-Cookie" not in response
    assert "worker-src 'self'" in response["Content-Security-Policy"]
    assert re.search(r'from "/static/js/sw/worker[.\w]*\.js"', response.content.decode())


@pytest.mark.django_db
def test_offline_page_is_nobodys(client: Client, alice: User) -> None:
    stranger = client.get("/offline/").content
    client.force_login(alice)
    assert client.get("/offline/").content == stranger
    assert b"csrf" not in stranger


def test_manifest_names_what_is_there() -> None:
    manifest = json.loads((STATIC / "manifest.webmanifest").read_text())
    assert all((STATIC / icon["src"]).is_file() for icon in manifest["icons"])
    assert manifest["share_target"]["action"] == "/share/"
    assert manifest["share_target"]["params"]["files"][0]["name"] == "file"


@pytest.mark.django_db
@pytest.mark.parametrize("came_from", ["none", "same-origin"])
def test_without_a_service_worker_they_become_a_gallery(client: Client, alice: User, came_from: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    response = post_shared(client, jpeg(1), jpeg(2), **{"Sec-Fetch-Site": came_from})
    gallery = Gallery.objects.get(owner=alice)
    assert response["Location"] == gallery.get_absolute_url()
    assert re.fullmatch(r"Shared on \d{1,2} \w{3}", gallery.title)
    assert Image.objects.filter(gallery=gallery).count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("came_from", ["cross-site", "same-site", None])
def test_another_site_cannot_share(client: Client, alice: User, came_from: str | None) -> None:
    client.force_login(alice)
    headers = {"Sec-Fetch-Site": came_from} if came_from else {}
    assert post_shared(client, jpeg(1), **headers).status_code == 403
    assert not Gallery.objects.filter(owner=alice).exists()


@pytest.mark.django_db
def test_stranger_signs_in_first(client: Client) -> None:
    assert "/accounts/login/" in post_shared(client, jpeg(1), **{"Sec-Fetch-Site": "none"})["Location"]
    assert not Gallery.objects.exists()


@pytest.mark.django_db
def test_nothing_shared_is_only_the_question(client: Client, alice: User, gallery: Gallery) -> None:
    client.force_login(alice)
    response = post_shared(client, **{"Sec-Fetch-Site": "none"})
    assert response.status_code == 200
    assert gallery.title in response.content.decode()


@pytest.mark.django_db
def test_form_without_javascript_says_what_it_takes_at_once(client: Client, gallery: Gallery, settings: Any) -> None:
    """All its photos are one body, and nginx takes one that holds the largest photo."""
    settings.GALLERY_MAX_UPLOAD_BYTES = 200 * 1024**2
    client.force_login(gallery.owner)
    page = client.get(gallery.get_absolute_url()).content.decode()
    assert "Photos to add (up to 50 at a time, together 200.0\xa0MB)" in page


@pytest.mark.django_db
def test_new_gallery_for_the_uploader(client: Client, alice: User) -> None:
    client.force_login(alice)
    wants = {"Accept": "application/json"}
    answer = client.post("/g/new/", {"title": "Trip", "retention": "7d"}, headers=wants)
    made = Gallery.objects.get(owner=alice)
    assert answer.status_code == 201
    assert answer.json() == {
        "galleryId": made.hex,
        "title": "Trip",
        "galleryUrl": f"/g/{made.hex}/",
        "uploadUrl": f"/g/{made.hex}/upload/",
        "checkUrl": f"/g/{made.hex}/check/",
    }
    refused = client.post("/g/new/", {"title": " ", "retention": "7d"}, headers=wants)
    assert (refused.status_code, refused.json()["fields"]) == (422, ["title"])
