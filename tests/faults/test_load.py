"""Many at once, workers that end, clients that go away: nothing is lost, nothing is doubled, nothing stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.ledger import Uploader
from tests.faults.site import FaultSite, heavy_picture, picture, wait_until
from tests.faults.snapshot import read_snapshot
from tests.faults.web import Answer, Lost, form_data

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
PATIENCE = 90.0  # seconds for all threads of a test
# Connections, and how many seconds each end may be waited for: a fourth of what they take one after the other.
MANY_OPEN, WELL_BEHAVED = 40, 20.0


def together(acts: list[Callable[[], Answer]]) -> list[Answer]:
    """What each act is answered, all begun at the same moment. An act that loses its answer fails the test."""
    answers: list[Answer | None] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(place: int, act: Callable[[], Answer]) -> None:
        barrier.wait(30)
        answers[place] = act()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    given = [answer for answer in answers if answer is not None]
    assert len(given) == len(acts), f"{len(acts) - len(given)} got no answer"
    return given


class Meanwhile:
    """Asks for a page again and again while others work; ``waits`` in seconds."""

    def __init__(self, alice: Uploader, gallery: str) -> None:
        self.alice, self.gallery = alice, gallery
        self.over = threading.Event()
        self.waits: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.over.wait(0.1):
            begin = time.monotonic()
            self.statuses[self.alice.call("GET", f"/galleries/{self.gallery}/images").status] += 1
            self.waits.append(time.monotonic() - begin)

    def __enter__(self) -> Meanwhile:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join(30)


def test_a_hundred_uploads_at_once_are_all_kept(
    site: FaultSite, record_property: Callable[[str, object], None]
) -> None:
    alice = site.alice
    gallery = alice.make_gallery()
    bodies = [picture(number) for number in range(100)]
    with Meanwhile(alice, gallery) as page:
        answers = together([lambda body=body: alice.upload(gallery, body) for body in bodies])  # type: ignore[misc]
    assert Counter(answer.status for answer in answers) == {201: 100}
    assert set(page.statuses) == {200}
    record_property("page_seconds_median_and_worst", (statistics.median(page.waits), max(page.waits)))
    assert len(site.ledger) == 100
    site.check()
    assert list((site.data_dir / "incoming").iterdir()) == []


def test_the_same_upload_twenty_times_at_once_is_one_image(site: FaultSite) -> None:
    alice = site.alice
    gallery = alice.make_gallery()
    answers = together([lambda: alice.upload(gallery, picture(1), key="once")] * 20)
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len([row for row in read_snapshot(site.database, site.media).rows if row.state == "ready"]) == 1
    site.check()


def test_no_more_than_the_quota_is_taken_by_many_at_once(site: FaultSite) -> None:
    """Room for five of twenty that come together."""
    alice = site.alice
    gallery = alice.make_gallery()
    alice.upload(gallery, picture(100))
    site.execute("UPDATE galleries_usage SET max_images = 6")
    answers = together([lambda number=number: alice.upload(gallery, picture(number)) for number in range(20)])  # type: ignore[misc]
    assert Counter(answer.status for answer in answers) == {201: 5, 403: 15}
    site.check()


def _again_until_answered(alice: Uploader, gallery: str, body: bytes) -> Answer:
    """A client that retries what got no answer, as ours does."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = alice.upload(gallery, body)
        except Lost:
            assert time.monotonic() < deadline
            time.sleep(0.2)
            continue
        if answer.status != 503:
            return answer
        time.sleep(0.2)


@pytest.mark.parametrize("how", ["killed", "reloaded"])
def test_a_worker_that_ends_during_uploads_loses_nothing(site: FaultSite, how: str) -> None:
    """Twenty uploads in four rows; the worker ends when the first of them were acknowledged."""
    alice = site.alice
    gallery = alice.make_gallery()
    bodies = [picture(number, (1600, 1200)) for number in range(20)]
    statuses: list[int] = []
    process = site.process
    assert process is not None

    def row(mine: list[bytes]) -> None:
        for body in mine:
            statuses.append(_again_until_answered(alice, gallery, body).status)

    threads = [threading.Thread(target=row, args=(bodies[place::4],), daemon=True) for place in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(statuses) >= 3, "nothing is acknowledged")
    before = site.workers()
    if how == "killed":
        for worker in before:
            os.kill(worker, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGHUP)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a client waits for ever"
    wait_until(lambda: set(site.workers()) - set(before), "there is no new worker")
    assert set(statuses) <= {200, 201}
    assert len(statuses) == len(site.ledger) == 20
    site.check()
    if how == "killed":
        site.pass_time(timedelta(hours=2))
    site.settle()
    assert Counter(row.state for row in read_snapshot(site.database, site.media).rows) == {"ready": 20}
    site.check()


# --- clients that go away ---------------------------------------------------------------------------------------------


