"""``gallery push``: a folder into a gallery. What is there already is not sent, so running it again goes on where it
was ended, however it was ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from galleries.cli.errors import Away, CliError, Refused, Stopped
from galleries.cli.finding import find_or_make_gallery
from galleries.cli.photos import Multipart, Photo, hash_file, read_folder
from galleries.cli.progress import Progress
from galleries.cli.web import Site

BATCH = 200  # files that are hashed and asked about at once; the API takes 1,000
# What would be answered for every other file as well: no sense in sending them.
SHARED = {"unauthorized", "forbidden", "quota_exceeded", "storage_full", "not_found", "moved"}


@dataclass(frozen=True)
class Sent:
    """What became of one file: ``sent``, ``here`` or ``lighter`` (nothing was sent: it is there, or something that was
    made from it, in another quality), or ``failed`` with a code."""

    file: str
    outcome: str
    image_id: str = ""
    code: str = ""
    detail: str = ""


@dataclass
class Pushed:
    """What became of a folder."""

    gallery: dict[str, Any]
    made: bool
    others: int
    files: list[Sent] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        return sum(each.outcome == outcome for each in self.files)

    def as_json(self) -> dict[str, Any]:
        failed = [
            {"file": each.file, "code": each.code, "detail": each.detail}
            for each in self.files
            if each.outcome == "failed"
        ]
        return {
            "gallery": {"id": self.gallery["id"], "title": self.gallery["title"], "made": self.made},
            "sent": self.count("sent"),
            "here": self.count("here"),
            "lighter": self.count("lighter"),
            "failed": failed,
            "not_photos": self.others,
        }


def push(
    site: Site,
    folder: Path,
    name: str,
    progress: Progress,
    *,
    retention: str | None,
    keep: bool,
    originals: bool,
    jobs: int,
) -> Pushed:
    """Send what the gallery called ``name`` does not hold yet; it is made when there is none. ``originals``: also where
    it holds something that was made from the same file.

    Raises:
        CliError: nothing could be begun.
    """
    found = read_folder(folder)
    gallery, made = find_or_make_gallery(site, name, retention)
    progress.expect(len(found.photos), sum(photo.size for photo in found.photos))
    pushed = Pushed(gallery, made, found.others)
    for lost, error in found.unreadable.items():
        progress.say(f"{lost}: {error.detail}")
        pushed.files.append(Sent(lost, "failed", code=error.code, detail=error.detail))
    sender = _Sender(site, gallery["id"], progress, keep, originals)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for each in sender.send_all(found.photos, pool, jobs):
                pushed.files.append(each)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            site.stop()  # ends what is on its way in the other threads
            raise
    return pushed


class _Sender:
    """Sends photos to one gallery, each at most once."""

    def __init__(self, site: Site, gallery_id: str, progress: Progress, keep: bool, originals: bool) -> None:
        self.site, self.gallery_id, self.progress = site, gallery_id, progress
        self.keep, self.originals = keep, originals
        self.first: dict[str, Future[Sent]] = {}  # by hash: the same picture twice in a folder is sent once
        self.here: dict[str, tuple[str, str]] = {}  # by hash: the image's id, and "here" or "lighter"
        self.asked = False

    def send_all(self, photos: Sequence[Photo], pool: ThreadPoolExecutor, jobs: int) -> Iterator[Sent]:
        """Each photo's end, in the order of the photos. Hashing goes on while others are sent, a few files ahead."""
        ahead = threading.Semaphore(jobs * 4)
        rest = iter(photos)
        while batch := list(islice(rest, BATCH)):
            hashed = list(zip(batch, pool.map(_try_hash, batch), strict=True))
            self._ask([found for _, found in hashed if isinstance(found, str)])
            futures: list[tuple[Photo, Future[Sent] | Sent]] = []
            for photo, found in hashed:
                if isinstance(found, CliError):
                    futures.append((photo, self._failed(photo, found)))
                    continue
                if found in self.here:
                    self.progress.finish(photo.size)
                    image_id, outcome = self.here[found]
                    futures.append((photo, Sent(photo.name, outcome, image_id)))
                elif found in self.first:
                    futures.append((photo, self.first[found]))
                else:
                    ahead.acquire()
                    future = self.first[found] = pool.submit(self._send, photo, found)
                    future.add_done_callback(lambda _: ahead.release())
                    futures.append((photo, future))
            yield from self._results(futures)

    def _results(self, futures: Iterable[tuple[Photo, Future[Sent] | Sent]]) -> Iterator[Sent]:
        for photo, future in futures:
            sent = future if isinstance(future, Sent) else future.result()
            if sent.file != photo.name:  # the same picture under another name
                self.progress.finish(photo.size)
                outcome = "here" if sent.outcome == "sent" else sent.outcome
                sent = Sent(photo.name, outcome, sent.image_id, sent.code, sent.detail)
            yield sent

    def _ask(self, hashes: list[str]) -> None:
        """Which of these are there. A failure ends the work; what was done before is still told."""
        if not hashes or self.site.patience.stop.is_set():
            return
        try:
            found = self.site.post(f"/galleries/{self.gallery_id}/images/check", {"hashes": hashes})
        except CliError as error:
            if not self.asked:
                raise
            self.progress.say(error.detail)
            self.site.patience.stop.set()
            return
        self.asked = True
        for each in found["items"]:
            exact = each.get("exact", True)
            if exact or not self.originals:
                self.here[each["hash"]] = (each["image_id"], "here" if exact else "lighter")

    def _send(self, photo: Photo, sha256: str) -> Sent:
        if self.site.patience.stop.is_set():
            return self._failed(photo, Stopped(), quiet=True)
        fields = {"filename": photo.path.name} | ({"metadata": "keep"} if self.keep else {})
        body = Multipart(photo, sha256, fields, self._moved)
        headers = {
            "Content-Type": body.content_type,
            "Content-Length": str(body.length),
            "Idempotency-Key": f"gallery-push-{sha256}",
        }
        try:
            answer = self.site.call("POST", f"/galleries/{self.gallery_id}/images", headers, body)
        except CliError as error:
            if isinstance(error, Away) or (isinstance(error, Refused) and error.code in SHARED):
                self.site.patience.stop.set()
            return self._failed(photo, error, quiet=isinstance(error, Stopped))
        self.progress.finish(photo.size)
        return Sent(photo.name, "here" if answer.body["duplicate"] else "sent", answer.body["id"])

    def _moved(self, size: int) -> None:
        if self.site.patience.stop.is_set():
            raise Stopped
        self.progress.move(size)

    def _failed(self, photo: Photo, error: CliError, quiet: bool = False) -> Sent:
        self.progress.finish(photo.size)
        if not quiet:
            self.progress.say(f"{photo.name}: {error.detail}")
        return Sent(photo.name, "failed", code=error.code, detail=error.detail)


def _try_hash(photo: Photo) -> str | CliError:
    try:
        return hash_file(photo.path)
    except CliError as error:
        return error
