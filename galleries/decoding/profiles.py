"""ICC profiles for pictures that say in numbers how theirs are colours: made here, so that one way converts all.

A profile of red, green and blue, each with the same curve (ICC.1:2022, 8.3.3): 400 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

Point = tuple[float, float]  # x and y of CIE 1931
Matrix = tuple[tuple[float, ...], ...]

_D65: Point = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)  # X, Y, Z of the profile connection space
_SRGB: tuple[Point, ...] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
# ITU-T H.273 (07/2024), table 2: those that differ from sRGB's by more than the eye sees.
_PRIMARIES: dict[int, tuple[Point, ...]] = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # Rec. 2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}

_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1, as ICC.1 10.18 writes it
# H.273, table 3: powers of what is stored. 16 (PQ) and 18 (HLG) are brighter than a screen's white and stay as they
# are; the curves of video (1, 4, 6, 14, 15) are too near to sRGB's to be told apart.
_POWERS: dict[int, float] = {5: 2.8, 8: 1.0}
_UNTOUCHED = frozenset({16, 18})

# libpng's: a gamma as near to that of sRGB is it.
_SAME_GAMMA = 0.05
_SAME_PLACE = 0.005
_POWER_RANGE = (0.2, 5.0)  # pictures have 1 to 2.8

_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def profile_of_codes(primaries: int, transfer: int) -> bytes | None:
    """The profile for two code points of ITU-T H.273; None where sRGB is meant, or shown for want of better."""
    if transfer in _UNTOUCHED:
        return None
    power = _POWERS.get(transfer)
    if primaries not in _PRIMARIES and power is None:
        return None
    return _make(_D65, _PRIMARIES.get(primaries, _SRGB), _SRGB_CURVE if power is None else (power,))


def profile_of_gamma(gamma: float, chromaticities: Sequence[float] | None) -> bytes | None:
    """The profile for what PNG says in gAMA (as a fraction) and cHRM (x and y of white, red, green and blue); None
    where that is sRGB or cannot be."""
    if not gamma or not _POWER_RANGE[0] <= 1 / gamma <= _POWER_RANGE[1]:
        return None
    srgb = (_D65, *_SRGB)
    points = srgb
    if chromaticities is not None and len(chromaticities) == 8:
        points = tuple(zip(chromaticities[0::2], chromaticities[1::2], strict=True))
    pairs = [pair for ours, theirs in zip(srgb, points, strict=True) for pair in zip(ours, theirs, strict=True)]
    if all(abs(a - b) <= _SAME_PLACE for a, b in pairs):
        if abs(gamma * 2.2 - 1) <= _SAME_GAMMA:
            return None
        points = srgb
    try:
        return _make(points[0], points[1:], (1 / gamma,))
    except (ArithmeticError, struct.error):  # points on a line, or nowhere
        return None


def _make(white: Point, primaries: Sequence[Point], curve: Sequence[float]) -> bytes:
    """A display profile; ``curve`` is a power, or the five numbers of a power with a straight beginning."""
    kind = {1: 0, 5: 3}[len(curve)]
    shape = struct.pack(">4s4xHxx", b"para", kind) + b"".join(map(_fixed, curve))
    columns = zip(*_to_d50(white, primaries), strict=True)
    bodies = [_xyz(column) for column in columns]
    blocks = [*bodies, _xyz(_D50), shape]
    names = [[b"rXYZ"], [b"gXYZ"], [b"bXYZ"], [b"wtpt"], [b"rTRC", b"gTRC", b"bTRC"]]
    count = sum(map(len, names))
    at = 128 + 4 + 12 * count
    table, data = struct.pack(">I", count), b""
    for block, said in zip(blocks, names, strict=True):
        for name in said:
            table += name + struct.pack(">II", at + len(data), len(block))
        data += block
    head = struct.pack(">I4xI4s4s4s12x4s", at + len(data), 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + table + data


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _to_d50(white: Point, primaries: Sequence[Point]) -> Matrix:
    """From linear red, green and blue to XYZ, as if the white were D50 (Bradford; ICC.1:2022, annex E)."""
    columns = _transposed([_spread(point) for point in primaries])
    amounts = _times(_inverse(columns), _spread(white))
    to_xyz = tuple(tuple(a * b for a, b in zip(row, amounts, strict=True)) for row in columns)
    ours, wanted = _times(_BRADFORD, _spread(white)), _times(_BRADFORD, _D50)
    scaled = tuple(tuple(a * w / o for a in row) for row, w, o in zip(_BRADFORD, wanted, ours, strict=True))
    adapt = _transposed([_times(_inverse(_BRADFORD), column) for column in zip(*scaled, strict=True)])
    return _transposed([_times(adapt, column) for column in zip(*to_xyz, strict=True)])


def _spread(point: Point) -> tuple[float, ...]:
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _transposed(rows: Sequence[Sequence[float]]) -> Matrix:
    return tuple(zip(*rows, strict=True))


def _inverse(matrix: Sequence[Sequence[float]]) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows: Matrix = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(part / whole for part in row) for row in rows)
