"""The fuzz target: real photos with something wrong in them, through the removal of metadata and through the decoder.

Some rounds in each run, always of the same seeds, however fast the machine. By hand, from new ones:
``GALLERY_FUZZ_SECONDS=600 python3 run.py test tests/fuzz -s``; a failure names its seed, GALLERY_FUZZ_SEED repeats it.
"""

from __future__ import annotations

import io
import itertools
import os
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from galleries.decoding import DecodedImage, Decoder, ImageRejected
from galleries.decoding.results import REJECTION_CODES
from galleries.stripping import CorruptContainer, strip_metadata
from tests.fuzz.mutations import MOST_PIXELS, drawn_changes, mutated, samples
from tests.stripping.containers import BROKEN, Decoded, decode, kind_of, open_picture, private_info, strip

BY_HAND = os.environ.get("GALLERY_FUZZ_SECONDS")
A_ROUND = 40  # examples of one seed
STRIP_ROUNDS, DECODE_ROUNDS = 30, 8  # 3 s and 6 s on a quiet core
SLOWEST_STRIP, SLOWEST_DECODE = 4.0, 25.0  # seconds; SAFETY 5.4 and the issue of hostile files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning"),
    pytest.mark.filterwarnings("ignore:Image size:RuntimeWarning"),
]


def fuzz(check: Callable[[Path, bytes], str], rounds: int) -> Counter[str]:
    """So many rounds, by hand as many as half of the time allows; what came out how often."""
    outcomes = Counter[str]()
    first = int(os.environ.get("GALLERY_FUZZ_SEED") or (random.randrange(1 << 32) if BY_HAND else 1))
    seed = first
    for seed in until_the_end(first, rounds):
        source = random.Random(seed)
        for _ in range(A_ROUND):
            path, changes = source.choice(samples()), drawn_changes(source)
            try:
                outcomes[check(path, mutated(path.read_bytes(), changes))] += 1
            except BaseException:
                print(f"\nGALLERY_FUZZ_SEED={seed}: {path.name}, {changes}")  # noqa: T201 (for whoever repeats it)
                raise
    print(f"\n{outcomes.total()} files, {dict(outcomes)}, seeds {first} to {seed}")  # noqa: T201
    return outcomes


def until_the_end(first: int, rounds: int) -> Iterator[int]:
    """A seed for each round: at least one; without time in the environment the same ones on each machine."""
    begun = time.monotonic()
    for done in itertools.count():
        if done and (time.monotonic() - begun >= float(BY_HAND) / 2 if BY_HAND else done >= rounds):
            return
        yield first + done


def stripped_well(path: Path, data: bytes) -> str:
    """Corrupt, or stripped: smaller or alike, nothing more to take away, the same pixels, and nothing told.

    A GIF ends where its blocks do, as in browsers; Pillow looks for more pictures, and for more of the last one, in
    what follows, and reads past the end of some extensions. In EXIF browsers pass over a broken tag; Pillow gives up,
    and misses how the picture is turned.
    """
    kind = kind_of(data[:16])
    if kind is None:
        return "another kind"
    target, begun = io.BytesIO(), time.process_time()
    try:
        strip_metadata(io.BytesIO(data), target, kind)
    except CorruptContainer:
        assert target.getvalue() == b""
        return "corrupt"
    finally:
        assert time.process_time() - begun < SLOWEST_STRIP, path.name
    after = target.getvalue()
    assert len(after) <= len(data) + 64
    assert strip(after, kind) == after
    if not (is_small(data) and is_small(after)):
        return "too large to look at"
    seen = gif_as_browsers_see_it(data) if kind == "gif" else data
    before = decode(seen)
    if before is None:
        return "cannot be shown"
    shown = decode(after)
    if shown is None and kind == "jpeg":
        before, shown = decode_rows(seen), decode_rows(after)
    assert shown is not None, path.name
    assert before is not None, path.name
    # A broken profile is dropped. One behind a JPEG's frame header is seen by browsers, and by Pillow once it is moved.
    assert shown.icc in {before.icc, None} or (kind == "jpeg" and before.icc is None), path.name
    if not exif_is_whole(seen):
        before = replace(before, upright=shown.upright, upright_size=shown.upright_size)
    assert replace(shown, icc=None) == replace(before, icc=None), path.name
    assert private_info(after) == {}, path.name
    return "stripped"


