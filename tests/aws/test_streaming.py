"""A large photo passes through on its way to S3: its bytes are never all in memory."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.live import ROOT

MIB = 1024**2
PROGRAM = """
import resource, sys
from pathlib import Path
import django
django.setup()
from galleries.bucket import BucketMediaStorage
store = BucketMediaStorage(bucket_name="photos", region_name="eu-central-1", endpoint_url=sys.argv[1])
folder = Path(sys.argv[2])
key = "media/" + "a" * 32 + "/" + "b" * 32 + "/o/" + "%032x" + ".jpg"
store.put(key % 1, folder / "small", "image/jpeg")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.put(key % 2, folder / "large", "image/jpeg")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


class _Sink(BaseHTTPRequestHandler):
    """Takes whatever is put and says, as S3 does, what it was."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        digest, left = hashlib.md5(usedforsecurity=False), int(self.headers["Content-Length"])
        while left:
            chunk = self.rfile.read(min(left, MIB))
            left -= len(chunk)
            digest.update(chunk)
        self.send_response(200)
        self.send_header("ETag", f'"{digest.hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def sink() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_sixty_megabytes_take_less_than_twenty_of_memory(sink: str, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(60 * MIB)
    environment = {
        "DJANGO_SETTINGS_MODULE": "gallery_site.settings",
        "GALLERY_DATA_DIR": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    command = [sys.executable, "-c", PROGRAM, sink, str(tmp_path)]
    result = subprocess.run(command, env=environment, cwd=ROOT, check=True, text=True, capture_output=True)
    assert int(result.stdout) * 1024 < 20 * MIB
