"""The photos of a folder: which files they are, their hashes, and their bytes as a multipart body."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from galleries.cli.errors import CliError, WrongUse

# Of galleries/filenames.py, which is not there where the client is; a test holds the two together.
SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif"),
    *(".avif", ".avifs", ".heic", ".heif", ".hif", ".heics"),
}
CHUNK = 256 * 1024


@dataclass(frozen=True)
class Photo:
    """One file. ``name`` is its path below the folder, as it is reported."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True)
class Folder:
    """What is in a folder: its photos, and how many files beside them are none. Hidden ones do not count.
    ``unreadable``: by name, why a photo or a folder below could not be looked at."""

    photos: list[Photo]
    others: int
    unreadable: dict[str, CliError] = field(default_factory=dict)


def read_folder(folder: Path) -> Folder:
    """Every photo below ``folder``, in the order of their names; a file alone is itself.

    Raises:
        WrongUse: there is no such folder.
    """
    if folder.is_file():
        return Folder([Photo(folder, folder.name, folder.stat().st_size)], 0)
    if not folder.is_dir():
        raise WrongUse(f"There is no folder {folder}.")
    found = Folder([], 0)
    others = 0

    def note(error: OSError) -> None:
        found.unreadable[os.path.relpath(error.filename, folder)] = unreadable(error)

    for place, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            is_photo = path.suffix.lower() in SUFFIXES
            if name.startswith("."):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:  # a link to nothing, or gone just now
                continue
            except OSError as error:
                if is_photo:
                    note(error)
                continue
            if stat.S_ISREG(status.st_mode) and is_photo:
                found.photos.append(Photo(path, str(path.relative_to(folder)), status.st_size))
            elif stat.S_ISREG(status.st_mode):
                others += 1
    return Folder(found.photos, others, found.unreadable)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Raises:
        CliError: unreadable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> CliError:
    return CliError("unreadable", f"It cannot be read: {error.strerror}.")


class Multipart:
    """A photo as multipart/form-data (RFC 7578), streamed; may be sent again."""

    def __init__(self, photo: Photo, sha256: str, fields: dict[str, str], moved: Callable[[int], None]) -> None:
        self.photo, self.sha256, self.moved = photo, sha256, moved
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        # The name goes as a field, in UTF-8: how a header would have to quote it is read differently by each server.
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self.head = "".join(parts).encode("utf-8", "replace")
        self.tail = f"\r\n--{boundary}--\r\n".encode()
        self.length = len(self.head) + photo.size + len(self.tail)

    def __call__(self) -> Iterator[bytes]:
        """The body, in pieces. Its last bytes only leave when the file is still what was hashed, so that a photo that
        is written to meanwhile never arrives half old and half new.

        Raises:
            CliError: unreadable, changed.
        """
        yield self.head
        digest, left = hashlib.sha256(), self.photo.size
        try:
            with self.photo.path.open("rb") as file:
                while left and (chunk := file.read(min(CHUNK, left))):
                    digest.update(chunk)
                    left -= len(chunk)
                    yield chunk
                    self.moved(len(chunk))
        except OSError as error:
            raise unreadable(error) from None
        if left or digest.hexdigest() != self.sha256:
            raise CliError("changed", "It was changed while it was sent. Send it again.")
        yield self.tail
