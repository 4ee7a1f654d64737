"""What is stored without its metadata looks like its renditions: both read the same things of a file the same way."""

import io
import struct
from datetime import UTC, datetime

import pytest
from PIL import Image

from galleries.decoding import Limits
from galleries.decoding.picture import Picture, open_picture
from tests.stripping.containers import ORIENTATION, after_soi, box, saved, segment, strip

NOW = datetime(2026, 6, 1, tzinfo=UTC)
# Field types of TIFF 6.0 that are whole numbers, or one byte of anything.
TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i"}


def seen(data: bytes) -> Picture:
    return open_picture(io.BytesIO(data), Limits(), NOW)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", TYPES)
def test_orientation_of_any_type_turns_both(kind: int, order: str) -> None:
    """It should be a SHORT (EXIF 2.32, 4.6.4); there are programs that write BYTE or LONG."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entry = struct.pack(order + "HHI" + TYPES[kind], ORIENTATION, kind, 1, 6).ljust(12, b"\0")
    block = head + struct.pack(order + "H", 1) + entry + bytes(4)
    source = after_soi(saved("JPEG"), segment(0xE1, b"Exif\0\0" + block))
    assert [seen(data).facts.orientation for data in (source, strip(source, "jpeg"))] == [6, 6]


@pytest.mark.parametrize("start", [b"II*\0", b"II\0*", b"MM\0*", b"MM*\0", b"MM\0+"])
def test_exif_is_read_however_its_number_is_written(start: bytes) -> None:
    order = "<" if start.startswith(b"II") else ">"
    block = start + struct.pack(order + "IHHHIHHI", 8, 1, ORIENTATION, 3, 1, 6, 0, 0)
    source = after_soi(saved("JPEG"), segment(0xE1, b"Exif\0\0" + block))
    assert [seen(data).facts.orientation for data in (source, strip(source, "jpeg"))] == [6, 6]


@pytest.mark.filterwarnings("ignore:Tag data larger than file:UserWarning")
@pytest.mark.filterwarnings("ignore:Metadata Warning, tag 274 had too many entries:UserWarning")
@pytest.mark.parametrize(("count", "value", "orientation"), [(1, 6, 6), (2, 6, 6), (1 << 24 | 1, 4, 1)])
def test_orientation_is_the_first_of_several_unless_these_are_cut_short(
    count: int, value: int, orientation: int
) -> None:
    """So many do not fit into the entry: its value says where they lie, and there stands an 8."""
    block = b"II*\0" + struct.pack("<IHHHIII", 8, 1, ORIENTATION, 3, count, value, 0)
    source = after_soi(saved("JPEG"), segment(0xE1, b"Exif\0\0" + block))
    assert [seen(data).facts.orientation for data in (source, strip(source, "jpeg"))] == [orientation] * 2


def test_animated_avif_stays_as_it_is_turned() -> None:
    """How a track is turned stands in its sample entry, and there decoders look for it."""
    target = io.BytesIO()
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("teal", "orange")]
    frames[0].save(target, "AVIF", save_all=True, append_images=frames[1:])
    source = target.getvalue()
    colours = source.index(b"colrnclx", source.index(b"stsd")) - 4
    turn = box(b"irot", b"\3") + box(b"free", bytes(2))  # together as long as what they replace
    source = source[:colours] + turn + source[colours + len(turn) :]
    pictures = [seen(data) for data in (source, strip(source, "avif"))]
    assert [(picture.width, picture.height) for picture in pictures] == [(48, 64)] * 2
    assert [picture.facts.orientation for picture in pictures] == [6, 6]