def _request(site: FaultSite, line: str, headers: dict[str, str]) -> bytes:
    lines = [line, f"Host: 127.0.0.1:{site.port}", f"Authorization: Bearer {site.tokens[0]}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_client_that_goes_in_the_middle_of_an_upload_leaves_nothing(
    many_visits: FaultSite, share: float, how: str
) -> None:
    site = many_visits
    alice = site.alice
    gallery = alice.make_gallery()
    body, content_type = form_data({}, heavy_picture(1))
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(_request(site, f"POST /api/v1/galleries/{gallery}/images HTTP/1.1", headers))
        client.sendall(body[: int(len(body) * share)])
        if how == "resets":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: _incoming(site) == [], "a temporary file stays")
    assert [row for row in read_snapshot(site.database, site.media).rows if row.gallery == gallery] == []
    assert alice.call("GET", f"/galleries/{gallery}").json["image_count"] == 0


@pytest.fixture(scope="module")
def many_visits(pattern: FaultSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultSite]:
    """One running site for clients that come and go; each test makes a gallery of its own."""
    site = pattern.copy_to(tmp_path_factory.mktemp("visits") / "site")
    try:
        site.start()
        yield site
        site.check()
    finally:
        site.kill()


def _incoming(site: FaultSite) -> list[Path]:
    return list((site.data_dir / "incoming").glob("*"))


def test_a_client_that_never_reads_its_answer_has_uploaded(many_visits: FaultSite) -> None:
    site = many_visits
    alice = site.alice
    gallery = alice.make_gallery()
    body, content_type = form_data({}, picture(7))
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(_request(site, f"POST /api/v1/galleries/{gallery}/images HTTP/1.1", headers) + body)
    wait_until(lambda: alice.call("GET", f"/galleries/{gallery}").json["image_count"] == 1, "it is not there")
    assert alice.upload(gallery, picture(7)).status == 200
    assert _incoming(site) == []


def test_a_client_that_goes_in_the_middle_of_a_zip_gives_its_place_back(many_visits: FaultSite) -> None:
    """A person reads two zips at once: five that are left half-read would bar the sixth."""
    site = many_visits
    alice = site.alice
    gallery = alice.make_gallery()
    image = alice.upload(gallery, heavy_picture(2)).json["id"]
    site.clone(image, 4)
    path = f"/api/v1/galleries/{gallery}/zip"
    [worker] = site.workers()
    for share in (0.0, 0.01, 0.1, 0.5, 0.5):
        with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
            client.sendall(_request(site, f"GET {path} HTTP/1.1", {}))
            wanted = int(share * 12_000_000) or 1
            got = client.recv(1)
            while len(got) < wanted and (more := client.recv(min(65536, wanted - len(got)))):
                got += more
        assert got.startswith(b"H")
        wait_until(lambda: alice.call("GET", f"/galleries/{gallery}/zip").status == 200, "the place is not given back")
    open_files = [os.readlink(link) for link in Path(f"/proc/{worker}/fd").iterdir() if os.path.lexists(link)]
    assert [name for name in open_files if "/media/" in name] == []


# --- many due at once -------------------------------------------------------------------------------------------------


def test_fifteen_hundred_due_at_once_follow_the_mass_rule(still_site: FaultSite) -> None:
    """Held at the first visit and at one too early; gone at the second, an hour later by both clocks."""
    site = still_site
    site.start()
    alice = site.alice
    due = alice.upload(alice.make_gallery(retention="1h"), picture(1)).json["id"]
    alice.upload(alice.make_gallery("Kept"), picture(2))
    site.kill()
    site.clone(due, 1_499)
    site.pass_time(DAY + timedelta(hours=2))

    def sweep() -> tuple[int, int, int]:
        said = site.sweep()
        report = json.loads(said.stdout)
        return said.returncode, report["deleted"], report["held"]

    assert sweep() == (1, 0, 1_500)
    assert sweep() == (1, 0, 1_500)
    site.execute("UPDATE galleries_sweephold SET first_seen_at = datetime(first_seen_at, '-2 hours')")
    assert sweep() == (1, 0, 1_500), "the clock jumped: the hour begins again"
    back = "first_seen_at = datetime(first_seen_at, '-3601 seconds'), uptime = uptime - 3601"
    site.execute(f"UPDATE galleries_sweephold SET {back}")  # noqa: S608
    assert sweep() == (0, 1_500, 0)
    site.check(http=False)
    site.settle()
    assert len(read_snapshot(site.database, site.media).receipts) == 1_500
    site.check(http=False)


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"200"), (b"nonsense\r\n\r\n", b"400")],
    ids=["answered", "refused"],
)
def test_who_does_not_close_a_connection_that_is_over_holds_nobody_up(
    site: FaultSite, sent: bytes, status: bytes
) -> None:
    """gunicorn's own worker waits two seconds for each of them, and accepts nobody meanwhile."""
    workers = site.workers()
    lines = [socket.create_connection(("127.0.0.1", site.port), timeout=WELL_BEHAVED) for _ in range(MANY_OPEN)]
    try:
        for line in lines:
            line.sendall(sent)
        for line in lines:
            assert line.recv(65_536).split()[1] == status
            while line.recv(65_536):  # until the site has closed its side
                pass
        assert site.alice.call("GET", "/galleries").status == 200
        wait_until(lambda: _connections(site.port) == 0, "what is over stays open")
        assert site.workers() == workers
    finally:
        for line in lines:
            line.close()


def _connections(port: int) -> int:
    """Those that a process holds at this end, the listening one apart (proc(5), net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] != "0A" and row[9] != "0" for row in rows)
