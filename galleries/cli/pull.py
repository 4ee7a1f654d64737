"""``gallery pull``: a gallery into a folder. Each file is checked against its hash before it gets its name; running it
again goes on in the middle of the file where it was ended."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from io import BufferedRandom
from pathlib import Path
from typing import Any

from galleries.cli.errors import Away, CliError, Refused, Stopped, WrongUse
from galleries.cli.finding import find_gallery
from galleries.cli.parts import open_part, part_of, take_name
from galleries.cli.photos import CHUNK, hash_file
from galleries.cli.progress import Progress
from galleries.cli.web import ATTEMPTS, Site

Image = dict[str, Any]
LONGEST_NAME = 200  # bytes; file systems take 255, and a suffix may be added
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")  # names that Windows keeps for itself
WHOLE, PARTIAL = 200, 206
COMPLETE = {WHOLE, PARTIAL}
ENDED = {403, 404, 410}
SHARED = {"unauthorized", "disk"}  # what every other file would meet as well
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


@dataclass(frozen=True)
class Fetched:
    """What became of one image: ``fetched``, ``here``, ``gone`` (its time was up meanwhile), or ``failed``."""

    image_id: str
    file: str
    outcome: str
    code: str = ""
    detail: str = ""


@dataclass
class Pulled:
    """What became of a gallery."""

    gallery: dict[str, Any]
    files: list[Fetched] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        return sum(each.outcome == outcome for each in self.files)

    def as_json(self) -> dict[str, Any]:
        failed = [
            {"image_id": each.image_id, "file": each.file, "code": each.code, "detail": each.detail}
            for each in self.files
            if each.outcome == "failed"
        ]
        return {
            "gallery": {"id": self.gallery["id"], "title": self.gallery["title"]},
            "fetched": self.count("fetched"),
            "here": self.count("here"),
            "gone": self.count("gone"),
            "failed": failed,
        }


def pull(site: Site, name: str, folder: Path, progress: Progress, *, jobs: int) -> Pulled:
    """Fetch what ``folder`` does not hold yet; it is made when there is none.

    Raises:
        CliError: nothing could be begun.
    """
    gallery = find_gallery(site, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUse(f"{folder} cannot be made: {error.strerror}.") from None
    images = list(site.items(f"/galleries/{gallery['id']}/images"))
    progress.expect(len(images), sum(image["bytes"] for image in images))
    names = choose_names(images)
    fetcher = _Fetcher(site, folder, progress)
    pulled = Pulled(gallery)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            pulled.files += pool.map(lambda image: fetcher.fetch(image, names[image["id"]]), images)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            site.stop()
            raise
    return pulled


def safe_name(filename: str, content_type: str, fallback: str) -> str:
    """A name that stays in its folder and means nothing to any file system, whatever the site says."""
    name = filename if filename.strip(" .") else f"{fallback}.{content_type.rpartition('/')[2]}"
    name = unicodedata.normalize("NFC", name)
    name = "".join("_" if c in '/\\:*?"<>|' else c for c in name if c.isprintable())
    name = name.strip(" .") or fallback
    if RESERVED.match(name):
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > 10:
        stem, dot, suffix = name, "", ""
    room = LONGEST_NAME - len(suffix.encode()) - 1
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


@dataclass(frozen=True)
class Names:
    """What an image's file may be called: as the site says when no older one of the gallery has that name (case does
    not tell names apart everywhere), or with its id in the name."""

    plain: str
    with_id: str
    is_first: bool

    @property
    def all(self) -> tuple[str, str]:
        return self.plain, self.with_id

    @property
    def own(self) -> tuple[str, ...]:
        return self.all if self.is_first else (self.with_id,)


def choose_names(images: Sequence[Image]) -> dict[str, Names]:
    """The names of each image, by its id. Of several with one name the oldest keeps it: what is added later changes no
    file's name."""
    taken: set[str] = set()
    names = {}
    for image in sorted(images, key=lambda image: str(image["id"])):  # ids are in the order of time
        name = safe_name(image["filename"], image["content_type"], image["id"])
        path = Path(name)
        with_id = f"{path.stem}-{image['id'][-12:]}{path.suffix}"
        names[image["id"]] = Names(name, with_id, name.casefold() not in taken)
        taken.add(name.casefold())
    return names


