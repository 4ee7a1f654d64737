"""Hostile bytes: whatever is done to a real file, stripping answers with a file or with CorruptContainer."""

import io
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galleries.stripping import KINDS, CorruptContainer, strip_metadata
from tests import photos
from tests.stripping.containers import box, full_box, kind_of, png_chunk, riff_chunk, strip, webp

SMALL_BYTES = 40_000
Mutation = tuple[str, int, bytes]

_MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "repeat", "cut"]),
        st.integers(0, SMALL_BYTES),
        st.one_of(
            st.binary(min_size=1, max_size=12),
            st.sampled_from(
                [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\xff\xd9", b"\xff\xda"]
            ),
        ),
    ),
    min_size=1,
    max_size=5,
)


def _samples() -> dict[str, list[Path]]:
    """Small files of each kind, the ones with the most metadata first."""
    found: dict[str, list[Path]] = {}
    for record in sorted(photos.records(), key=lambda r: (not r.get("canaries"), r["bytes"])):
        path = photos.path(record["name"])
        with path.open("rb") as file:
            kind = kind_of(file.read(16))
        if kind and record["bytes"] <= SMALL_BYTES and _must_be_accepted(record["acceptable"]):
            found.setdefault(kind, []).append(path)
    return {kind: paths[:12] for kind, paths in found.items()}


def _must_be_accepted(acceptable: list[str]) -> bool:
    return all(outcome.startswith("accept") for outcome in acceptable)


SAMPLES = _samples()


def _mutated(data: bytes, mutations: list[Mutation]) -> bytes:
    for act, where, content in mutations:
        # Half of the changes go to the first kilobyte, where the structure is.
        at = where % (1024 if where % 2 else max(len(data), 1))
        if act == "insert":
            data = data[:at] + content + data[at:]
        elif act == "repeat":
            data = data[:at] + data[at : at + 64 * len(content)] + data[at:]
        elif act == "cut":
            data = data[: max(at, 16)]
        else:
            data = data[:at] + (content if act == "replace" else b"") + data[at + len(content) :]
    return data


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(derandomize=True, max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(choice=st.integers(0, 11), mutations=_MUTATIONS)
def test_mutated_file_is_stripped_or_corrupt(kind: str, choice: int, mutations: list[Mutation]) -> None:
    paths = SAMPLES[kind]
    data = _mutated(paths[choice % len(paths)].read_bytes(), mutations)
    target = io.BytesIO()
    try:
        strip_metadata(io.BytesIO(data), target, kind)
    except CorruptContainer:
        assert target.getvalue() == b""
        return
    stripped = target.getvalue()
    assert strip(stripped, kind) == stripped
    assert len(stripped) <= len(data) + 64


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_corrupt(kind: str, data: bytes) -> None:
    with pytest.raises(CorruptContainer):
        strip(data, kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_file_of_another_kind_is_corrupt(kind: str) -> None:
    other = SAMPLES["png" if kind != "png" else "jpeg"][0].read_bytes()
    with pytest.raises(CorruptContainer):
        strip(other, kind)


def test_unknown_kind_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        strip(b"", "tiff")


MEGABYTE = 1024 * 1024
FTYP = box(b"ftyp", b"avif", bytes(4), b"avifmif1")
PNG_HEADER = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bytes(13))
PACKED = zlib.compress(bytes(15 * MEGABYTE), 9)
# Each declares 65,535 extents in no bytes at all.
EXTENTS = full_box(b"iloc", 0, b"\0\0", b"\0\1", b"\0\1\0\0\xff\xff")
WEBP_HEADER = riff_chunk(b"VP8X", bytes(10))


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("jpeg", lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * (4 * MEGABYTE)),
        ("jpeg", lambda: b"\xff\xd8" + b"\xff\xda\0\2\0" * (3 * MEGABYTE)),
        ("jpeg", lambda: b"\xff\xd8\xff\xda\0\2" + b"\xff\x00\xff\xd0" * (4 * MEGABYTE)),
        ("jpeg", lambda: b"\xff\xd8" + b"\xff" * (16 * MEGABYTE)),
        ("png", lambda: PNG_HEADER + png_chunk(b"tEXt") * MEGABYTE),
        ("png", lambda: PNG_HEADER + png_chunk(b"iCCP", b"x\0\0" + PACKED) * 1000),
        ("png", lambda: PNG_HEADER + png_chunk(b"zTXt", b"Raw profile type exif\0\0" + PACKED) * 1000),
        ("webp", lambda: webp(WEBP_HEADER, riff_chunk(b"ANMF", b"") * (2 * MEGABYTE))),
        ("gif", lambda: b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * (8 * MEGABYTE)),
        ("gif", lambda: b"GIF89a" + bytes(7) + b"!\xfe\0" * (5 * MEGABYTE)),
        ("gif", lambda: b"GIF89a" + bytes(7) + b"!\xfe" + (b"\xff" + bytes(255) + b"\1x") * (MEGABYTE // 16)),
        ("avif", lambda: FTYP + box(b"meta", bytes(4), EXTENTS * 100_000)),
        ("avif", lambda: FTYP + box(b"free") * (2 * MEGABYTE)),
        ("heic", lambda: FTYP + box(b"meta", bytes(4), box(b"iprp", box(b"ipco", box(b"free") * (2 * MEGABYTE))))),
    ],
)
def test_many_tiny_or_costly_pieces_take_seconds_at_most(kind: str, make: Callable[[], bytes]) -> None:
    data = make()
    begun = time.process_time()
    with pytest.raises(CorruptContainer):
        strip(data, kind)
    assert time.process_time() - begun < 4  # measured: about 1 s; quadratic work would take minutes
