"""Every shared photo, the dangerous ones too, through the real server with little memory: the outcome, the time, the
bytes served."""

from __future__ import annotations

import http.client
import json
import resource
import statistics
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveSite
from tests.photos import path, records

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hostile")]  # one site

MEMORY = 1 << 30  # bytes that the web process may allocate; the children of the decoder have a limit of their own
SLOWEST = 25.0  # seconds for one file
AT_ONCE = 1.0  # second in which others are answered meanwhile, at least each second time: the cores are shared here
BOMBS = 20
OUTCOMES = {
    "unsupported_format": "reject: unsupported",
    "corrupt_image": "reject: corrupt",
    "empty_file": "reject: corrupt",
    "too_many_pixels": "reject: too large",
    "file_too_large": "reject: too large",
}


@dataclass(frozen=True)
class Answer:
    """What the server said to one request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]


class Api:
    """A connection to the site's API as a program makes it."""

    def __init__(self, site: LiveSite, token: str) -> None:
        self.site, self.token = site, token

    def ask(self, method: str, address: str, body: bytes = b"", content_type: str = "application/json") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        connection.request(method, address, body or None, headers)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def upload(self, gallery: str, file: Path, name: str) -> Answer:
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = head + file.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        return self.ask(
            "POST", f"/api/v1/galleries/{gallery}/images", body, f"multipart/form-data; boundary={boundary}"
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    live = LiveSite(tmp_path_factory.mktemp("hostile"))
    live.set_up()
    live.start()
    live.add_person("alice")
    yield live
    live.stop()


@pytest.fixture(scope="module")
def api(site: LiveSite) -> Api:
    return Api(site, site.token("alice"))


def new_gallery(api: Api, title: str) -> str:
    made = api.ask("POST", "/api/v1/galleries", json.dumps({"title": title, "retention": "1d"}).encode())
    return str(made.json["id"])


def test_every_shared_photo_gets_an_acceptable_outcome(
    site: LiveSite, api: Api, record_property: Callable[[str, object], None]
) -> None:
    gallery = new_gallery(api, "All")
    limit_memory(site)
    with others(api, gallery) as waits, ThreadPoolExecutor(2) as pool:
        wrong = [each for found in pool.map(lambda record: judge(api, gallery, record), records()) for each in found]
    record_property("others_seconds_median_and_worst", (statistics.median(waits), max(waits)))
    assert wrong == []
    assert statistics.median(waits) < AT_ONCE
    assert site.answers()


def test_twenty_bombs_at_once_are_refused_and_others_are_answered(
    site: LiveSite, api: Api, record_property: Callable[[str, object], None]
) -> None:
    """Each takes all the memory and time that it may; two are opened at once, the others wait or are told to."""
    gallery = new_gallery(api, "Bombs")
    limit_memory(site)
    before = workers(site)
    dangerous = [record for record in records() if record["dangerous"]]
    bombs = (dangerous * 2)[:BOMBS]
    with others(api, gallery) as waits, ThreadPoolExecutor(BOMBS) as pool:
        wrong = [each for found in pool.map(lambda bomb: judge(api, gallery, bomb, busy=True), bombs) for each in found]
    record_property("others_seconds_median_and_worst", (statistics.median(waits), max(waits)))
    assert wrong == []
    assert statistics.median(waits) < AT_ONCE
    assert workers(site) == before, "a process of the site had to be replaced"
    good = next(record for record in records() if record["expected"] == "accept")
    assert judge(api, gallery, good) == [], "and a good photo is taken as before"


@contextmanager
def others(api: Api, gallery: str) -> Iterator[list[float]]:
    """Somebody asks for a gallery again and again meanwhile, and is answered each time; in how many seconds."""
    over, waits, statuses = threading.Event(), [0.0], Counter[int]()

    def ask_again() -> None:
        while not over.wait(0.1):
            begin = time.monotonic()
            statuses[api.ask("GET", f"/api/v1/galleries/{gallery}/images").status] += 1
            waits.append(time.monotonic() - begin)

    asking = threading.Thread(target=ask_again)
    asking.start()
    try:
        yield waits
    finally:
        over.set()
        asking.join(60)
    assert set(statuses) == {200}


def judge(api: Api, gallery: str, record: dict[str, Any], *, busy: bool = False) -> list[str]:
    """What is wrong with the outcome of one file; nothing when all is well. ``busy``: it may be told to come later."""
    name = record["name"]
    begin = time.monotonic()
    answer = api.upload(gallery, path(name), name.rsplit("/", 1)[-1].encode("ascii", "replace").decode())
    took = time.monotonic() - begin
    if busy and answer.status in {429, 503}:
        return [] if int(answer.headers["retry-after"]) > 0 else [f"{name}: no time to wait"]
    wrong = [] if took < SLOWEST or busy else [f"{name}: {took:.1f} s"]
    if answer.status in {200, 201}:
        if not any(outcome.startswith("accept") for outcome in record["acceptable"]):
            wrong.append(f"{name}: taken, but {record['acceptable']}")
        return wrong + look_for_leaks(api, record, answer.json)
    outcome = OUTCOMES.get(answer.json.get("code", ""), f"status {answer.status} {answer.body[:200]!r}")
    return wrong if outcome in record["acceptable"] else [*wrong, f"{name}: {outcome}, but {record['acceptable']}"]


def look_for_leaks(api: Api, record: dict[str, Any], image: dict[str, Any]) -> list[str]:
    """Private strings of the file in anything that is served of it, and wrong headers."""
    addresses = [image["original_url"], *(rendition["url"] for rendition in image["renditions"].values())]
    wrong = []
    for address in addresses:
        served = api.ask("GET", address)
        if served.status != 200 or not served.headers["content-type"].startswith("image/"):
            wrong.append(f"{record['name']}: {address} {served.status}")
        if served.headers.get("x-content-type-options") != "nosniff":
            wrong.append(f"{record['name']}: no nosniff")
        markers = [marker.encode() for marker in record.get("leak_markers", [])]
        for canary in record.get("canaries", []):
            markers += [canary.encode(), canary.encode("utf-16-le")]
        wrong += [f"{record['name']}: leaks {marker!r}" for marker in markers if marker in served.body]
    return wrong


def limit_memory(site: LiveSite) -> None:
    """From now on the web process has little memory (Linux)."""
    for worker in workers(site):
        resource.prlimit(worker, resource.RLIMIT_DATA, (MEMORY, MEMORY))


def workers(site: LiveSite) -> list[int]:
    """The web processes (Linux; elsewhere nobody says)."""
    assert site.process is not None
    children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children")
    if sys.platform != "linux" or not children.exists():
        return []
    return [int(child) for child in children.read_text().split()]
