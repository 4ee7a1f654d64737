"""Real photos with something wrong in them: what a fuzzer starts from and what it does to them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests import photos
from tests.stripping.containers import kind_of

# Most of the set; larger ones would be decoded twice for the price of fifty.
LARGEST = 120_000  # bytes
MOST_PIXELS = 2_000_000
# Lengths, markers and tags that containers are made of; a change to one of these goes deeper than a random byte.
TELLING = [
    *(struct.pack(">I", number) for number in (0, 1, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)),
    *(struct.pack("<H", number) for number in (0, 1, 0x7FFF, 0xFFFF)),
    *(b"\xff" + bytes([marker]) for marker in (0xC0, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xE0, 0xE1, 0xE2, 0xED, 0xFE)),
    *(b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"eXIf", b"iTXt", b"iCCP", b"acTL", b"fdAT"),
    *(b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP"),
    *(b"ftyp", b"meta", b"iloc", b"iinf", b"iprp", b"ipma", b"iref", b"mdat", b"moov", b"uuid", b"Exif"),
    *(b"\x21\xf9\x04", b"\x21\xfe", b"\x21\xff\x0b", b"\x2c", b"\x3b", b"II*\0", b"MM\0*"),
]


@dataclass(frozen=True)
class Change:
    """One change; ``where`` is one of 65,536 places of the file, the same one in files of any length."""

    act: str
    where: int
    content: bytes
    length: int

    def apply(self, data: bytes) -> bytes:
        at = self.where * len(data) >> 16
        match self.act:
            case "replace":
                return data[:at] + self.content + data[at + len(self.content) :]
            case "insert":
                return data[:at] + self.content + data[at:]
            case "delete":
                return data[:at] + data[at + self.length :]
            case "repeat":
                return data[: at + self.length] + data[at:]
            case "flip" if at < len(data):
                return data[:at] + bytes([data[at] ^ 1 << self.length % 8]) + data[at + 1 :]
            case "cut":
                return data[: max(at, 16)]
        return data


ACTS = ["flip", "replace", "flip", "insert", "replace", "delete", "flip", "repeat", "cut"]


def drawn_changes(source: Random) -> list[Change]:
    """One to three. Not drawn by Hypothesis, which takes numbers from all modules that happen to be loaded."""
    return [_drawn_change(source) for _ in range(source.randint(1, 3))]


def _drawn_change(source: Random) -> Change:
    """All over the file, a third of them in its first sixteenth, where the structure is."""
    where = source.randrange(1 << 16) >> source.choice([0, 0, 4])
    content = source.choice([source.choice(TELLING), source.randbytes(source.randint(1, 8))])
    return Change(source.choice(ACTS), where, content, source.randint(1, 512))


@cache
def samples() -> list[Path]:
    """Every shared picture that is small enough, whatever is expected of it."""
    found = []
    for record in photos.records():
        path = photos.path(record["name"])
        if record["bytes"] <= LARGEST and not record["dangerous"] and (record["megapixels"] or 0) * 1e6 <= MOST_PIXELS:
            with path.open("rb") as file:
                if kind_of(file.read(16)):
                    found.append(path)
    return found


def mutated(data: bytes, changes: list[Change]) -> bytes:
    for change in changes:
        data = change.apply(data)
    return data
