"""Where a picture says what its numbers mean, besides a profile; and where Pillow shows others than browsers do."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from PIL import Image, ImageFile

from galleries.decoding.items import read_colour_codes
from galleries.decoding.kinds import Kind
from galleries.decoding.profiles import profile_of_codes, profile_of_gamma

_MAX_CHUNKS = 200  # before the pixels; real files have ten
# Pillow spreads the greys of few bits over a byte, but not the one among them that is transparent.
_STEPS = {"L;2": 85, "L;4": 17}


def find_profile(kind: Kind, image: Image.Image, source: BinaryIO) -> bytes | None:
    """The ICC profile that the picture's numbers are to be read with, None for sRGB. Of an image that is not loaded:
    what a PNG says after its pixels counts for nobody (PNG 3, 5.6)."""
    profile = image.info.get("icc_profile")
    if kind.name == "png":
        codes = _read_codes(source)
        if codes is not None:  # it comes before all others (PNG 3, 4.3)
            return profile_of_codes(*codes)
        if not profile and "srgb" not in image.info and "gamma" in image.info:
            return profile_of_gamma(image.info["gamma"], image.info.get("chromaticity"))
    if kind.name in ("avif", "heic") and not profile:
        codes = read_colour_codes(source)
        return profile_of_codes(*codes) if codes is not None else None
    return profile if isinstance(profile, bytes) else None


def spread_transparent_grey(image: Image.Image) -> None:
    """Bring the transparent grey of a PNG of 2 or 4 bits, not yet loaded, to the scale of its pixels."""
    grey = image.info.get("transparency")
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) and image.mode == "L" else []
    step = _STEPS.get(str(tiles[0].args)) if tiles else None
    if step and isinstance(grey, int):
        image.info["transparency"] = grey * step


def find_first_frame(kind: Kind, image: Image.Image) -> tuple[int, int, int, int] | None:
    """What the first frame of a GIF, not yet loaded, covers; None of all others. The rest Pillow fills with the colour
    that the file calls its background, and browsers leave it transparent."""
    if kind.name != "gif" or not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return None
    return image.tile[0].extents


def _read_codes(source: BinaryIO) -> tuple[int, int] | None:
    """Primaries and transfer function of a cICP chunk before the pixels; ``source`` stands again where it stood."""
    position = source.tell()
    try:
        source.seek(8)
        for _ in range(_MAX_CHUNKS):
            head = source.read(8)
            if len(head) < 8 or head[4:] == b"IDAT":
                return None
            length = int.from_bytes(head[:4], "big")
            if head[4:] != b"cICP":
                source.seek(length + 4, 1)
            elif length == 4:
                data, checksum = source.read(4), source.read(4)
                is_sound = zlib.crc32(b"cICP" + data).to_bytes(4, "big") == checksum
                return (data[0], data[1]) if is_sound else None
            else:
                return None
        return None
    finally:
        source.seek(position)