def decode_rows(data: bytes) -> Decoded | None:
    """Pillow complains of damage behind the last row when it lies in the same 64 kB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
        return decode(data)


def gif_as_browsers_see_it(data: bytes) -> bytes:
    """A GIF of sound blocks without what follows them, and without extensions that say nothing."""

    def palette_bytes(flags: int) -> int:
        return 3 << (1 + (flags & 7)) if flags & 0x80 else 0

    end = 13 + palette_bytes(data[10])
    blocks = [data[:end]]
    while (introducer := data[end : end + 1]) in {b"!", b",", b"\0"}:
        begin = end
        if introducer != b"\0":  # which is padding
            end += 2 if introducer == b"!" else 11 + palette_bytes(data[end + 9])
            while length := data[end]:
                end += length + 1
        end += 1
        if not says_nothing(data[begin:end]):
            blocks.append(data[begin:end])
    return b"".join(blocks) + b";"


def says_nothing(block: bytes) -> bool:
    """Whether it is an empty extension, or a loop without a number."""
    size = block[2] if block.startswith(b"!") else -1
    return size == 0 or (block.startswith(b"NETSCAPE2.0", 3) and len(block) == size + 4)


def exif_is_whole(data: bytes) -> bool:
    """Whether Pillow reads it to its end."""
    with warnings.catch_warnings(record=True) as caught, open_picture(data) as image:
        warnings.simplefilter("always")
        with suppress(*BROKEN):
            image.getexif()
    return not any("Truncated File Read" in str(warning.message) for warning in caught)


def is_small(data: bytes) -> bool:
    """Whether it may be decoded here, without limits."""
    try:
        with warnings.catch_warnings(), open_picture(data) as image:
            warnings.simplefilter("ignore")
            return image.width * image.height * min(getattr(image, "n_frames", 1), 1_000) <= MOST_PIXELS
    except BROKEN:
        return True  # nothing to decode


def test_mutated_photo_is_stripped_to_the_same_pixels_or_corrupt() -> None:
    outcomes = fuzz(stripped_well, STRIP_ROUNDS)
    assert outcomes["stripped"] > outcomes.total() / 10, outcomes  # else it would test little


def test_mutated_photo_is_decoded_or_refused_with_a_code(tmp_path: Path) -> None:
    """And the same comes out of a process that has opened others before: the photos of one gallery share it."""
    with_limits = Decoder()
    source, work = tmp_path / "source", tmp_path / "work"
    work.mkdir()

    def come_out(group: str = "") -> tuple[str, DecodedImage | None, dict[str, bytes]]:
        begun = time.monotonic()
        try:
            decoded = with_limits.decode(source, work, keep_metadata=False, group=group)
        except ImageRejected as refused:
            require_clear_refusal(refused, work)
            return refused.code, None, {}
        finally:
            assert time.monotonic() - begun < SLOWEST_DECODE
        require_whole(decoded)
        files = {file.name: file.read_bytes() for file in work.iterdir()}
        for name in files:
            (work / name).unlink()
        return "taken", decoded, files

    def decoded_or_refused(_path: Path, data: bytes) -> str:
        source.write_bytes(data)
        outcome = come_out(group="gallery")
        assert outcome == come_out()
        return outcome[0]

    try:
        outcomes = fuzz(decoded_or_refused, DECODE_ROUNDS)
    finally:
        with_limits.close()
    assert outcomes["taken"] > outcomes.total() / 10, outcomes


def require_clear_refusal(refused: ImageRejected, work: Path) -> None:
    """A code and a sentence, and nothing left behind."""
    assert refused.code in REJECTION_CODES
    assert refused.message
    assert list(work.iterdir()) == []


def require_whole(decoded: DecodedImage) -> None:
    """What it says of itself is so, and neither it nor a rendition tells more than it shows."""
    stored = decoded.original_path.read_bytes()
    assert len(stored) == decoded.bytes
    for file in [decoded.original_path, *(rendition.path for rendition in decoded.renditions)]:
        data = file.read_bytes()
        if is_small(data):
            assert private_info(data) == {}
