"""One real server: what nginx's check of a pass costs, how often Python is asked, pages and uploads on PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from bench.client import Client
from bench.context import PERSON, Bench, alternate
from bench.photo import multipart, numbered
from bench.server import DirectClient, Pipeline, Server, close_all, running_server
from bench.site import MIB
from bench.table import Row, Wanted
from tests.faults.site import picture
from tests.faults.web import form_data
from tests.server.person import Person
from tests.server.raw import connect
from tests.server.test_uploads import padded

MILLI, MICRO = 1000, 1_000_000
CLIENTS = 4
KNOWN = "HIT"  # what nginx's log says of a pass that it has asked about
CONNECTIONS = 2
OF_A_BROWSER = 6  # connections to one host, over HTTP/1.1
LARGE = 60 * MIB
SLOW_CLIENTS = 200


def measure(bench: Bench) -> Iterator[Row]:
    """All of them on one server."""
    with running_server(bench.scratch / "server") as server:
        gallery = _gallery(server, 60)
        yield from _thumbnails(bench, server, gallery)
        yield from _originals(bench, server)
        yield from _pages(bench, server, gallery)
        yield from _beside_slow_clients(bench, server, gallery)
        yield from _uploads(bench, server)


def _gallery(server: Server, photos: int) -> str:
    with Client(server.nginx.address, server.authorization) as client:
        body = json.dumps({"title": "Iceland 2026", "retention": "7d"}).encode()
        made = client.send("POST", "/api/v1/galleries", body, {"Content-Type": "application/json"})
        gallery: str = json.loads(made.body)["id"]
        for number in range(photos):
            client.send("POST", f"/api/v1/galleries/{gallery}/images", *multipart("p.jpg", picture(number, (400, 300))))
    return gallery


def _thumbnails(bench: Bench, server: Server, gallery: str) -> Iterator[Row]:
    with Client(server.nginx.address, server.authorization) as client:
        items = json.loads(client.get(f"/api/v1/galleries/{gallery}/images?limit=60").body)["items"]
        checked: str = items[0]["renditions"]["thumbnail"]["url"]
        (server.site.data_dir / "static" / "bench.webp").write_bytes(client.get(checked).body)
    requests = bench.scaled(900, 300)  # of one connection; nginx closes it after 1,000
    cpu, rates = alternate(
        bench.repeats,
        lambda: _cost(server, checked, requests),
        lambda: _cost(server, "/static/bench.webp", requests),
    )
    ours, limit = [one[0] * MICRO for one in cpu], [one[0] * MICRO for one in rates]
    yield Row("thumbnail by nginx, checked, CPU", "us", ours, limit, "static file, same nginx", Wanted(2, of="ratio"))
    ours, limit = [one[1] for one in cpu], [one[1] for one in rates]
    name = f"thumbnails by nginx, checked, {CONNECTIONS} connections"
    yield Row(name, "/s", ours, limit, "static file, same nginx", Wanted(20_000, "high"))
    yield Row(
        "questions to Python for 60 thumbnails, pass and minute", "", [_questions(server, items)], wanted=Wanted(1)
    )


def _cost(server: Server, path: str, requests: int) -> tuple[float, float]:
    """CPU seconds of nginx for each request, and requests a second."""
    pipelines = [Pipeline(server.nginx, path) for _ in range(CONNECTIONS)]
    try:
        cpu, begin = server.nginx_cpu(), time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda pipeline: pipeline.ask(requests), pipelines))
        seconds = time.perf_counter() - begin
        return (server.nginx_cpu() - cpu) / (requests * CONNECTIONS), requests * CONNECTIONS / seconds
    finally:
        close_all(pipelines)


def _questions(server: Server, items: list[dict[str, dict[str, dict[str, str]]]]) -> int:
    """How often nginx asks when it knows nothing and a page's pictures are fetched twice, as a browser does at once."""
    server.nginx.forget_passes()
    before = server.nginx.lines()

    def fetch(share: list[dict[str, dict[str, dict[str, str]]]]) -> None:
        with Client(server.nginx.address) as client:
            for item in share:
                client.get(item["renditions"]["thumbnail"]["url"])

    with ThreadPoolExecutor(OF_A_BROWSER) as pool:
        list(pool.map(fetch, [(items * 2)[first::OF_A_BROWSER] for first in range(OF_A_BROWSER)]))
    while server.nginx.lines() < before + 2 * len(items):  # a line is written when its answer has gone
        time.sleep(0.05)
    lines = [json.loads(line) for line in server.nginx.log.splitlines()[before:]]
    return sum(line["path"].startswith("/media/") and line["pass"] != KNOWN for line in lines)


