"""Zips: exact length, whole entries, safe names, 64-bit where it is needed, and one slot each."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from galleries import zips
from galleries.access import live_images
from galleries.models import Gallery, Image
from galleries.removal import remove_images
from galleries.storage import ObjectMissing
from galleries.views.gallery import download_zip
from galleries.zips import Entry, freeze_entries, write_zip, zip_length, zip_response
from tests.core.test_filenames import NAMES, _check_archived
from tests.core.world import START, add, fetch, picture, problem_of
from tests.live import ROOT

pytestmark = pytest.mark.django_db
GIB = 1024**3


@pytest.fixture(autouse=True)
def _all_slots_are_given_back() -> Iterator[None]:
    zips.Places.taken.clear()
    yield
    assert zips.Places.taken.total() == 0


def _live(gallery: Gallery) -> list[Entry]:
    return freeze_entries(live_images(gallery, timezone.now()))


def _unpack(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_a_zip_holds_every_live_original_and_has_the_promised_length(gallery: Gallery, alice_client: Client) -> None:
    for number in range(5):
        add(gallery, number, filename=f"{number}.jpg")
    removed = add(gallery, 9)
    remove_images(gallery, [removed.id], timezone.now())
    answer = fetch(alice_client, f"{gallery.get_absolute_url()}zip/")
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Summer.zip"'
    assert _unpack(answer.body) == {f"{number}.jpg": picture(number) for number in range(5)}


def test_head_reads_nothing_and_holds_nothing(
    gallery: Gallery, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, 1)
    length = fetch(alice_client, f"{gallery.get_absolute_url()}zip/").headers["Content-Length"]
    monkeypatch.setattr("galleries.zips._read", lambda entry: pytest.fail("a HEAD has no body"))
    answer = fetch(alice_client, f"{gallery.get_absolute_url()}zip/", "HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, length)
    request = RequestFactory().head("/")
    request.user = gallery.owner
    response = download_zip(request, gallery.id)  # type: ignore[arg-type]
    assert list(response) == [], "a server may read what a HEAD streams"
    assert zips.Places.taken.total() == 0


def test_a_selection_is_packed_alone(gallery: Gallery, alice_client: Client) -> None:
    images = [add(gallery, n, filename=f"{n}.jpg") for n in range(3)]
    answer = alice_client.post(f"{gallery.get_absolute_url()}images/", {"action": "download", "ids": images[1].hex})
    assert set(_unpack(b"".join(answer))) == {"1.jpg"}


def test_an_empty_gallery_has_no_zip(gallery: Gallery, alice_client: Client) -> None:
    assert alice_client.get(f"{gallery.get_absolute_url()}zip/").status_code == 404


def test_entries_carry_the_time_of_the_picture(gallery: Gallery) -> None:
    taken = datetime(2019, 7, 5, 13, 45, 31, tzinfo=UTC)
    add(gallery, 1, filename="1.jpg", taken_at=taken)
    add(gallery, 2, filename="2.jpg", taken_at=datetime(1955, 1, 1, tzinfo=UTC))
    add(gallery, 3, filename="3.jpg", taken_at=datetime(9000, 1, 1, tzinfo=UTC))
    data = b"".join(write_zip(_live(gallery)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        times = {info.filename: info.date_time for info in archive.infolist()}
        extra = archive.getinfo("1.jpg").extra
        assert archive.getinfo("1.jpg").compress_type == zipfile.ZIP_STORED
        assert archive.getinfo("1.jpg").external_attr >> 16 == 0o100644
    assert times == {
        "1.jpg": (2019, 7, 5, 13, 45, 30),
        "2.jpg": (1980, 1, 1, 0, 0, 0),
        "3.jpg": (2107, 12, 31, 0, 0, 0),
    }
    kind, size, flags, seconds = struct.unpack("<HHBi", extra)
    assert (kind, size, flags, seconds) == (0x5455, 5, 1, int(taken.timestamp()))


def test_times_are_those_of_the_cameras_own_clock(gallery: Gallery) -> None:
    """Beside it stands the instant (Info-ZIP's field 0x5455), which programs prefer where they know it."""
    add(gallery, 1, filename="1.jpg", taken_at=datetime.fromisoformat("2024-05-31T00:30:00+02:00"))
    add(gallery, 2, filename="2.jpg", taken_at=datetime.fromisoformat("1979-12-31T23:30:00-02:00"))
    early, late = freeze_entries(Image.objects.all())
    assert early.time == datetime(1980, 1, 1, tzinfo=UTC)
    assert late.time.timestamp() == datetime(2024, 5, 30, 22, 30, tzinfo=UTC).timestamp()
    assert late.time.timetuple()[:5] == (2024, 5, 31, 0, 30)


def test_entries_come_in_the_order_in_which_they_were_taken(gallery: Gallery) -> None:
    for number in (3, 1, 2):
        add(gallery, number, filename=f"{number}.jpg", taken_at=START + number * timedelta(hours=1))
    assert [entry.name for entry in _live(gallery)] == [b"1.jpg", b"2.jpg", b"3.jpg"]


def test_hostile_names_are_unpacked_apart(gallery: Gallery, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        add(gallery, number, filename=name)
    data = b"".join(write_zip(_live(gallery)))
    for name in _unpack(data):
        _check_archived(name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "out")
    unpacked = list((tmp_path / "out").iterdir())
    assert len(unpacked) == len(NAMES)
    assert {path.read_bytes() for path in unpacked} == {picture(n) for n in range(len(NAMES))}


def test_the_content_is_frozen_when_it_begins(gallery: Gallery) -> None:
    first = add(gallery, 1)
    chunks = write_zip(_live(gallery))
    next(chunks)
    add(gallery, 2)
    remove_images(gallery, [first.id], timezone.now())
    assert len(_unpack_rest(gallery, chunks)) == 1


def _unpack_rest(gallery: Gallery, chunks: Iterator[bytes]) -> list[bytes]:
    return [chunk for chunk in chunks if chunk.startswith(b"picture")]


@pytest.mark.parametrize("change", ["missing", "shorter", "longer"])
def test_an_object_that_is_not_what_the_row_says_cuts_the_zip(gallery: Gallery, data_dir: Path, change: str) -> None:
    add(gallery, 1)
    second = add(gallery, 2)
    path = data_dir / second.original_key
    if change == "missing":
        path.unlink()
    else:
        path.unlink()
        path.write_bytes(picture(2)[:50] if change == "shorter" else picture(2) + b"more")
    entries = _live(gallery)
    sent: list[bytes] = []
    with pytest.raises((ObjectMissing, OSError)):
        sent.extend(write_zip(entries))
    assert len(b"".join(sent)) < zip_length(entries)
    assert b"more" not in b"".join(sent)


# --- slots ------------------------------------------------------------------------------------------------------------


def test_a_person_reads_two_zips_at_once(gallery: Gallery) -> None:
    add(gallery, 1)
    images = live_images(gallery, timezone.now())
    open_ones = [zip_response(gallery, images, "user 1") for _ in range(2)]
    problem = problem_of(lambda: zip_response(gallery, images, "user 1"))
    assert (problem.code, problem.retry_after) == ("rate_limited", 10)
    other = zip_response(gallery, images, "user 2")
    for response in (*open_ones, other):
        assert b"".join(response)
    assert zips.Places.taken.total() == 0
    again = zip_response(gallery, images, "user 1")
    again.close()
    again.close()


def test_a_zip_without_a_place_costs_no_look_at_what_would_be_in_it(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, 1)
    images = live_images(gallery, timezone.now())
    with ExitStack() as stack:
        for _ in range(2):
            stack.callback(zip_response(gallery, images, "user 1").close)
        monkeypatch.setattr("galleries.zips.freeze_entries", lambda images: pytest.fail("it looked"))
        assert problem_of(lambda: zip_response(gallery, images, "user 1")).code == "rate_limited"


def test_a_process_reads_no_more_than_its_share(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "PER_PROCESS", 3)
    add(gallery, 1)
    images = live_images(gallery, timezone.now())
    responses = [zip_response(gallery, images, f"user {n}") for n in range(3)]
    assert problem_of(lambda: zip_response(gallery, images, "user 9")).code == "rate_limited"
    for response in responses:
        response.close()


@pytest.mark.parametrize(("threads", "most"), [("64", 32), ("32", 16), ("1", 1)])
def test_zips_leave_half_of_the_threads_to_others(tmp_path: Path, threads: str, most: int) -> None:
    """With the 32 of a server's processes, too: each zip holds one for as long as its reader takes."""
    ask = "import django; django.setup(); from galleries.zips import PER_PROCESS; print(PER_PROCESS)"
    environ = {"DJANGO_SETTINGS_MODULE": "gallery_site.settings", "GALLERY_DATA_DIR": str(tmp_path)}
    environ["GALLERY_THREADS"] = threads
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environ, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) == most


@pytest.mark.parametrize("leave", ["at once", "half way", "error"])
def test_a_slot_is_given_back_once_however_it_ends(gallery: Gallery, data_dir: Path, leave: str) -> None:
    image = add(gallery, 1)
    response = zip_response(gallery, live_images(gallery, timezone.now()), "user 1")
    if leave == "error":
        (data_dir / image.original_key).unlink()
        with pytest.raises(ObjectMissing):
            list(response)
    elif leave == "half way":
        next(iter(response))
    response.close()
    assert zips.Places.taken.total() == 0


def test_a_refused_zip_of_nothing_takes_no_slot(gallery: Gallery) -> None:
    images = live_images(gallery, timezone.now())
    for _ in range(4):
        assert problem_of(lambda: zip_response(gallery, images, "user 1")).code == "not_found"


# --- large ------------------------------------------------------------------------------------------------------------


class Sparse(io.RawIOBase):
    """So many zero bytes, the same chunk again and again."""

    chunk = bytes(zips.CHUNK)

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else self.left, self.left, len(self.chunk))
        self.left -= size
        return self.chunk if size == len(self.chunk) else self.chunk[:size]


