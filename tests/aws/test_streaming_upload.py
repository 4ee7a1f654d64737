"""A photo of 60 MB passes through the whole site on its way to S3, and is never in its memory as a whole."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.web import ask, form_data
from tests.live import LiveSite
from tests.pictures import jpeg
from tests.records.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")]
MIB = 1024**2
SIDE = 4_570  # pixels; in a file that is not compressed about 60 MiB


@pytest.fixture
def in_s3(tmp_path: Path) -> Iterator[tuple[LiveSite, Service]]:
    """A real site with its objects at a service that speaks S3's protocol."""
    with Service() as service:
        service.objects.folder = tmp_path / "bucket"
        site = LiveSite(tmp_path, service.environment | {"GALLERY_BUCKET": service.objects.name})
        site.set_up()
        site.add_person("alice")
        site.start()
        yield site, service
        site.stop()


def _large_picture() -> bytes:
    """Noise, so that nothing makes it smaller."""
    target = io.BytesIO()
    noise = Image.frombytes("RGB", (SIDE, SIDE), os.urandom(SIDE * SIDE * 3))
    noise.save(target, "PNG", compress_level=0)
    return target.getvalue()


def _worker(site: LiveSite) -> int:
    """The process that answers: the server's only child (decoders are the worker's)."""
    assert site.process is not None
    master = site.process.pid
    (worker,) = [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if entry.joinpath("stat").exists()
        and int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1]) == master
    ]
    return worker


def _memory(pid: int, name: str) -> int:
    """Bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) * 1024


def test_an_upload_of_sixty_megabytes_takes_less_than_twenty_of_memory(in_s3: tuple[LiveSite, Service]) -> None:
    site, service = in_s3
    token = site.token("alice")
    made = ask(f"{site.address}/api/v1/galleries", "POST", token=token, body=b'{"title": "Large", "retention": "7d"}',
               headers={"Content-Type": "application/json"})  # fmt: skip

    def upload(photo: bytes) -> dict[str, object]:
        body, content_type = form_data({}, photo)
        address = f"{site.address}/api/v1/galleries/{made.json['id']}/images"
        answer = ask(address, "POST", token=token, body=body, headers={"Content-Type": content_type})
        assert answer.status == 201, answer.body
        image: dict[str, object] = answer.json
        return image

    for number in range(3):  # what is loaded once, and what the allocator keeps
        upload(jpeg(number, (640, 480)))
    photo = _large_picture()
    assert len(photo) > 59 * MIB
    worker = _worker(site)
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # forget the most that it ever held
    before = _memory(worker, "VmRSS")
    image = upload(photo)
    grown = _memory(worker, "VmHWM") - before
    assert image["bytes"] == len(photo)
    stored = service.objects.folder.glob(f"media/*/*/o/{image['id']}.png")  # type: ignore[union-attr]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in stored] == [image["stored_sha256"]]
    assert grown < 20 * MIB, f"{grown / MIB:.1f} MiB"
