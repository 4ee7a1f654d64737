"""Uploads through nginx to a site on PostgreSQL: at the limit, many at once, and while something ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.faults.ledger import Uploader
from tests.faults.site import picture, wait_until
from tests.faults.web import Answer, Lost, ask, form_data
from tests.server.nginx import Nginx
from tests.server.raw import connect, status
from tests.server.site import ServerSite

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]

MIB = 1024 * 1024
SENDERS = 6


def padded(number: int, size: int) -> bytes:
    """A JPEG of exactly ``size`` bytes, by comments after its first marker."""
    small = picture(number)
    missing = size - len(small)
    pads = []
    while missing:
        length = min(missing, 65_000)
        if 0 < missing - length < 4:
            length -= 4
        pads.append(b"\xff\xfe" + (length - 2).to_bytes(2, "big") + b"x" * (length - 4))
        missing -= length
    return small[:2] + b"".join(pads) + small[2:]


def patient_get(alice: Uploader, path: str) -> Answer:
    """Asked again, as any program does, while a node that has just died is found out."""
    for _ in range(20):
        answer = alice.call("GET", path)
        if answer.status != 503:
            break
        time.sleep(0.2)
    return answer


def kept(alice: Uploader, gallery: str) -> None:
    """Every promise is there once, and nothing else is."""
    listed: list[str] = []
    cursor = ""
    while True:
        page = patient_get(alice, f"/galleries/{gallery}/images?limit=200{cursor}").json
        listed += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(listed) == len(set(listed))
    assert set(listed) == {promise.id for promise in alice.ledger if promise.gallery == gallery}


def test_upload_at_the_limit_and_above(alice: Uploader, nginx: Nginx) -> None:
    gallery = alice.make_gallery()
    at_limit = padded(1, 64 * MIB)
    assert len(at_limit) == 64 * MIB
    assert alice.upload(gallery, at_limit).status == 201
    above = alice.upload(gallery, at_limit + b"x")  # the site's refusal
    assert (above.status, above.json["code"]) == (413, "file_too_large")
    assert "retry-after" not in above.headers
    far_above = alice.upload(gallery, at_limit + b"x" * MIB * 2)  # nginx's
    assert (far_above.status, far_above.json["code"]) == (413, "file_too_large")
    kept(alice, gallery)


def test_a_hundred_at_once_are_all_kept(alice: Uploader) -> None:
    gallery = alice.make_gallery()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda number: alice.upload(gallery, picture(1_000 + number)), range(100)))
    assert {answer.status for answer in answers} == {201}
    kept(alice, gallery)


@contextmanager
def senders(alice: Uploader, gallery: str, first: int) -> Iterator[Callable[[], int]]:
    """Programs that upload on and on while the block runs, and ask again, with the same key, until each is answered.
    Gives how many were acknowledged so far; what was refused for good fails the test."""
    over = threading.Event()
    numbers = iter(range(first, first + 100_000))
    refused: list[Answer] = []

    def run() -> None:
        while not over.is_set():
            number = next(numbers)
            for _ in range(400):
                try:
                    answer = alice.upload(gallery, picture(number), key=f"key-{number}")
                except Lost:
                    time.sleep(0.1)
                    continue
                if answer.status in {200, 201}:
                    break
                if answer.status not in {409, 429, 503}:
                    refused.append(answer)
                    break
                time.sleep(0.1)
            else:
                refused.append(answer)

    threads = [threading.Thread(target=run) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: len(alice.ledger)
    finally:
        over.set()
        for thread in threads:
            thread.join(120)
    assert not refused, refused[:3]


def go_on(count: Callable[[], int], more: int = 10) -> None:
    """Wait until so many more were acknowledged."""
    wanted = count() + more
    wait_until(lambda: count() >= wanted, "uploads stand still", 60)


def test_new_workers_and_new_configuration_lose_no_upload(alice: Uploader, nginx: Nginx, site: ServerSite) -> None:
    """gunicorn's HUP and nginx's: nobody even has to ask again."""
    gallery = alice.make_gallery()
    slow_body, content_type = form_data({}, picture(9_000))
    head = f"POST /api/v1/galleries/{gallery}/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {alice.token}\r\nContent-Type: {content_type}\r\n"
    head += f"Content-Length: {len(slow_body)}\r\n\r\n"
    with connect(nginx.port) as line, senders(alice, gallery, 10_000) as count:
        line.sendall(head.encode() + slow_body[:200])  # still on its way while everything is exchanged
        go_on(count)
        workers = site.workers()
        site.reload()
        nginx.reload()
        wait_until(lambda: not set(workers) & set(site.workers()), "the old workers stay", 60)
        go_on(count)
        line.sendall(slow_body[200:])
        assert status(line.recv(65536)) == 201
    answers = {promise.id for promise in alice.ledger if promise.gallery == gallery}
    listed = alice.call("GET", f"/galleries/{gallery}").json["image_count"]
    assert listed == len(answers) + 1  # the slow one is in no ledger


def test_kill_of_worker_and_of_nginx_loses_nothing(alice: Uploader, nginx: Nginx, site: ServerSite) -> None:
    gallery = alice.make_gallery()
    with senders(alice, gallery, 20_000) as count:
        go_on(count)
        for worker in site.workers():
            os.kill(worker, signal.SIGKILL)
        go_on(count)
        nginx.kill()
        nginx.start()
        go_on(count)
    kept(alice, gallery)
    for promise in list(alice.ledger)[-5:]:
        assert ask(f"{nginx.address}{promise.addresses[1]}").status == 200


def test_waiting_room_stays_open_while_the_site_starts_anew(alice: Uploader, site: ServerSite) -> None:
    """The socket is systemd's: who knocks between stop and start is answered after it."""
    site.stop()
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(alice.call("GET", "/galleries")))
    thread.start()
    try:
        site.start()
    finally:
        thread.join(60)
    assert [answer.status for answer in answers] == [200]
