"""The unfinished file of one image: what an ended pull leaves, to go on with. One pull at a time writes to it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from galleries.cli.errors import CliError, Stopped

if sys.platform != "win32":
    import fcntl

EVERY = 0.2  # seconds between two looks whether another pull has ended


def part_of(folder: Path, image_id: str) -> Path:
    return folder / f".{image_id}.part"


@contextmanager
def open_part(path: Path, stop: threading.Event) -> Iterator[BufferedRandom]:
    """The unfinished file, ours alone until the block ends: two pulls that write to one file would spoil it, also after
    one of them has checked it and given it its name. Waits for the other; a pull that was killed holds nothing.

    It is never a link to somewhere else.

    Raises:
        Stopped
        OSError: it cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        with os.fdopen(descriptor, "r+b") as file:
            while not _lock(file):
                if stop.wait(EVERY):
                    raise Stopped
            if _is_at(file, path):  # the one before us has not given it its name
                yield file
                return


def take_name(part: Path, path: Path) -> None:
    """Give a finished file its name, but never another file's: linking fails where one has it."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise CliError("in_the_way", "Another file got its name meanwhile.") from None
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise CliError("in_the_way", "Another file got its name meanwhile.") from None
        part.rename(path)
    else:
        part.unlink()


def _lock(file: BufferedRandom) -> bool:
    """Whether nobody else has ``file``. Where a file system knows no locks, or Windows none of these, nobody does."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_at(file: BufferedRandom, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False
