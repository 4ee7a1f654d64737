"""nginx sends the bytes; the site is asked once for each pass and minute."""

from __future__ import annotations

import io
import json
import re
import socket
import time
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from galleries.admission import MOST_NAMED
from tests.faults.ledger import Uploader
from tests.faults.site import heavy_picture, picture, wait_until
from tests.faults.web import Answer, ask
from tests.server.nginx import Nginx
from tests.server.person import Person
from tests.server.raw import connect, status
from tests.server.site import ServerSite

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]


def thumbnail(alice: Uploader, image: str) -> str:
    """The address of an image's thumbnail as the site gives it now."""
    return str(alice.call("GET", f"/images/{image}").json["renditions"]["thumbnail"]["url"])


def images(alice: Uploader, count: int, seed: int) -> tuple[str, list[str]]:
    """A gallery with ``count`` photos: its id and theirs."""
    gallery = alice.make_gallery()
    return gallery, [str(alice.upload(gallery, picture(seed + number)).json["id"]) for number in range(count)]


def get(nginx: Nginx, path: str, method: str = "GET", **headers: str) -> Answer:
    return ask(
        f"{nginx.address}{path}", method, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def asked(nginx: Nginx, gallery: str, count: int) -> list[str]:
    """How nginx knew about the passes of ``count`` pictures whose address begins with ``gallery``, by the lines of its
    log, each of which is written when its answer has gone."""

    def found() -> list[str]:
        lines = [json.loads(line) for line in nginx.log.splitlines()]
        return [line["pass"] for line in lines if line["path"].startswith(gallery) and line["pass"]]

    wait_until(lambda: len(found()) >= count, "nginx did not log all of them")
    return found()


def test_one_question_serves_a_gallery(nginx: Nginx, alice: Uploader) -> None:
    _, ids = images(alice, 3, seed=100)
    addresses = [thumbnail(alice, image) for image in ids]
    answers = [get(nginx, address) for address in addresses * 3]
    assert {answer.status for answer in answers} == {200}
    assert answers[0].body[8:12] == b"WEBP"
    assert answers[0].headers["content-type"] == "image/webp"
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    assert "x-media-hidden" not in answers[0].headers
    assert re.fullmatch(r"max-age=\d+, s-maxage=\d+, immutable", answers[0].headers["cache-control"])
    assert sorted(asked(nginx, addresses[0].split("/r/")[0], 9), reverse=True) == ["MISS", *["HIT"] * 8]
    assert "strict-transport-security" not in answers[0].headers
    over_tls = get(nginx, addresses[0], X_Forwarded_Proto="https")
    assert over_tls.headers["strict-transport-security"].startswith("max-age=63072000")


def test_original_leaves_under_its_name_and_in_parts(nginx: Nginx, alice: Uploader) -> None:
    _, [image] = images(alice, 1, seed=200)
    address = alice.call("GET", f"/images/{image}/original").headers["location"].removeprefix(nginx.address)
    whole = get(nginx, address)
    assert 'filename="photo.jpg"' in whole.headers["content-disposition"]
    part = get(nginx, address, Range="bytes=10-19")
    assert (part.status, part.body) == (206, whole.body[10:20])
    assert get(nginx, address, If_None_Match=whole.headers["etag"]).status == 304
    assert get(nginx, address, "HEAD").headers["content-length"] == str(len(whole.body))
    assert get(nginx, address, Range=f"bytes={len(whole.body)}-").status == 416
    assert get(nginx, address, "POST").status == 405


def test_passes_open_what_they_were_made_for(nginx: Nginx, alice: Uploader) -> None:
    _, [image] = images(alice, 1, seed=300)
    _, [other] = images(alice, 1, seed=301)
    mine, theirs = thumbnail(alice, image), thumbnail(alice, other)
    assert get(nginx, mine).status == get(nginx, theirs).status == 200  # both answers are kept now
    path, query = mine.split("?")
    other_path = theirs.split("?")[0]
    original = alice.call("GET", f"/images/{image}/original").headers["location"].removeprefix(nginx.address)
    refused = [
        path,
        f"{path}?",
        f"{other_path}?{query}",
        f"{original.split('?')[0]}?{query}",
        f"{path}?{original.split('?')[1]}",
        f"{path}?{query[:-1]}{'A' if query[-1] != 'A' else 'B'}",
        f"{path}?{re.sub(r'u=[0-9]+', 'u=99999999999', query)}",
        f"{path}?{re.sub(r'u=[0-9]+', 'u=1000000000', query)}",
        f"{other_path.rsplit('/', 2)[0]}/%2e%2e/{path.split('/', 3)[3]}?{query}",
        f"{path.replace('/r/', '/r//')}?{query}",
        f"{path.replace('thumbnail', '%74humbnail')}?{query}",
        f"{path}%00?{query}",
        f"/media/../gallery.sqlite3?{query}",
        "/media-admission/",
    ]
    for address in refused:
        answer = get(nginx, address)
        assert answer.status in {400, 404}, address
        assert b"RIFF" not in answer.body
    assert get(nginx, mine).status == 200


def test_removed_image_is_kept_back_within_the_minute_and_others_are_not(nginx: Nginx, alice: Uploader) -> None:
    _, [gone, kept] = images(alice, 2, seed=400)
    addresses = {image: thumbnail(alice, image) for image in (gone, kept)}
    assert alice.remove(gone).status == 204
    # No answer is kept for this pass yet: as after the minute.
    assert [get(nginx, addresses[image]).status for image in (gone, kept)] == [404, 200]
    assert alice.restore(gone).status == 200
    nginx.forget_passes()
    assert get(nginx, addresses[gone]).status == 200


def test_hundreds_of_removed_images_are_kept_back_by_one_answer(
    nginx: Nginx, site: ServerSite, alice: Uploader
) -> None:
    _, [gone, kept] = images(alice, 2, seed=450)
    addresses = {image: thumbnail(alice, image) for image in (gone, kept)}
    assert alice.remove(gone).status == 204
    more = MOST_NAMED - 1
    site.manage(
        "shell", "-v0", "-c",
        "from galleries.models import Image\n"
        "from gallery_site.ids import uuid7\n"
        f"[row] = Image.objects.filter(id='{gone}').values()\n"
        f"Image.objects.bulk_create(Image(**row | {{'id': uuid7()}}) for _ in range({more}))\n"
    )  # fmt: skip
    assert [get(nginx, addresses[image]).status for image in (kept, gone, kept)] == [200, 404, 200]
    assert sorted(asked(nginx, addresses[kept].split("?")[0], 2)) == ["HIT", "MISS"]


def test_no_answer_outlives_the_pass(nginx: Nginx, alice: Uploader) -> None:
    _, [image] = images(alice, 1, seed=500)
    end = datetime.now(UTC) + timedelta(seconds=5)
    assert alice.set_expiry(image, end).status == 200
    address = thumbnail(alice, image)
    assert "?p=i&" in address
    check_end(nginx, address, end)


def test_no_answer_outlives_an_end_that_was_set_after_the_pass(nginx: Nginx, alice: Uploader) -> None:
    _, [image] = images(alice, 1, seed=550)
    address = thumbnail(alice, image)
    assert "?p=r&" in address
    end = datetime.now(UTC) + timedelta(seconds=5)
    assert alice.set_expiry(image, end).status == 200
    check_end(nginx, address, end)


def check_end(nginx: Nginx, address: str, end: datetime) -> None:
    """Ask again and again: it is there until ``end``, the last second of which is not promised, and then it is gone."""
    assert get(nginx, address).status == 200
    seen = []
    while (now := datetime.now(UTC)) < end + timedelta(seconds=0.5):
        seen.append((now, get(nginx, address).status))
        time.sleep(0.05)  # often enough, and others have use for the core
    assert {status for at, status in seen if at < end - timedelta(seconds=1)} == {200}
    assert {status for at, status in seen if at >= end} == {404}


def test_removed_gallery_is_closed(nginx: Nginx, alice: Uploader) -> None:
    gallery, [image] = images(alice, 1, seed=600)
    address = thumbnail(alice, image)
    assert alice.remove_gallery(gallery).status == 204
    assert get(nginx, address).status == 404


def test_log_holds_no_pass(nginx: Nginx, alice: Uploader) -> None:
    _, [image] = images(alice, 1, seed=700)
    address = thumbnail(alice, image)
    get(nginx, address)
    refused = address.replace("s=", "s=A")
    assert get(nginx, refused).status == 404
    get(nginx, "/s/" + "t" * 43 + "/zip/?size=1")
    get(nginx, "/ending/" + "t" * 43 + "/")
    wait_until(lambda: "/s/.../zip/" in nginx.log and "/ending/..." in nginx.log, "nginx did not log all of it")
    assert nginx.log.count(address.split("?")[0]) == 2
    assert address.split("s=")[1] not in nginx.log
    assert "t" * 43 not in nginx.log
    assert "/s/.../zip/" in nginx.log


def test_zip_of_a_selection_never_lies_on_the_disk_of_nginx(nginx: Nginx, alice: Uploader) -> None:
    """Twenty MB, much more than sockets hold, for a reader who is slow: what nginx cannot pass on, it leaves there."""
    gallery = alice.make_gallery()
    ids = [alice.upload(gallery, heavy_picture(800 + number)).json["id"] for number in range(12)]
    person = Person(nginx.address)
    assert person.sign_in("alice").status == 302
    place = f"/g/{gallery}/"
    fields = [("action", "download"), *(("ids", image) for image in ids), ("csrfmiddlewaretoken", person.csrf(place))]
    body = urlencode(fields)
    head = f"POST {place}images/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {person.cookie}\r\n"
    head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    with connect(nginx.port) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
        line.sendall(f"{head}{body}".encode())
        answer = line.recv(1_024)
        time.sleep(1)  # long enough for nginx to take in all of it, if it were to
        on_disk = nginx.kept_answers()
        answer += b"".join(iter(lambda: line.recv(262_144), b""))
    assert (status(answer), on_disk) == (200, [])
    with zipfile.ZipFile(io.BytesIO(answer.partition(b"\r\n\r\n")[2])) as archive:
        assert len(archive.namelist()) == len(ids)