def _originals(bench: Bench, server: Server) -> Iterator[Row]:
    gallery = _gallery(server, 0)
    with Client(server.nginx.address, server.authorization) as client:
        body, kind = form_data({"metadata": "keep"}, padded(1, LARGE))
        stored = client.send("POST", f"/api/v1/galleries/{gallery}/images", body, {"Content-Type": kind})
        image = json.loads(stored.body)["id"]
        client.connection.request("GET", f"/api/v1/images/{image}/original", headers=server.authorization)
        with client.connection.getresponse() as answer:
            answer.read()
            address = answer.headers["Location"].removeprefix(server.nginx.address)

    def rate() -> float:
        pipeline = Pipeline(server.nginx, address)
        try:
            begin = time.perf_counter()
            pipeline.ask(10, at_once=1)
            return 10 * pipeline.size / (time.perf_counter() - begin) / 1e9
        finally:
            pipeline.close()

    [rates] = alternate(bench.repeats, rate)
    yield Row("originals by nginx, one connection", "GB/s", rates, wanted=Wanted(1, "high"))


def _pages(bench: Bench, server: Server, gallery: str) -> Iterator[Row]:
    person = Person(server.nginx.address)
    person.sign_in("alice")
    browser = {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    packing = browser | {"Accept-Encoding": "gzip"}  # which nginx does then; http.client asks for nothing packed
    requests = bench.scaled(40, 15)
    visitors = iter(f"198.51.{high}.{low}" for high in range(250) for low in range(250))

    def cost(client: Client, cpu: Callable[[], float], headers: dict[str, str]) -> float:
        before = cpu()
        for _ in range(requests):
            # Another visitor each time: nginx lets one address ask twenty times a second.
            client.send("GET", f"/g/{gallery}/", headers=headers | {"X-Forwarded-For": next(visitors)})
        return (cpu() - before) / requests * MILLI

    with Client(server.nginx.address) as behind, DirectClient(server.site.socket_path) as direct:
        ours, packed, alone = alternate(
            bench.repeats,
            lambda: cost(behind, lambda: server.site_cpu() + server.nginx_cpu(), browser),
            lambda: cost(behind, lambda: server.site_cpu() + server.nginx_cpu(), packing),
            lambda: cost(direct, server.site_cpu, browser),
        )
    yield Row("page of 60 by nginx and gunicorn, CPU", "ms", ours, alone, "gunicorn alone", Wanted(1.1, of="ratio"))
    yield Row("page of 60 by nginx and gunicorn, packed, CPU", "ms", packed, alone, "gunicorn alone, not packed")


def _beside_slow_clients(bench: Bench, server: Server, gallery: str) -> Iterator[Row]:
    """The slowest of some requests while others, each from an address of its own, have begun one and go no further."""
    token = f"Authorization: {server.authorization['Authorization']}\r\nContent-Length: 60000000\r\n\r\nbegin"
    begun = {
        "heads": "GET / HTTP/1.1\r\nHost: localhost\r\n",
        "bodies": f"POST /api/v1/galleries/{gallery}/images HTTP/1.1\r\nHost: localhost\r\n{token}",
    }
    for name, text in begun.items():
        with ExitStack() as stack, Client(server.nginx.address) as client:
            for number in range(SLOW_CLIENTS):
                line, rest = text.split("\r\n", 1)
                slow = stack.enter_context(connect(server.nginx.port))
                slow.sendall(f"{line}\r\nX-Forwarded-For: 198.51.100.{number}\r\n{rest}".encode())
            slowest = max(client.get("/").seconds for _ in range(bench.scaled(20, 5)))
        yield Row(f"a page beside {SLOW_CLIENTS} slow {name}, the slowest", "s", [slowest], wanted=Wanted(1))


def _uploads(bench: Bench, server: Server) -> Iterator[Row]:
    """On PostgreSQL, beside the same site on SQLite; both wait for the disk before they acknowledge."""
    site = bench.site("server-sqlite", environment={"GALLERY_THREADS": "32"})
    there = site.inside("bench.filling:new_gallery", person=PERSON)
    token = {"Authorization": f"Bearer {site.token(PERSON)}"}
    here = _gallery(server, 0)
    each = bench.scaled(100, 16)
    numbers = iter(range(10_000_000))

    def rate(connect: Callable[[], Client], path: str) -> float:
        def share(count: int) -> None:
            with connect() as client:
                for _ in range(count):
                    client.send("POST", path, *multipart("photo.jpg", numbered(next(numbers))))

        begin = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(share, [each // CLIENTS] * CLIENTS))
        return each // CLIENTS * CLIENTS / (time.perf_counter() - begin)

    postgres, sqlite = alternate(
        bench.repeats,
        lambda: rate(
            lambda: DirectClient(server.site.socket_path, server.authorization), f"/api/v1/galleries/{here}/images"
        ),
        lambda: rate(lambda: Client(site.address, token), f"/api/v1/galleries/{there}/images"),
    )
    name = f"uploads a second on PostgreSQL, {CLIENTS} clients"
    yield Row(name, "/s", postgres, sqlite, "the same on SQLite", Wanted(1, "high", "ratio"))