class SparseStore:
    """Objects whose key is their size."""

    def open_object(self, key: str) -> BinaryIO:
        return Sparse(int(key))  # type: ignore[return-value]


class Kept(io.RawIOBase):
    """Keeps the headers of a zip as it streams by, and zero bytes as holes: enough for zipfile to read it again."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.parts: list[tuple[int, bytes]] = []
        self.size = self.position = 0
        for chunk in chunks:
            if chunk is not Sparse.chunk and chunk.count(0) != len(chunk):
                self.parts.append((self.size, chunk))
            self.size += len(chunk)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        return self.position

    def read(self, size: int = -1) -> bytes:
        end = self.size if size < 0 else min(self.position + size, self.size)
        answer = bytearray(end - self.position)
        for start, part in self.parts:
            low, high = max(start, self.position), min(start + len(part), end)
            if low < high:
                answer[low - self.position : high - self.position] = part[low - start : high - start]
        self.position = end
        return bytes(answer)


def _sparse_entries(*sizes: int) -> list[Entry]:
    return [Entry(str(size), f"{n}.jpg".encode(), size, 0, START) for n, size in enumerate(sizes)]


def test_a_zip_over_four_gigabytes_is_zip64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Structure and length of 4.5 GB without a file of it: the bytes are one chunk, sent again and again."""
    monkeypatch.setattr(zips, "media_storage", SparseStore)
    monkeypatch.setattr(zips, "CHUNK", 64 * 1024**2)
    monkeypatch.setattr(Sparse, "chunk", bytes(64 * 1024**2))
    entries = _sparse_entries(3 * GIB, 3 * GIB // 2, 1000, 0)
    tracemalloc.start()
    kept = Kept(write_zip(entries))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.size == zip_length(entries) > 4 * GIB
    assert peak < 2 * 1024**2, "memory does not grow with the zip"
    with zipfile.ZipFile(kept) as archive:
        infos = archive.infolist()
        assert [info.file_size for info in infos] == [entry.size for entry in entries]
        assert infos[2].header_offset > 0xFFFFFFFF
        for info in infos:
            kept.seek(info.header_offset)
            assert kept.read(4) == b"PK\x03\x04"
    tail = kept.parts[-1][1]
    assert tail.startswith(b"PK\x06\x06")
    assert b"PK\x06\x07" in tail


@pytest.mark.parametrize("count", [65_534, 65_535])
def test_many_entries_are_counted_in_64_bits(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(zips, "media_storage", SparseStore)
    entries = [Entry("0", b"%d.jpg" % n, 0, 0, START) for n in range(count)]
    data = b"".join(write_zip(entries))
    assert len(data) == zip_length(entries)
    assert (b"PK\x06\x06" in data[-200:]) == (count >= 65_535)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.infolist()) == count


@pytest.mark.parametrize("before", [0xFFFFFFFE, 0xFFFFFFFF, 0x100000000])
def test_the_border_of_32_bits(before: int) -> None:
    """An offset of 0xFFFFFFFF itself means "see the 64-bit field"."""
    entry = Entry("0", b"a.jpg", 0, zlib.crc32(b""), START)
    header = zips._central_header(entry, before)
    offset = struct.unpack_from("<I", header, 42)[0]
    assert offset == min(before, 0xFFFFFFFF)
    assert (struct.pack("<HHQ", 1, 8, before) in header) == (before >= 0xFFFFFFFF)
    end = zips._end(1, 50, before)
    assert end.startswith(b"PK\x06\x06") == (before >= 0xFFFFFFFF)


def test_freezing_many_rows_takes_few_queries(gallery: Gallery, django_assert_num_queries: object) -> None:
    for number in range(5):
        add(gallery, number)
    with django_assert_num_queries(1):  # type: ignore[operator]
        entries = _live(gallery)
    assert {entry.key for entry in entries} == {image.original_key for image in Image.objects.select_related("gallery")}
