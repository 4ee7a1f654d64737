"""The command-line client as people run it, against the real site: in processes of its own, killed and run again."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from galleries.cli.photos import Multipart, Photo
from galleries.cli.web import Site
from tests.live import ROOT, LiveSite, running_site
from tests.pictures import jpeg

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("command line")]  # one site
DEADLINE = 60.0  # seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """One site for this file; each test has a gallery of its own."""
    with running_site(tmp_path_factory.mktemp("site"), "alice") as live:
        yield live


@pytest.fixture(scope="module")
def token(site: LiveSite) -> str:
    return site.token("alice")


class Client:
    """``gallery`` on a machine of its own: its configuration, its files."""

    def __init__(self, home: Path, site: LiveSite, token: str) -> None:
        self.home = home
        self.site = Site(site.address, token)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GALLERY_")}
        own = {"XDG_CONFIG_HOME": str(home / "config"), "PYTHONPATH": str(ROOT)}
        self.environment = kept | own | {"GALLERY_URL": site.address, "GALLERY_TOKEN": token}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "galleries.cli", *arguments]

    def run(self, *arguments: str, expect: int = 0, **environment: str) -> Any:
        """What ``--json`` says; the exit code must be ``expect``."""
        done = subprocess.run(
            self.command(*arguments, "--json"),
            env=self.environment | environment,
            cwd=self.home,
            text=True,
            capture_output=True,
            input="",
            timeout=DEADLINE,
        )
        assert done.returncode == expect, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def kill_when(self, reached: Callable[[], bool], *arguments: str) -> None:
        """Start a command and kill it (SIGKILL) as soon as ``reached``. Give it enough to do: it must not have come to
        its end before."""
        process = subprocess.Popen(
            self.command(*arguments), env=self.environment, cwd=self.home, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + DEADLINE
        while not reached():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=10) == -signal.SIGKILL

    def images(self, title: str) -> list[dict[str, Any]]:
        """What the site has in the gallery."""
        found = [each for each in self.site.items("/galleries") if each["title"] == title]
        return [image for gallery in found for image in self.site.items(f"/galleries/{gallery['id']}/images")]


@pytest.fixture
def client(tmp_path: Path, site: LiveSite, token: str) -> Iterator[Client]:
    client = Client(tmp_path, site, token)
    with client.site:
        yield client


def fill(folder: Path, count: int, size: tuple[int, int] = (64, 48), start: int = 0) -> set[str]:
    """Different photos in ``folder``; returns their hashes."""
    folder.mkdir(exist_ok=True)
    hashes = set()
    for seed in range(start, start + count):
        body = jpeg(seed, size)
        (folder / f"{seed:03}.jpg").write_bytes(body)
        hashes.add(hashlib.sha256(body).hexdigest())
    return hashes


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_login_keeps_a_token_that_works(client: Client, token: str, site: LiveSite) -> None:
    def login(given: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in client.environment.items() if name != "GALLERY_TOKEN"}
        command = client.command("login", "--url", site.address)
        return subprocess.run(command, env=environment, text=True, capture_output=True, input=given, timeout=DEADLINE)

    path = client.home / "config" / "image-gallery" / "login.json"
    refused = login("igal_wrong\n")
    assert (refused.returncode, path.exists()) == (1, False)
    done = login(f"{token}\n")
    assert done.returncode == 0, done.stderr
    assert token not in done.stdout + done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert client.run("ls", GALLERY_TOKEN="", GALLERY_URL="")["items"] == client.run("ls")["items"]


def test_push_sends_what_is_missing_and_one_bad_file_stops_no_other(client: Client) -> None:
    folder = client.home / "holiday"
    hashes = fill(folder, 6)
    (folder / "sub").mkdir()
    (folder / "sub" / "again.jpg").write_bytes((folder / "003.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("x")
    first = client.run("push", "holiday", "--gallery", "Mixed", "--retention", "1d", expect=1)
    assert (first["sent"], first["here"], first["not_photos"], first["gallery"]["made"]) == (6, 1, 1, True)
    assert {(each["file"], each["code"]) for each in first["failed"]} == {
        ("broken.jpg", "corrupt_image"),
        ("empty.png", "empty_file"),
    }
    (folder / "broken.jpg").unlink()
    (folder / "empty.png").unlink()
    more = fill(folder, 1, start=90)
    second = client.run("push", "holiday", "--gallery", "Mixed")
    assert (second["sent"], second["here"], second["failed"], second["gallery"]["made"]) == (1, 7, [], False)
    assert {image["sha256"] for image in client.images("Mixed")} == hashes | more
    galleries = [each for each in client.run("ls")["items"] if each["title"] == "Mixed"]
    assert [(each["retention"], each["image_count"]) for each in galleries] == [("1d", 7)]
    assert len(client.run("ls", "Mixed")["items"]) == 7


def test_a_push_that_was_killed_goes_on_without_a_second_copy(client: Client) -> None:
    hashes = fill(client.home / "many", 40, size=(1200, 900))
    for enough in (3, 12):
        client.kill_when(
            lambda enough=enough: len(client.images("Killed")) >= enough,  # type: ignore[misc]
            "push", "many", "--gallery", "Killed", "--jobs", "2",
        )  # fmt: skip
    last = client.run("push", "many", "--gallery", "Killed")
    assert last["sent"] + last["here"] == 40
    assert last["here"] >= 12
    images = client.images("Killed")
    assert len(images) == 40
    assert {image["sha256"] for image in images} == hashes


REVOKE = """
    CREATE TRIGGER revoke AFTER UPDATE ON galleries_image WHEN (
        SELECT count(*) FROM galleries_image i JOIN galleries_gallery g ON g.id = i.gallery_id
        WHERE g.title = 'Revoked' AND i.state = 'ready'
    ) >= 3 BEGIN
        UPDATE galleries_apitoken SET revoked_at = CURRENT_TIMESTAMP
        WHERE id = (SELECT max(id) FROM galleries_apitoken);
    END
