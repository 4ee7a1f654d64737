"""Renditions that came with a picture (the browser made them on its Canvas): used when they show that picture.

They are checked against the picture at the scale at which decoding it is cheap, and only their pixels are taken:
what is served is encoded here, so no metadata, no profile and no appended bytes come through, and files that two
decoders would read in two ways do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageChops

from galleries.decoding import colour
from galleries.decoding.kinds import HEAD_BYTES, sniff_kind
from galleries.decoding.picture import DECODE_ERRORS, Picture, fit, shrink
from galleries.decoding.specs import SPECS

Offered = Mapping[str, Image.Image]  # by the name of the spec

# 12 to 25 MP decode to this at 1/8, where only the coded data is left to be paid for (14 ms instead of 21, and 40
# less for scaling).
LIKENESS_EDGE = 400

# What one browser scales with one filter and another with another comes out most alike when it is scaled by this:
# after hamming, twice as fast, blocks of the shared photos were up to 9 apart instead of 7.
LIKENESS_FILTER = Image.Resampling.BICUBIC

# A 1600 x 1600 JPEG of noise has 3 MB at quality 95.
_MAX_BYTES = 4 * 1024 * 1024

_KINDS = frozenset({"jpeg", "webp"})

# Compared in blocks of so many pixels of the small scale, which are 32 of a preview.
_BLOCK = 8

# How far (of 255) a block's mean may be off in any channel. Over the shared photos: 2 to 5 after five kinds of
# scaling, 7 at JPEG quality 60; from 8 for a red dot of 12 pixels of the preview, 9 for a tint of 8, 10 for a shift
# by two pixels, 13 for half a per cent cut off.
_MAX_SHIFT = 7

# How far a block's pixels may be off whatever their sign: so much, and so much of the contrast between neighbours
# there. 0.41 of it at most when honest, 0.95 and more when shifted by four pixels. For what leaves the mean alone.
_MAX_NOISE = 4
_MAX_BLUR = 0.6


def take_offered(offered: Mapping[str, Path], picture: Picture) -> Offered:
    """The pixels, in sRGB, of those that have the size of their spec and show `picture`, which was decoded to
    LIKENESS_EDGE. What cannot be read is left out."""
    taken = {}
    for spec in SPECS:
        path = offered.get(spec.name)
        if path is not None:
            pixels = _read(path, fit((picture.width, picture.height), spec.long_edge))
            if pixels is not None and is_alike(picture.pixels, pixels):
                taken[spec.name] = pixels
    return taken


def _read(path: Path, size: tuple[int, int]) -> Image.Image | None:
    """All pixels of a still JPEG or WebP of that size. Its EXIF orientation is not looked at: browsers would not
    see it either, as it is not passed on."""
    try:
        with path.open("rb") as file:
            kind = sniff_kind(file.read(HEAD_BYTES))
            if kind is None or kind.name not in _KINDS or path.stat().st_size > _MAX_BYTES:
                return None
            file.seek(0)
            with Image.open(file, formats=kind.formats) as image:
                # A progressive file is walked once for each of its scans, and no canvas makes one.
                is_odd = image.mode not in ("RGB", "L") or image.info.get("progressive")
                if image.size != size or is_odd or (kind.name == "webp" and getattr(image, "n_frames", 1) > 1):
                    return None
                image.load()
                profile = image.info.get("icc_profile")
                return colour.flatten_to_srgb(image.copy(), profile if isinstance(profile, bytes) else None)
    except (*DECODE_ERRORS, MemoryError, Image.DecompressionBombError):
        return None


def is_alike(reference: Image.Image, pixels: Image.Image) -> bool:
    """Whether `pixels` show at the size of `reference` what that shows; both are RGB, and of the same shape."""
    small = shrink(pixels, reference.size, LIKENESS_FILTER)
    means = ImageChops.difference(reference.reduce(_BLOCK), small.reduce(_BLOCK))
    if _highest(means) > _MAX_SHIFT:
        return False
    noise = ImageChops.difference(reference, small).convert("L").reduce(_BLOCK)  # colour is coarse in a small JPEG
    contrast = ImageChops.lighter(
        ImageChops.difference(reference, ImageChops.offset(reference, 1, 0)),
        ImageChops.difference(reference, ImageChops.offset(reference, 0, 1)),
    )
    allowed = contrast.convert("L").reduce(_BLOCK).point(lambda value: value * _MAX_BLUR + _MAX_NOISE)
    return _highest(ImageChops.subtract(noise, allowed)) == 0


def _highest(image: Image.Image) -> int:
    return max(image.tobytes())
