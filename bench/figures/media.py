"""A thumbnail with its pass checked, beside the same bytes as a static file of the same server."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.client import Client, measure_gets, percentile
from bench.context import PERSON, Bench, alternate
from bench.photo import multipart, numbered
from bench.site import Site
from bench.table import Row, Wanted

MILLI = 1000
STATIC_NAME = "bench-thumbnail.webp"
LIMIT = "static file, same server"


def measure(bench: Bench) -> Iterator[Row]:
    """CPU and p99 of one of the requests of which a gallery makes sixty."""
    requests = bench.scaled(1_000, 300)
    site = bench.site("media")
    checked = _upload_one(site)
    static = _serve_static_copy(site, checked)
    with Client(site.address) as client:
        assert client.get(static).body == client.get(checked).body
        ours, limit = alternate(
            bench.repeats,
            lambda: measure_gets(site, client, checked, requests),
            lambda: measure_gets(site, client, static, requests),
        )
    cpu, least = [one.cpu * MILLI for one in ours], [one.cpu * MILLI for one in limit]
    yield Row("thumbnail with its pass checked, CPU", "ms", cpu, least, LIMIT, Wanted(0.4))
    slow, least_slow = (
        [percentile(one.seconds, 0.99) * MILLI for one in ours],
        [percentile(one.seconds, 0.99) * MILLI for one in limit],
    )
    yield Row("thumbnail with its pass checked, p99", "ms", slow, least_slow, LIMIT)


def _upload_one(site: Site) -> str:
    """The address of the thumbnail of a photo that was really uploaded."""
    gallery = site.inside("bench.filling:new_gallery", person=PERSON)
    with Client(site.address, {"Authorization": f"Bearer {site.token(PERSON)}"}) as client:
        answer = client.send("POST", f"/api/v1/galleries/{gallery}/images", *multipart("photo.jpg", numbered(1)))
    address: str = json.loads(answer.body)["renditions"]["thumbnail"]["url"]
    return address


def _serve_static_copy(site: Site, checked: str) -> str:
    """The address of a static file with the same bytes; the server reads the folder when it starts."""
    with Client(site.address) as client:
        (site.data_dir / "static" / STATIC_NAME).write_bytes(client.get(checked).body)
    site.stop()
    site.start()
    return f"/static/{STATIC_NAME}"
