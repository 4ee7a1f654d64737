"""One photo of 12 megapixels through the API, renditions made by the server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bench.client import Client
from bench.context import PERSON, Bench, alternate
from bench.decode_limit import LIMIT, DecodeLimit
from bench.photo import multipart, numbered, photo
from bench.site import Site
from bench.table import Row, Wanted

MILLI = 1000


def measure(bench: Bench) -> Iterator[Row]:
    """CPU of the server and of its decoder for each upload."""
    count = bench.scaled(20, 6)
    site = bench.site("upload")
    gallery = site.inside("bench.filling:new_gallery", person=PERSON)
    numbers = itertools.count()
    with (
        DecodeLimit(photo()) as limit,
        Client(site.address, {"Authorization": f"Bearer {site.token(PERSON)}"}) as client,
    ):
        path = f"/api/v1/galleries/{gallery}/images"
        ours, least = alternate(
            bench.repeats, lambda: _upload(site, client, path, numbers, count), lambda: limit.seconds(count)
        )
    cpu, bare = [one * MILLI for one in ours], [one * MILLI for one in least]
    yield Row("upload of a 12 MP, 3 MB JPEG, CPU", "ms", cpu, bare, LIMIT, Wanted(1.3, of="ratio"))


def _upload(site: Site, client: Client, path: str, numbers: Iterator[int], count: int) -> float:
    """CPU seconds of the site for each of ``count`` uploads."""
    bodies = [multipart("photo.jpg", numbered(number)) for number in itertools.islice(numbers, count)]
    before = site.cpu()
    for body in bodies:
        answer = client.send("POST", path, *body)
        assert answer.status == 201, answer
    return (site.cpu() - before) / count
