"""How alike two pictures look: structural similarity of their brightness.

Wang, Bovik, Sheikh, Simoncelli 2004, with windows of 8 x 8 pixels that overlap by half, as ffmpeg's filter has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PIL import Image as Pillow
from PIL import ImageMath

WINDOW = 8
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def similarity(one: Pillow.Image, other: Pillow.Image) -> float:
    """1 when they are the same; both have the same size, of 12 pixels and more a side."""
    first, second = (image.convert("L").convert("F") for image in (one, other))
    products = [_multiply(first, first), _multiply(second, second), _multiply(first, second)]
    total = count = 0.0
    for means in zip(*map(_means, (first, second, *products)), strict=True):
        likeness = ImageMath.lambda_eval(_likeness, **dict(zip("abxyz", means, strict=True)))
        windows = likeness.width * likeness.height
        total += likeness.resize((1, 1), Pillow.Resampling.BOX).getpixel((0, 0)) * windows
        count += windows
    return total / count


def _multiply(one: Pillow.Image, other: Pillow.Image) -> Pillow.Image:
    product: Pillow.Image = ImageMath.lambda_eval(lambda of: of["a"] * of["b"], a=one, b=other)
    return product


def _means(image: Pillow.Image) -> Iterator[Pillow.Image]:
    """Of the windows of four grids, each moved by half a window."""
    for left in (0, WINDOW // 2):
        for top in (0, WINDOW // 2):
            right = left + (image.width - left) // WINDOW * WINDOW
            bottom = top + (image.height - top) // WINDOW * WINDOW
            yield image.crop((left, top, right, bottom)).reduce(WINDOW)


def _likeness(of: dict[str, Any]) -> Any:
    """From the means of a, b, a*a (x), b*b (y) and a*b (z)."""
    a, b, x, y, z = (of[name] for name in "abxyz")
    above = (a * b * 2 + C1) * ((z - a * b) * 2 + C2)
    return above / ((a * a + b * b + C1) * (x - a * a + y - b * b + C2))
