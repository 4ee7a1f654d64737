"""The same upload with and without the renditions that a browser sends along."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping

from PIL import Image as Pillow

from bench.client import Client
from bench.context import PERSON, Bench, alternate
from bench.photo import multipart_of, numbered, photo
from bench.site import Site
from bench.table import Row, Wanted

MILLI = 1000


def measure(bench: Bench) -> Iterator[Row]:
    """CPU of the server and of its decoder for each upload."""
    count = bench.scaled(20, 6)
    site = bench.site("renditions")
    gallery = site.inside("bench.filling:new_gallery", person=PERSON)
    path = f"/api/v1/galleries/{gallery}/images"
    numbers = itertools.count()
    sent = _renditions()
    with Client(site.address, {"Authorization": f"Bearer {site.token(PERSON)}"}) as client:

        def upload(renditions: Mapping[str, bytes]) -> float:
            return _upload(
                site, client, path, [numbered(each) for each in itertools.islice(numbers, count)], renditions
            )

        with_them, without = alternate(bench.repeats, lambda: upload(sent), lambda: upload({}))
    ours, own = [one * MILLI for one in with_them], [one * MILLI for one in without]
    yield Row("upload with its renditions, CPU", "ms", ours, own, "made by the server", Wanted(0.75, of="ratio"))


def _renditions() -> dict[str, bytes]:
    """As the browser encodes them."""
    preview = Pillow.open(io.BytesIO(photo())).resize((1600, 1200), Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    small = preview.resize((400, 300), Pillow.Resampling.LANCZOS)
    return {"preview": _encode(preview, 82), "thumbnail": _encode(small, 90)}


def _encode(image: Pillow.Image, quality: int) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return target.getvalue()


def _upload(site: Site, client: Client, path: str, files: list[bytes], renditions: Mapping[str, bytes]) -> float:
    """CPU seconds of the site for each of these files."""
    bodies = [multipart_of({"file": file, **renditions}) for file in files]
    before = site.cpu()
    for body in bodies:
        answer = client.send("POST", path, *body)
        assert answer.status == 201, answer
    return (site.cpu() - before) / len(bodies)
