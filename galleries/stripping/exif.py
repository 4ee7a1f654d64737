"""The one EXIF tag that survives: orientation (TIFF 6.0 and EXIF 2.32, tag 0x0112)."""

import re
import struct

_ORIENTATION = 0x0112
_ENTRY_BYTES = 12
# The whole-number field types of TIFF; 7 is "undefined", bytes of anything.
_FIELD_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i"}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
# How a TIFF block may begin, as Pillow takes it for the renditions: also with its number turned, or that of BigTIFF.
_ORDERS = {b"II*\0": "<", b"II\0*": "<", b"MM\0*": ">", b"MM*\0": ">", b"MM\0+": ">"}
_UPRIGHT = 1
_TURNED = range(2, 9)


def chosen_orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """The orientation, 1 to 8, that a careful reader applies; 1 when there is none or it is nonsense.

    EXIF decides; XMP is asked only when EXIF has no such tag at all (as Pillow does, so that the original
    and the renditions made by Pillow stand the same way).
    """
    value = _tiff_orientation(exif) if exif else None
    if value is None and xmp:
        match = _XMP_ORIENTATION.search(xmp)
        value = int(match[1]) if match else None
    return value if value in _TURNED and value is not None else _UPRIGHT


def orientation_only(orientation: int) -> bytes:
    """A TIFF block of 26 bytes that holds the orientation and nothing else; empty for an upright picture."""
    if orientation == _UPRIGHT:
        return b""
    header = struct.pack(">2sHI", b"MM", 42, 8)
    return header + struct.pack(">HHHIHHI", 1, _ORIENTATION, 3, 1, orientation, 0, 0)


def _tiff_orientation(exif: bytes) -> int | None:
    """The tag's raw value in the first directory of a TIFF block, None when there is none to be read."""
    tiff = exif
    for _ in range(2):  # some writers put the prefix twice
        tiff = tiff.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 10:
        return None
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    if directory + 2 > len(tiff):
        return None
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    last = min(directory + 2 + count * _ENTRY_BYTES, len(tiff) - _ENTRY_BYTES + 1)
    for entry in range(directory + 2, last, _ENTRY_BYTES):
        if struct.unpack_from(order + "H", tiff, entry)[0] == _ORIENTATION:
            return _first_number(tiff, entry, order)
    return None


def _first_number(tiff: bytes, entry: int, order: str) -> int | None:
    field_type, count = struct.unpack_from(order + "HI", tiff, entry + 2)
    field_format = _FIELD_FORMATS.get(field_type)
    if field_format is None or count < 1:
        return None
    size = struct.calcsize(field_format)
    position = entry + 8
    if size * count > 4:  # does not fit into the entry, which then holds where it is
        (position,) = struct.unpack_from(order + "I", tiff, position)
        if position + size * count > len(tiff):  # Pillow, too, passes over a field that is cut short
            return None
    return int(struct.unpack_from(order + field_format, tiff, position)[0])