"""


def test_a_token_that_is_revoked_ends_a_push(client: Client, site: LiveSite) -> None:
    """What was sent stays; the rest is not tried one by one. The database revokes it with the third photo."""
    fill(client.home / "many", 40, start=700)
    token = site.token("alice")
    with closing(sqlite3.connect(site.database, timeout=DEADLINE)) as database:
        database.execute(REVOKE)
        told = client.run("push", "many", "--gallery", "Revoked", "--jobs", "2", GALLERY_TOKEN=token, expect=1)
        database.execute("DROP TRIGGER revoke")
    codes = Counter(each["code"] for each in told["failed"])
    assert set(codes) == {"unauthorized", "stopped"}, codes
    assert codes["unauthorized"] <= 2  # those that were on their way
    assert told["sent"] == len(client.images("Revoked")) == 40 - codes.total()


def test_pull_fetches_checks_and_goes_on(client: Client) -> None:
    fill(client.home / "big", 12, size=(1600, 1200))
    client.run("push", "big", "--gallery", "Pulled", "--jobs", "2")
    images = {image["filename"]: image for image in client.images("Pulled")}
    there = client.home / "there"
    # Killed as soon as its folder is there: in the middle of the first files, or before.
    client.kill_when(there.exists, "pull", "Pulled", "there", "--jobs", "1")
    # A file of somebody else's has one name; another was cut in its middle; the third holds nonsense of the right size.
    (there / "005.jpg").unlink(missing_ok=True)
    (there / "005.jpg").write_bytes(b"mine")
    cut, wrong = images["007.jpg"], images["008.jpg"]
    for image, content in ((cut, (client.home / "big/007.jpg").read_bytes()[:500]), (wrong, bytes(wrong["bytes"]))):
        (there / image["filename"]).unlink(missing_ok=True)
        (there / f".{image['id']}.part").write_bytes(content)
    done = client.run("pull", "Pulled", "there")
    assert done["fetched"] + done["here"] == 12
    assert (there / "005.jpg").read_bytes() == b"mine"
    assert {hash_of(path) for path in there.iterdir() if path.name != "005.jpg"} == {
        image["stored_sha256"] for image in images.values()
    }
    assert len(list(there.iterdir())) == 13  # nothing unfinished is left
    again = client.run("pull", "Pulled", "there")
    assert (again["fetched"], again["here"]) == (0, 12)


def test_a_later_photo_of_the_same_name_moves_no_file(client: Client) -> None:
    for seed in (400, 401):
        fill(client.home / f"n{seed}", 1, start=seed)
        (client.home / f"n{seed}" / f"{seed}.jpg").rename(client.home / f"n{seed}" / "same.jpg")
        client.run("push", f"n{seed}", "--gallery", "Names")
        done = client.run("pull", "Names", "there")
        assert done["fetched"] == 1, done
    first = next(each for each in client.images("Names") if each["sha256"] == hash_of(client.home / "n400/same.jpg"))
    assert hash_of(client.home / "there" / "same.jpg") == first["stored_sha256"]
    assert len(list((client.home / "there").iterdir())) == 2


def test_two_pulls_at_once_share_the_work(client: Client) -> None:
    fill(client.home / "both", 10, size=(1600, 1200), start=500)
    client.run("push", "both", "--gallery", "Both")
    command = client.command("pull", "Both", "there", "--json", "--quiet")
    pulls = [
        subprocess.Popen(command, env=client.environment, cwd=client.home, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [json.loads(pull.communicate(timeout=DEADLINE)[0]) for pull in pulls]
    assert [pull.returncode for pull in pulls] == [0, 0]
    assert sum(each["fetched"] for each in told) == 10
    assert [each["fetched"] + each["here"] for each in told] == [10, 10]
    assert {hash_of(path) for path in (client.home / "there").iterdir()} == {
        each["stored_sha256"] for each in client.images("Both")
    }
    assert len(list((client.home / "there").iterdir())) == 10


def test_another_quality_is_not_told_as_the_same(client: Client) -> None:
    """A browser has sent something lighter that it made from the file."""
    [original] = fill(client.home / "one", 1, start=600)
    client.run("push", "one", "--gallery", "Quality")
    [stored] = client.images("Quality")
    client.site.call("DELETE", f"/images/{stored['id']}")
    lighter = client.home / "lighter.jpg"
    lighter.write_bytes(jpeg(601))
    photo = Photo(lighter, lighter.name, lighter.stat().st_size)
    body = Multipart(photo, hash_of(lighter), {"source_sha256": original}, lambda _: None)
    headers = {"Content-Type": body.content_type, "Content-Length": str(body.length)}
    client.site.call("POST", f"/galleries/{stored['gallery_id']}/images", headers, body)
    told = client.run("push", "one", "--gallery", "Quality")
    assert (told["sent"], told["here"], told["lighter"]) == (0, 0, 1)
    told = client.run("push", "one", "--gallery", "Quality", "--originals")
    assert (told["sent"], told["here"], told["lighter"]) == (1, 0, 0)
    assert len(client.images("Quality")) == 2
    assert client.run("push", "one", "--gallery", "Quality")["here"] == 1


def test_a_name_never_leads_out_of_the_folder_or_over_a_link(client: Client) -> None:
    fill(client.home / "two", 2, start=200)
    client.run("push", "two", "--gallery", "Links")
    image = client.images("Links")[0]
    target = client.home / "victim"
    target.write_text("untouched")
    there = client.home / "there"
    there.mkdir()
    (there / image["filename"]).symlink_to(target)
    (there / f".{image['id']}.part").symlink_to(target)
    done = client.run("pull", "Links", "there", "--jobs", "1", expect=1)
    assert [each["code"] for each in done["failed"]] == ["unwritable"]
    assert done["fetched"] == 1  # it stops no other
    assert target.read_text() == "untouched"


def test_a_program_may_send_in_chunks(client: Client, token: str, site: LiveSite) -> None:
    """JSON and a photo whose length nobody told, over one connection; what is no chunk ends it."""
    whole = {"Authorization": f"Bearer {token}", "Transfer-Encoding": "chunked"}
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=DEADLINE)) as line:

        def send(path: str, parts: list[bytes], headers: dict[str, str], *, encode: bool = True) -> tuple[int, Any]:
            line.request("POST", f"/api/v1{path}", iter(parts), whole | headers, encode_chunked=encode)
            with line.getresponse() as response:
                return response.status, json.loads(response.read())

        status, gallery = send("/galleries", [b'{"ti', b'tle": "In pieces"}'], {"Content-Type": "application/json"})
        assert (status, gallery["title"]) == (201, "In pieces")
        path, photo = f"/galleries/{gallery['id']}/images", jpeg(800)
        status, image = send(path, [head, photo[:500], photo[500:], b"\r\n--x--\r\n"], kind)
        assert (status, image["sha256"]) == (201, hashlib.sha256(photo).hexdigest())
        status, problem = send(path, [b"zz\r\n", head], kind, encode=False)
        assert (status, problem["code"]) == (400, "malformed")
    assert len(client.images("In pieces")) == 1


BROKEN = {
    "no request": (b"hello\r\n\r\n", 400),
    "a method of no alphabet": (b"ge{t /api/v1/me HTTP/1.1\r\n\r\n", 400),
    "a length that is none": (b"POST /api/v1/galleries HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "an endless address": (b"GET /api/v1/me?%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 5_000), 414),
    "an endless header": (b"GET /api/v1/me HTTP/1.1\r\nX: %s\r\n\r\n" % (b"a" * 9_000), 431),
    "a foreign expectation": (b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n", 417),
    "a foreign coding": (b"POST /api/v1/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br\r\n\r\n", 501),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_never_became_a_request_has_a_code_too(site: LiveSite, name: str) -> None:
    sent, status = BROKEN[name]
    with socket.create_connection(("127.0.0.1", site.port), timeout=DEADLINE) as line:
        line.sendall(sent)
        response = HTTPResponse(line)
        response.begin()
        assert (response.status, response.getheader("Content-Type")) == (status, "application/problem+json")
        problem = json.loads(response.read())
        assert (problem["status"], problem["code"]) == (status, "malformed")


def test_share_prints_an_address_that_opens_the_gallery(client: Client) -> None:
    fill(client.home / "shared", 2, start=300)
    client.run("push", "shared", "--gallery", "Shared")

    def status(address: str) -> int:
        try:
            with urlopen(address, timeout=30) as answer:  # noqa: S310 (loopback)
                return int(answer.status)
        except HTTPError as error:
            error.close()
            return error.code

    plain = client.run("share", "Shared", "--for", "12h", "--name", "Family")
    assert (plain["kind"], plain["name"], plain["has_passcode"]) == ("download", "Family", False)
    assert status(plain["address"]) == 200
    locked = client.run("share", "Shared", "--look-only", "--passcode", GALLERY_PASSCODE="open sesame")
    assert (locked["kind"], locked["has_passcode"]) == ("look", True)
    assert status(locked["address"]) == 403
    assert client.run("share", "Shared", "--for", "soon", expect=2)["error"]["code"] == "wrong_use"
    assert client.run("share", "Shared", "--passcode", expect=2)["error"]["code"] == "wrong_use"
    assert client.run("share", "Nothing", expect=1)["error"]["code"] == "not_found"


def test_what_cannot_be_done_is_told_with_its_code(client: Client) -> None:
    assert client.run("pull", "No such", "x", expect=1)["error"]["code"] == "not_found"
    assert client.run("ls", GALLERY_TOKEN="igal_wrong", expect=1)["error"]["code"] == "unauthorized"
    assert client.run("push", "nowhere", "--gallery", "x", expect=2)["error"]["code"] == "wrong_use"
    assert client.run("ls", "--url", "nonsense", expect=2)["error"]["code"] == "wrong_use"
