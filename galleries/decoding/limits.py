"""What one picture may cost. Every number carries its arithmetic; SAFETY.md 5.4 has the reasons."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Self

MIB = 1024 * 1024
GIB = 1024 * MIB

# How the kernel ends a child that took too long.
LIMIT_SIGNALS = frozenset({signal.SIGXCPU, signal.SIGALRM})

CAMERA_MAX = 100  # characters of "Make Model"; honest ones have 10 to 40


@dataclass(frozen=True)
class Limits:
    """Limits of the decoding process. They travel to it as JSON, so every field is a plain integer."""

    # JPEG is decoded at 1/2, 1/4 or 1/8, so memory does not follow the pixel count: phones make 50, 108 and
    # 200 MP (16320 x 12240 = 199.8 MP); 10 % above the largest of them.
    max_pixels_jpeg: int = 220_000_000

    # Everything else is decoded whole: 4 bytes a pixel in Pillow and the same again in the codec, so
    # 64 MP x 8 = 512 MB, half of the address space below. (WebP's codec keeps two canvases more: it meets
    # that limit at about 53 MP.)
    max_pixels: int = 64_000_000

    # A 30,000 px panorama is real; a 65,500 x 1 strip is not, and gives a preview of no use.
    max_side: int = 30_000

    # What a browser can be asked to play: 300 frames are 30 s at 10 a second ...
    max_frames: int = 300

    # ... and 128 MP are 300 frames of 800 x 533, or 512 MB if every frame is kept as RGBA.
    max_animation_pixels: int = 128_000_000

    # A progressive JPEG is walked once per scan. Ten scans are usual: 10 x 220 MP. At some 3 ns a pixel and
    # scan, 2.2 thousand million take 7 s; a bomb of 1,500 scans over 64 MP has 96 thousand million.
    max_scan_pixels: int = 2_200_000_000

    # All coefficients of a progressive JPEG are in memory at once, 2 bytes each: 4:2:0 has 1.5 a pixel, so
    # 640 MiB are 223 MP; the rest of the address space is for the picture at scale and the process itself.
    max_coefficient_bytes: int = 640 * MIB

    # One packed text or colour profile of a PNG, unpacked. A printer's profile has 2 MB, an editor's history in XMP
    # more; Pillow's own limit of 1 MiB refuses the whole picture over it.
    max_packed_text: int = 16 * MIB

    # The slowest good files (a 64 MP PNG, a 50 MP HEIC) take 2 to 4 s here; five times that.
    cpu_seconds: int = 20

    # A child that waits instead of computing (a stuck disk) ends too. Twice the processor time: with 22 s a good
    # 64 MP PNG of 4 s came close (17 s) on two cores under a load of 12.
    wall_seconds: int = 40

    # 64 MP x 4 bytes, three times over (codec, Pillow, a conversion) = 768 MB, and 256 MB for the process.
    address_space: int = 1 * GIB

    # What a child may write beyond the size of the source: two renditions (1600 x 1600 JPEG, 2 MB at worst).
    spare_file_bytes: int = 16 * MIB

    # Children at once. Each may take all of its address space: 2 GiB, and two cores.
    children: int = 2

    # How long a request waits for a free child: with 40 s for the picture and 5 s to spare it stays below the
    # 75 s after which nginx gives up (proxy_read_timeout).
    queue_seconds: int = 25

    @classmethod
    def of_site(cls, most_pixels: int) -> Self:
        """The limits where no picture may have more than ``most_pixels``: what others than JPEG may have stays below
        it."""
        return cls(max_pixels_jpeg=most_pixels, max_pixels=min(cls.max_pixels, most_pixels))
