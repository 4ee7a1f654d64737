"""Photos of 12 megapixels with the pixels of real cameras: shared photos, laid out like tiles that mirror each other.

Enlarging would make them smooth and light. Each is saved with its own camera's quantisation, so that it has the bytes
that the camera would have spent; another corner of the tiling makes another photo.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageOps

from tests import photos

SIZE = (4000, 3000)
# Straight from a camera or phone: none of them was saved a second time for the web.
CAMERAS = (
    "apple-iphone-5.jpg",
    "motorola-xt1068-moto-g.jpg",
    "blackberry-z10.jpg",
    "casio-qv-3000ex.jpg",
    "dji-fc300s-0025.jpg",
    "hp-photosmart-c812.jpg",
    "pentax-optio-330.jpg",
    "pentax-optio-430.jpg",
    "pixel6pro-ultrahdr-01.jpg",
)


def write_photos(folder: Path, count: int) -> list[Path]:
    """So many files, all different, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(12)
    files = []
    for number in range(count):
        files.append(folder / f"{number:03}-{CAMERAS[number % len(CAMERAS)]}")
        files[-1].write_bytes(_lay_out(CAMERAS[number % len(CAMERAS)], chance))
    return files


def cut_out(number: int) -> bytes:
    """A photo as a camera made it, without a margin that is another one for each number: no two are alike."""
    with Pillow.open(photos.path(f"photo/{CAMERAS[number % len(CAMERAS)]}")) as photo:
        save = _saver(photo)
        picture = photo.convert("RGB")
    left, top = (16 * (number % 7), 16 * (number // 7))
    return save(picture.crop((left, top, picture.width, picture.height)))


def _lay_out(name: str, chance: random.Random) -> bytes:
    with Pillow.open(photos.path(f"photo/{name}")) as photo:
        save = _saver(photo)
        tile = photo.convert("RGB")
    # By multiples of the coded blocks, as a camera's own pixels lie.
    left, top = (-16 * chance.randrange(side // 16) for side in tile.size)
    picture = Pillow.new("RGB", SIZE)
    for column in range((SIZE[0] - left) // tile.width + 1):
        for row in range((SIZE[1] - top) // tile.height + 1):
            turned = ImageOps.mirror(tile) if column % 2 else tile
            turned = ImageOps.flip(turned) if row % 2 else turned
            picture.paste(turned, (left + column * tile.width, top + row * tile.height))
    return save(picture)


def _saver(photo: Pillow.Image) -> Callable[[Pillow.Image], bytes]:
    """What saves a picture as the camera of this JPEG would."""
    tables, sampling = photo.quantization, photo.layer[0][1:3]  # type: ignore[attr-defined]
    subsampling = {(1, 1): 0, (2, 1): 1}.get(sampling, 2)

    def save(picture: Pillow.Image) -> bytes:
        target = io.BytesIO()
        picture.save(target, "JPEG", qtables=tables, subsampling=subsampling)
        return target.getvalue()

    return save
