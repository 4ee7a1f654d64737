"""The judge of every fault test: the invariants of SAFETY section 3.

It sees HTTP, the SQLite file and the media folder (a bucket's too), the items of a table, and the ledger of a client;
never an object of the application. It wants a quiet world: nobody writes while it looks.

I1 no acknowledged upload is lost            I6 nothing can be read by others
I2 no unexpired image is deleted             I7 the stored counts are right
I3 nothing expired or deleted is served      I8 the deleter's view is the row's (its record is never due earlier)
I4 every object has a row                    I9 nothing is left to do (``verify_settled``)
I5 every ready row has its objects           I10 no secret and no trace in answers or logs
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from tests.faults.ledger import Ledger, Promise
from tests.faults.snapshot import COUNTED, Counts, Row, Snapshot, read_snapshot
from tests.faults.web import Answer, Lost, ask

QUOTA = 10 * 1024**3  # bytes; the site's own limit where a person has none
GRACE = timedelta(days=1)
RESTORE_WINDOW = GRACE - timedelta(minutes=15)
LINGER = timedelta(minutes=15)
Item = dict[str, Any]  # as DynamoDB has them
LOOKS = 5  # images of which a stranger tries every address


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: str
    what: str


def verify_world(
    ledger: Ledger,
    database_path: Path,
    media_dir: Path,
    base_url: str,
    token: str,
    now: datetime,
    *,
    stranger: str = "",
    log: Path | None = None,
    items: Iterable[Item] | None = None,
) -> list[Violation]:
    """Everything that does not hold at ``now``; an empty ``base_url`` leaves out what needs a running site.

    ``token`` belongs to the ledger's owner, ``stranger`` to somebody else; ``items`` is all that is in the table of
    records, None where there is none.
    """
    world = read_snapshot(database_path, media_dir)
    found = [
        *(_no_outbox(world) if items is None else _records(world, items, now)),
        *_rows(world, now),
        *_objects(world, now, by_records=items is not None),
        *_counts(world),
        *_promised_rows(ledger, world, now),
    ]
    if base_url:
        visit = Visit(base_url, token, stranger, world.root)
        found += [*_promises(visit, ledger, now), *_galleries(visit, ledger, world, now), *_others(visit, ledger)]
        found += visit.leaks
    return found + (_log(log, token, ledger) if log else [])


def verify_settled(
    database_path: Path, media_dir: Path, now: datetime, items: Iterable[Item] | None = None
) -> list[Violation]:
    """I9: after the faults are over and drain and sweeps have run, nothing is begun, overdue, or too much."""
    world = read_snapshot(database_path, media_dir)
    found = [
        Violation("I9", f"{row.id} is still {row.state}") for row in world.rows if row.state in COUNTED - {"ready"}
    ]
    for row in world.rows:
        if row.state == "emptied" and row.touched_at <= now - LINGER:
            found.append(Violation("I9", f"{row.id} is still remembered"))
        if row.state == "ready" and row.due_at is not None and row.due_at <= now - GRACE:
            found.append(Violation("I9", f"{row.id} is overdue"))
    owned = {key for row in world.rows if row.state == "ready" for key in row.keys}
    found += [] if items is None else [*_no_outbox(world), *_in_line(world, items)]
    return found + [Violation("I9", f"{key} is left over") for key in world.files.keys() - owned]


# --- the table --------------------------------------------------------------------------------------------------------


def _no_outbox(world: Snapshot) -> Iterator[Violation]:
    if world.outbox:
        yield Violation("I8", f"{world.outbox} entries in an outbox that nobody drains")


def _records(world: Snapshot, items: Iterable[Item], now: datetime) -> Iterator[Violation]:
    """What is visible, or may come back, is not due earlier by its record, and nobody claimed it."""
    records = _by_image(items)
    for row in world.rows:
        item = records.get(row.id)
        returns = row.removed_at is not None and row.removed_at > now - RESTORE_WINDOW and row.taken_down_at is None
        unexpired = row.expires_at is None or row.expires_at > now
        if item is None or row.state != "ready" or not (row.visible(now) or (returns and unexpired)):
            continue
        if "claim" in item:
            yield Violation("I8", f"the record of {row.id} is claimed before its time")
        due = float(item["due_at"]["N"]) if "due_at" in item else math.inf
        if row.visible(now) and due < (math.inf if row.due_at is None else row.due_at.timestamp()):
            yield Violation("I8", f"the record of {row.id} is due before its row")


def _in_line(world: Snapshot, items: Iterable[Item]) -> Iterator[Violation]:
    """Each ready row has its equal record, and each record its row."""
    records = _by_image(items)
    for row in world.rows:
        if row.state != "ready":
            continue
        item = records.pop(row.id, None)
        if item is None:
            yield Violation("I8", f"{row.id} has no record")
            continue
        due = {} if row.due_at is None else {"N": str(math.ceil(row.due_at.timestamp()))}
        if "claim" in item or item.get("due_at", {}) != due or item["version"] != {"N": str(row.version)}:
            yield Violation("I8", f"the record of {row.id} is not what its row says")
        if sorted(key["S"] for key in item["keys"]["L"]) != sorted(row.keys):
            yield Violation("I8", f"the record of {row.id} lists other objects")
    for image in records:
        yield Violation("I9", f"the record of {image} is left over")


def _by_image(items: Iterable[Item]) -> dict[str, Item]:
    return {item["image"]["S"]: item for item in items if item["sk"]["S"].startswith("IMAGE#")}


# --- rows and files ---------------------------------------------------------------------------------------------------


def _rows(world: Snapshot, now: datetime) -> Iterator[Violation]:
    for damage in world.damage:
        yield Violation("I1", f"the database is damaged: {damage}")
    for row in world.rows:
        ends = [end for end in (row.expires_at, row.removed_at, row.taken_down_at) if end is not None]
        if row.state == "ready" and row.due_at != min(ends, default=None):
            yield Violation("I8", f"{row.id} is due at {row.due_at}, not at the least of its three ends")
        if (row.removal is None) != (row.removed_at is None):
            yield Violation("I8", f"{row.id} does not know how it was removed")
        if row.gallery_removed and row.counted:
            yield Violation("I3", f"{row.id} will never be due, though its gallery was removed")
    copies = Counter((row.gallery, row.sha256) for row in world.rows if row.visible(now))
    for (gallery, sha256), count in copies.items():
        if count > 1:
            yield Violation("I1", f"{count} copies of {sha256[:8]} in {gallery}")


def _objects(world: Snapshot, now: datetime, *, by_records: bool) -> Iterator[Violation]:
    owned = {key for row in world.rows for key in row.keys}
    for key in sorted(world.files.keys() - owned):
        yield Violation("I4", f"{key} belongs to no row")
    for row in world.rows:
        swept = by_records and row.due_at is not None and row.due_at <= now - GRACE  # by who cannot see rows
        if row.state != "ready" or swept:
            continue
        wanted = row.keys if row.taken_down_at is None else [row.original]
        for key in wanted:
            if not world.files.get(key):
                yield Violation("I5", f"{key} is missing or empty")
        if world.files.get(row.original):
            body = (world.root / row.original).read_bytes()
            if (len(body), hashlib.sha256(body).hexdigest()) != (row.bytes, row.stored_sha256):
                yield Violation("I5", f"{row.original} is not what its row says")


def _counts(world: Snapshot) -> Iterator[Violation]:
    for gallery in world.galleries:
        yield from _compare(gallery, [row for row in world.rows if row.gallery == gallery.id and row.counted])
    held = {usage.id for usage in world.usage}
    for owner in sorted({row.owner for row in world.rows} - held):
        yield Violation("I7", f"nothing is counted for {owner}")
    for usage in world.usage:
        yield from _compare(usage, [row for row in world.rows if row.owner == usage.id and row.state in COUNTED])
        if usage.bytes > (QUOTA if usage.max_bytes is None else usage.max_bytes):
            yield Violation("I7", f"{usage.id} is over the quota")


def _compare(counts: Counts, rows: list[Row]) -> Iterator[Violation]:
    real = (len(rows), sum(row.bytes for row in rows))
    if (counts.images, counts.bytes) != real:
        yield Violation("I7", f"{counts.id} is said to hold {counts.images}, {counts.bytes} bytes; it holds {real}")


def _promised_rows(ledger: Ledger, world: Snapshot, now: datetime) -> Iterator[Violation]:
    rows = {row.id: row for row in world.rows}
    for promise in ledger:
        row = rows.get(promise.id)
        restorable = promise.hidden_at is not None and promise.hidden_at > now - RESTORE_WINDOW
        unexpired = promise.expires_at is None or promise.expires_at > now
        if promise.unsure or not unexpired or not (promise.kept(now) or restorable):
            continue
        if row is None or row.state != "ready" or row.taken_down_at is not None:
            yield Violation("I2", f"{promise.id} was deleted before its time")
        elif promise.kept(now) and not row.visible(now):
            yield Violation("I2", f"{promise.id} is hidden, and nobody asked for it")


# --- what can be seen -------------------------------------------------------------------------------------------------


class Visit:
    """Asks the site, and keeps what no answer should say."""

    def __init__(self, base_url: str, token: str, stranger: str, root: Path) -> None:
        self.base_url, self.token, self.stranger = base_url, token, stranger
        self.secrets = [text for text in (token, stranger, str(root), "Traceback (most recent", "sqlite3.") if text]
        self.leaks: list[Violation] = []

    def get(self, path: str, token: str = "") -> Answer:
        """The answer, 0 when none came."""
        try:
            answer = ask(urljoin(self.base_url, path), token=token)
        except Lost as lost:
            return Answer(0, {}, str(lost).encode())
        said = answer.body + repr(answer.headers).encode()
        for secret in self.secrets:
            if secret.encode() in said and not path.startswith("/media/"):
                self.leaks.append(Violation("I10", f"{path} says {secret[:12]!r}"))
        return answer

    def api(self, path: str) -> Answer:
        """As the owner."""
        return self.get(f"/api/v1{path}", self.token)


def _promises(visit: Visit, ledger: Ledger, now: datetime) -> Iterator[Violation]:
    for promise in ledger:
        if promise.unsure:
            continue
        answer = visit.api(f"/images/{promise.id}")
        if not promise.kept(now):
            yield from _gone(visit, promise, answer)
        elif answer.status != 200:
            yield Violation("I1", f"{promise.id} was acknowledged and is answered with {answer.status}")
        else:
            yield from _kept(visit, promise, answer)


def _kept(visit: Visit, promise: Promise, answer: Answer) -> Iterator[Violation]:
    said = answer.json
    end = None if said["expires_at"] is None else datetime.fromisoformat(said["expires_at"].replace("Z", "+00:00"))
    if end != promise.expires_at:
        yield Violation("I1", f"{promise.id} was promised until {promise.expires_at}; now it is {end}")
    original = visit.get(said["original_url"])
    if original.status != 200 or hashlib.sha256(original.body).hexdigest() != promise.sha256:
        yield Violation("I1", f"the original of {promise.id} is not what was sent ({original.status})")
    for spec, rendition in said["renditions"].items():
        if (got := visit.get(rendition["url"])).status != 200 or not got.body:
            yield Violation("I1", f"the {spec} of {promise.id} is not there ({got.status})")


def _gone(visit: Visit, promise: Promise, answer: Answer) -> Iterator[Violation]:
    if answer.status != 404:
        yield Violation("I3", f"{promise.id} is gone and is answered with {answer.status}")
    for address in promise.addresses:
        status = visit.get(address).status
        if status != 404:
            yield Violation("I3", f"{urlsplit(address).path} is gone and is served ({status})")


def _galleries(visit: Visit, ledger: Ledger, world: Snapshot, now: datetime) -> Iterator[Violation]:
    """The list, the count and the zip of each gallery of the owner show what the rows show, and nothing else."""
    owners = {gallery.owner for gallery in world.galleries if gallery.id in {each.gallery for each in ledger}}
    for gallery in world.galleries:
        if gallery.owner not in owners:
            continue
        answer = visit.api(f"/galleries/{gallery.id}")
        if gallery.removed:
            if answer.status != 404:
                yield Violation("I3", f"the removed gallery {gallery.id} is answered with {answer.status}")
            continue
        rows = [row for row in world.rows if row.gallery == gallery.id and row.visible(now)]
        if answer.status != 200:
            yield Violation("I1", f"the gallery {gallery.id} is answered with {answer.status}")
        elif (answer.json["image_count"], answer.json["bytes"]) != (len(rows), sum(row.bytes for row in rows)):
            yield Violation("I7", f"the gallery {gallery.id} tells a wrong count")
        if Counter(_listed(visit, gallery.id)) != Counter(row.id for row in rows):
            yield Violation("I3", f"the list of {gallery.id} is not what is visible")
        if _zipped(visit, gallery.id) != Counter(row.stored_sha256 for row in rows):
            yield Violation("I3", f"the zip of {gallery.id} is not what is visible")


def _listed(visit: Visit, gallery: str) -> Iterator[str]:
    cursor = ""
    while True:
        answer = visit.api(f"/galleries/{gallery}/images?limit=200&cursor={cursor}")
        if answer.status != 200:
            yield f"status {answer.status}"
            return
        yield from (image["id"] for image in answer.json["items"])
        cursor = answer.json["next"]
        if not cursor:
            return


def _zipped(visit: Visit, gallery: str) -> Counter[str]:
    answer = visit.api(f"/galleries/{gallery}/zip")
    if answer.status == 404:
        return Counter()
    try:
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            return Counter(hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist())
    except zipfile.BadZipFile:
        return Counter([f"status {answer.status}"])


def _others(visit: Visit, ledger: Ledger) -> Iterator[Violation]:
    """I6: without a token, with another person's, and without the pass of an address."""
    promises = list(ledger)
    pages = {f"/g/{each.gallery}/{tail}" for each in promises for tail in ("", "zip/", "pass/", "bin/")}
    paths = {f"/api/v1/galleries/{each.gallery}{tail}" for each in promises for tail in ("", "/images", "/zip")}
    for each in promises[:LOOKS]:
        paths |= {f"/api/v1/images/{each.id}", f"/api/v1/images/{each.id}/original"}
        pages |= {f"/g/{each.gallery}/i/{each.id}/", f"/g/{each.gallery}/i/{each.id}/original/"}
        pages |= {urlsplit(address).path for address in each.addresses}
    for path in sorted(pages | paths):
        for token in {"", visit.stranger} if path in paths else {""}:
            answer = visit.get(path, token)
            to_sign_in = answer.status == 302 and "/accounts/login/" in answer.headers.get("location", "")
            if answer.status not in {401, 404} and not to_sign_in:
                yield Violation("I6", f"{path} answers {'a stranger' if token else 'anybody'} with {answer.status}")


def _log(log: Path, token: str, ledger: Ledger) -> list[Violation]:
    text = log.read_text(errors="replace")
    passes = {urlsplit(address).query for each in ledger for address in each.addresses}
    return [Violation("I10", "a secret is in the log") for secret in {token, *passes} if secret and secret in text]
