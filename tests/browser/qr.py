"""Reads a QR code from a picture of one: straight, undamaged, in bytes (ISO/IEC 18004), as a screenshot is. Reads
pixels and nothing else; how a version's codewords are divided into blocks is looked up in segno's tables."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image as Pillow
from segno import consts

Matrix = list[list[bool]]  # rows of modules, True: dark
FORMAT_MASK = 0b101010000010010
MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda y, x: (y + x) % 2 == 0,
    lambda y, x: y % 2 == 0,
    lambda y, x: x % 3 == 0,
    lambda y, x: (y + x) % 3 == 0,
    lambda y, x: (y // 2 + x // 3) % 2 == 0,
    lambda y, x: y * x % 2 + y * x % 3 == 0,
    lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
)


def read_qr(png: bytes) -> str:
    """The text of the code in this picture."""
    matrix = _modules(png)
    version = (len(matrix) - 17) // 4
    level, mask = _format(matrix)
    codewords = [_number(bits) for bits in _eights(_data_bits(matrix, version, mask))]
    bits = [bool(byte >> shift & 1) for byte in _in_order(codewords, version, level) for shift in range(7, -1, -1)]
    assert _number(bits[:4]) == 0b0100, "not in byte mode"
    counted = 8 if version < 10 else 16
    length = _number(bits[4 : 4 + counted])
    start = 4 + counted
    return bytes(_number(bits[start + 8 * n : start + 8 * n + 8]) for n in range(length)).decode()


def _modules(png: bytes) -> Matrix:
    """Finds the code by its dark pixels, its module by the finder pattern's seven, and looks at each middle."""
    grey = Pillow.open(io.BytesIO(png)).convert("L").point([255 if value < 128 else 0 for value in range(256)])
    box = grey.getbbox()
    assert box is not None, "nothing dark in this picture"
    code = grey.crop(box)
    edge = next(x for x in range(code.width) if code.getpixel((x, 2)) == 0)
    size = 17 + 4 * round((code.width / (edge / 7) - 17) / 4)  # what a code can have: 21, 25, 29...
    step = code.width / size
    middles = [int((n + 0.5) * step) for n in range(size)]
    return [[code.getpixel((x, y)) == 255 for x in middles] for y in middles]


def _format(matrix: Matrix) -> tuple[int, int]:
    """Error correction level (as coded) and mask, from the copy around the upper left finder pattern."""
    cells = [(8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)] + [(y, 8) for y in (7, 5, 4, 3, 2, 1, 0)]
    value = _number([matrix[y][x] for y, x in cells]) ^ FORMAT_MASK
    return value >> 13, value >> 10 & 7


def _data_bits(matrix: Matrix, version: int, mask: int) -> list[bool]:
    """The bits of the zigzag, from the lower right, two columns at a time, the mask taken off."""
    size = len(matrix)
    bits: list[bool] = []
    flips = MASKS[mask]
    columns = [*range(size - 1, 6, -2), 5, 3, 1]
    for turn, right in enumerate(columns):
        rows = range(size - 1, -1, -1) if turn % 2 == 0 else range(size)
        for y in rows:
            for x in (right, right - 1):
                if not _is_function(y, x, version):
                    bits.append(matrix[y][x] != flips(y, x))
    return bits


def _is_function(y: int, x: int, version: int) -> bool:
    """Finder, timing and alignment patterns, format and version information."""
    size = 17 + 4 * version
    if (y < 9 and x < 9) or (y < 9 and x >= size - 8) or (y >= size - 8 and x < 9) or 6 in (y, x):
        return True
    if version >= 7 and ((y < 6 and x >= size - 11) or (x < 6 and y >= size - 11)):
        return True
    places = dict(enumerate(consts.ALIGNMENT_POS, 2))[version] if version > 1 else ()
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    return any(
        abs(y - row) <= 2 and abs(x - column) <= 2
        for row in places
        for column in places
        if (row, column) not in corners
    )


def _in_order(codewords: list[int], version: int, level: int) -> list[int]:
    """The data codewords of all blocks, one block after the other; those of error correction are left out."""
    table: Any = consts.ECC
    lengths = [block.num_data for block in table[version][level] for _ in range(block.num_blocks)]
    blocks: list[list[int]] = [[] for _ in lengths]
    source = iter(codewords)
    for place in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(source))
    return [codeword for block in blocks for codeword in block]


def _eights(bits: list[bool]) -> Iterator[list[bool]]:
    for start in range(0, len(bits) - 7, 8):
        yield bits[start : start + 8]


def _number(bits: list[bool]) -> int:
    return sum(bit << place for place, bit in enumerate(reversed(bits)))
