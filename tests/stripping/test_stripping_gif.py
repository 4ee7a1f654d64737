"""GIF: extensions that stay and that go, and where the file ends."""

import pytest
from PIL import Image

from galleries.stripping import CorruptContainer
from tests.stripping.containers import decode, saved, strip

FRAMES = [Image.new("RGB", (24, 16), colour) for colour in ("navy", "orange", "teal")]
GIF = saved("GIF", save_all=True, append_images=FRAMES, duration=[50, 70, 90, 110], loop=3)
FIRST_BLOCK = 13 + (3 << (1 + (GIF[10] & 7)))


def sub_blocks(data: bytes, size: int = 255) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces) + b"\0"


def application(name: bytes, data: bytes) -> bytes:
    return b"!\xff\x0b" + name + data


def with_block(block: bytes) -> bytes:
    return GIF[:FIRST_BLOCK] + block + GIF[FIRST_BLOCK:]


def test_gif_without_metadata_stays_as_it_is() -> None:
    assert strip(GIF, "gif") == GIF


XMP = b"<?xpacket private " + b"x" * 700
MAGIC_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\0"


@pytest.mark.parametrize(
    "block",
    [
        b"!\xfe" + sub_blocks(b"private" * 100),
        b"!\xfe" + sub_blocks(b"private", 1),
        b"!\x01\x0c" + bytes(12) + sub_blocks(b"private"),
        b"!\x99" + sub_blocks(b"private"),
        application(b"XMP DataXMP", XMP + MAGIC_TRAILER),
        application(b"PRIVATE 1.0", sub_blocks(b"private")),
        application(b"PRIVATE 1.0", b"\x03\x01\x05\x00\0"),
        application(b"NETSCAPE2.0", sub_blocks(b"\x02private")),
        b"\0\0",
    ],
)
def test_gif_block_that_tells_something_is_dropped(block: bytes) -> None:
    assert strip(with_block(block), "gif") == GIF
    assert strip(GIF[:-1] + block + b";", "gif") == GIF
    assert decode(GIF) == decode(with_block(block))


def test_gif_loop_count_is_kept_without_what_follows_it() -> None:
    loop = application(b"ANIMEXTS1.0", b"\x03\x01\x05\x00")
    assert strip(with_block(loop + b"\x07private\0"), "gif") == with_block(loop + b"\0")


def test_gif_frame_keeps_its_control_without_what_follows_it() -> None:
    control = GIF.index(b"!\xf9\x04")
    end = control + 7
    assert strip(GIF[:end] + b"\x07private" + GIF[end:], "gif") == GIF
    assert strip(with_block(b"!\xf9\x07\0\0\0\0ate\0"), "gif") == with_block(b"!\xf9\x04\0\0\0\0\0")
    assert strip(with_block(b"!\xf9\x03pri\0"), "gif") == GIF, "shorter it controls nothing"


def test_gif_frame_is_shown_as_its_control_says_whatever_its_length() -> None:
    control = GIF.index(b"!\xf9\x04")
    long = GIF[:control] + b"!\xf9\x07" + GIF[control + 3 : control + 7] + b"ate\0" + GIF[control + 8 :]
    assert strip(long, "gif") == GIF
    assert decode(GIF) == decode(long)


def test_gif_profile_is_kept() -> None:
    source = with_block(application(b"ICCRGBG1012", sub_blocks(b"profile" * 90)))
    assert strip(source, "gif") == source


def test_gif_ends_with_its_trailer() -> None:
    assert strip(GIF + b"PK\x03\x04evil", "gif") == GIF
    assert strip(GIF[:-1], "gif") == GIF, "a missing trailer is put back"
    assert strip(GIF[:-1] + b"private", "gif") == GIF, "what is no block ends the file"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        GIF[:FIRST_BLOCK],
        GIF[:20],
        GIF[:-4],
        GIF[:-1] + b"!\xfe\x20cut",
        GIF[:-1] + b",",
        GIF[:FIRST_BLOCK] + b"!\xfe\0" * 250_001 + GIF[FIRST_BLOCK:],
        with_block(b"!\xfe" + b"\1x" * 2_000_001 + b"\0"),
    ],
    ids=lambda data: f"{len(data)}-bytes",
)
def test_gif_that_does_not_hold_together_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptContainer, match=r"^gif: "):
        strip(data, "gif")