class _Fetcher:
    """Fetches images into one folder; never writes over a file that is there."""

    def __init__(self, site: Site, folder: Path, progress: Progress) -> None:
        self.site, self.folder, self.progress = site, folder, progress

    def fetch(self, image: Image, names: Names) -> Fetched:
        """Fetch one image, unless one of its names holds it already."""
        name = names.own[0]
        try:
            if self.site.patience.stop.is_set():
                raise Stopped
            try:
                name, outcome = self._fetch(image, names)
            except OSError as error:
                raise _unwritable(error) from None
        except CliError as error:
            if isinstance(error, Away) or error.code in SHARED:
                self.site.patience.stop.set()
            if not isinstance(error, Stopped):
                self.progress.say(f"{name}: {error.detail}")
            self.progress.finish(image["bytes"])
            return Fetched(image["id"], name, "failed", error.code, error.detail)
        self.progress.finish(image["bytes"])
        return Fetched(image["id"], name, outcome)

    def _fetch(self, image: Image, names: Names) -> tuple[str, str]:
        """The name of the image's file, and ``here``, ``fetched`` or ``gone``."""
        name, here = self._choose(image, names)
        if here:
            return name, "here"
        part = part_of(self.folder, image["id"])
        with open_part(part, self.site.patience.stop) as file:
            name, here = self._choose(image, names)  # another pull may have fetched it while this one waited for it
            if not here and not self._complete(file, image):
                part.unlink(missing_ok=True)
                return name, "gone"
            if here:
                part.unlink(missing_ok=True)
                return name, "here"
            os.fsync(file.fileno())
            take_name(part, self.folder / name)
            _set_time(self.folder / name, image)
        return name, "fetched"

    def _choose(self, image: Image, names: Names) -> tuple[str, bool]:
        """The name that holds this very image already, otherwise one that is free; and whether it holds it."""
        for name in names.all:
            path = self.folder / name
            if path.is_file() and path.stat().st_size == image["bytes"] and hash_file(path) == image["stored_sha256"]:
                return name, True
        for name in names.own:
            if not os.path.lexists(self.folder / name):
                return name, False
        raise CliError("in_the_way", "Another file has its name already.")

    def _complete(self, file: BufferedRandom, image: Image) -> bool:
        """Fetch what is missing, as often as it takes; False: the image is gone."""
        address = str(image["original_url"])
        trouble: CliError = CliError("corrupt", "What came is not what the site promised.")
        for attempt in range(ATTEMPTS):
            if attempt:
                self.site.patience.wait(attempt, None)
            try:
                status = self._fill(file, image, address)
            except (OSError, HTTPException) as error:  # writing has its own
                trouble = Away(f"The file's address does not answer: {error}.")
                continue
            if status in COMPLETE and _matches(file, image):
                return True
            if os.fstat(file.fileno()).st_size >= image["bytes"]:
                file.truncate(0)  # not what was promised: from the beginning
            if status in ENDED:  # the pass has ended, or the image has
                fresh = self._again(image)
                if fresh is None:
                    return False
                address = fresh
            if status not in COMPLETE:
                trouble = CliError("refused", f"The site answered {status} for the file.")
        raise trouble

    def _fill(self, file: BufferedRandom, image: Image, address: str) -> int:
        """Go on where ``file`` ends; the status of the answer."""
        start = file.seek(0, os.SEEK_END)
        if start >= image["bytes"]:
            return PARTIAL  # all of it is there: to be checked
        with self.site.media(address, start) as response:
            if response.status == WHOLE:
                file.seek(0)
                file.truncate()
            if response.status in COMPLETE:
                while chunk := response.read(CHUNK):
                    if self.site.patience.stop.is_set():
                        raise Stopped
                    _write(file, chunk)
                    self.progress.move(len(chunk))
            return response.status

    def _again(self, image: Image) -> str | None:
        """A fresh address of the image; None when it is gone."""
        try:
            return str(self.site.get(f"/images/{image['id']}")["original_url"])
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise


def _write(file: BufferedRandom, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> CliError:
    return CliError("disk" if error.errno in DISK else "unwritable", f"It cannot be written: {error.strerror}.")


def _matches(file: BufferedRandom, image: Image) -> bool:
    file.seek(0)
    return bool(hashlib.file_digest(file, "sha256").hexdigest() == image["stored_sha256"])


def _set_time(path: Path, image: Image) -> None:
    """A photo's file is as old as the photo, so that folders sort as people expect."""
    taken = datetime.fromisoformat(image["taken_at"] or image["created_at"]).timestamp()
    os.utime(path, (taken, taken))
