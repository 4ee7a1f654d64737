"""File names: how one that a person (or an attacker) sent is shown, downloaded and written into a zip."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from django.utils.http import content_disposition_header

from galleries.models import Image
from galleries.models.image import FILENAME_LENGTH

# Extensions that are right for a content of ours; the first is the one that is added.
EXTENSIONS = {
    "jpg": ("jpg", "jpeg", "jpe", "jfif"),
    "png": ("png", "apng"),
    "webp": ("webp",),
    "gif": ("gif",),
    "avif": ("avif", "avifs"),
    "heic": ("heic", "heif", "hif", "heics"),
}
# Names that Windows keeps for devices, whatever the extension (superscript digits count as digits there).
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)")
# Most file systems take 255 bytes; an extension and " (12345)" come after the stem.
_ARCHIVED_STEM_BYTES = 230
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_FORBIDDEN_IN_ZIP = re.compile(r'[<>:"/\\|?*]')


def is_kept(character: str) -> bool:
    """Whether it stays in what people write: no control (Cc), no direction mark or joiner that hides (Cf, but emoji
    need U+200D), no line end (Zl, Zp), nothing that is no character or nobody's (Cs, Co)."""
    return character == "\u200d" or unicodedata.category(character) not in _DROPPED


def clean_filename(name: str) -> str:
    """``name`` as it is kept and shown: NFC, the last path piece, no control or direction marks, at most 150
    characters.

    The extension survives the cut. A name of nothing becomes "photo".
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = re.sub(r"\s+", " ", "".join(filter(is_kept, name))).strip(" .\u200d")
    if len(name) <= FILENAME_LENGTH:
        return name or "photo"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 8:
        return name[:FILENAME_LENGTH].rstrip()
    return f"{stem[: FILENAME_LENGTH - len(extension) - 1].rstrip()}.{extension}"


def download_header(image: Image) -> str:
    """The Content-Disposition under which the original is downloaded (RFC 6266, RFC 8187)."""
    return content_disposition_header(True, download_name(image)) or "attachment"


def download_name(image: Image) -> str:
    """The name of the downloaded original: the person's, with an extension that fits the content."""
    right = EXTENSIONS[image.extension]
    stem, dot, extension = image.filename.rpartition(".")
    if dot and stem and extension.lower() in right:
        return image.filename
    known = {known for group in EXTENSIONS.values() for known in group}
    base = stem if dot and stem and extension.lower() in known else image.filename
    return f"{base}.{right[0]}"


def archive_names(images: Iterable[Image]) -> Iterator[tuple[Image, str]]:
    """Each image with its name inside a zip: flat, safe on every system, unique without regard to case."""
    seen: dict[str, int] = {}  # by stem, as systems without case know it: where the next of that name goes on
    taken: set[str] = set()
    for image in images:
        name = _FORBIDDEN_IN_ZIP.sub("_", download_name(image)).strip(" .")
        if _DEVICES.match(name):
            name = f"_{name}"
        stem, _, extension = name.rpartition(".")
        stem = stem.encode()[:_ARCHIVED_STEM_BYTES].decode(errors="ignore").rstrip(" .")
        name, folded = f"{stem}.{extension}", _fold(stem)
        while _fold(name) in taken:
            seen[folded] = seen.get(folded, 1) + 1
            name = f"{stem} ({seen[folded]}).{extension}"
        taken.add(_fold(name))
        yield image, name


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
