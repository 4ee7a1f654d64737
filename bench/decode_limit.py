"""The physical limit of an upload: one decode at scale, one JPEG of 1600 px, one WebP of 400 px. Nothing else.

``python -m bench.decode_limit FILE`` does it once for each line that it reads, and answers with its CPU seconds. A
process of its own, warm, with the memory settings of the site's decoder and no limits, checks, hashes or disk.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import Self

from PIL import Image as Pillow

from galleries.decoding.client import MEMORY, PROJECT_ROOT

LIMIT = "decode -> 1600 JPEG + 400 WebP"
# As the site gives them to its decoder (galleries.decoding.client), which is faster for both.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": MEMORY}


class DecodeLimit:
    """The warm process, for one photo."""

    def __init__(self, photo: bytes) -> None:
        self.file = tempfile.NamedTemporaryFile(suffix=".jpg")  # noqa: SIM115 (closed with the process)
        self.file.write(photo)
        self.file.flush()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.decode_limit", self.file.name],
            env={**os.environ, **ENVIRONMENT},
            cwd=PROJECT_ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()
        self.file.close()

    def seconds(self, count: int) -> float:
        """CPU seconds for each of ``count`` times."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        total = 0.0
        for _ in range(count):
            print(file=self.process.stdin, flush=True)
            total += float(self.process.stdout.readline())
        return total / count


def make_renditions(path: str) -> None:
    """The bare work, written down once more and not taken from the site."""
    with Pillow.open(path) as image:
        image.draft(None, (1600, 1200))
        image.load()
        preview = image.resize((1600, 1200), Pillow.Resampling.BICUBIC)
    preview.save(io.BytesIO(), "JPEG", quality=82)
    thumbnail = preview.resize((400, 300), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    thumbnail.save(io.BytesIO(), "WEBP", quality=78, method=2)


def main() -> None:
    for _ in sys.stdin:
        begin = time.process_time()
        make_renditions(sys.argv[1])
        print(time.process_time() - begin, flush=True)


if __name__ == "__main__":
    main()
