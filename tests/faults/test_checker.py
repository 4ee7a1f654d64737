"""The checker is checked: a sound world is silent, and each way of breaking it screams.

One site runs for all of them; each test breaks a world of its own in it and mends it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.checker import Violation, verify_settled, verify_world
from tests.faults.site import FaultSite, picture
from tests.faults.snapshot import Row, read_snapshot

pytestmark = pytest.mark.slow


class Broken:
    """A sound world with three images: one kept, one removed, one that was kept until it expired."""

    def __init__(self, site: FaultSite) -> None:
        self.site = site
        alice = site.alice
        self.gallery = alice.make_gallery()
        self.kept, self.removed, self.expired = (
            alice.upload(self.gallery, picture(number)).json["id"] for number in range(3)
        )
        alice.remove(self.removed)
        now = datetime.now(UTC)
        for table_column in ("expires_at", "due_at"):
            self.set_row(self.expired, table_column, (now - timedelta(minutes=1)).isoformat(" ").removesuffix("+00:00"))
        site.ledger.promises[self.expired].expires_at = now - timedelta(minutes=1)

    def found(self) -> list[Violation]:
        place = (self.site.database, self.site.media, self.site.address, self.site.tokens[0], datetime.now(UTC))
        return verify_world(self.site.ledger, *place, stranger=self.site.tokens[1], log=self.site.log)

    def row(self, image: str) -> Row:
        return next(row for row in read_snapshot(self.site.database, self.site.media).rows if row.id == image)

    def object_of(self, image: str) -> Path:
        return self.site.data_dir / self.row(image).original

    def set_row(self, image: str, column: str, value: object) -> None:
        assert self.site.execute(f"UPDATE galleries_image SET {column} = ? WHERE id = ?", value, image) == 1  # noqa: S608


@pytest.fixture(scope="module")
def original(pattern: FaultSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    """The sound world, whose site runs all the time."""
    site = pattern.copy_to(tmp_path_factory.mktemp("sound") / "site")
    try:
        site.start()
        yield Broken(site)
    finally:
        site.kill()


@pytest.fixture
def world(original: Broken, tmp_path: Path) -> Iterator[Broken]:
    """The sound world, mended after the test: rows and objects as they were."""
    site = original.site
    tables = ("galleries_image", "galleries_gallery", "galleries_usage", "galleries_outboxentry", "accounts_user")
    shutil.copytree(site.media, tmp_path / "media")
    promises = dict(site.ledger.promises)
    log = site.log.read_bytes()
    for table in tables:
        site.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")  # noqa: S608
    yield original
    for table in tables:
        site.execute(f"DELETE FROM {table}")  # noqa: S608
    for table in tables:
        site.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")  # noqa: S608
        site.execute(f"DROP TABLE kept_{table}")
    shutil.rmtree(site.media)
    shutil.copytree(tmp_path / "media", site.media)
    site.ledger.promises = promises
    site.log.write_bytes(log)


def test_the_sound_world_is_silent(world: Broken) -> None:
    assert world.found() == []
    assert len(world.site.ledger) == 3


def _lose_an_original(world: Broken) -> None:
    world.object_of(world.kept).unlink()


def _lose_a_rendition(world: Broken) -> None:
    (world.site.data_dir / world.row(world.kept).keys[1]).unlink()


def _lose_an_object_in_the_bin(world: Broken) -> None:
    world.object_of(world.removed).unlink()


def _corrupt_a_byte(world: Broken) -> None:
    path = world.object_of(world.kept)
    body = bytearray(path.read_bytes())
    body[-3] ^= 1
    path.write_bytes(body)


def _cut_an_object(world: Broken) -> None:
    path = world.object_of(world.kept)
    path.write_bytes(path.read_bytes()[:-1])


def _swap_two_originals(world: Broken) -> None:
    shutil.copyfile(world.object_of(world.removed), world.object_of(world.kept))


def _delete_a_row(world: Broken) -> None:
    world.site.execute("DELETE FROM galleries_image WHERE id = ?", world.kept)


def _hide_an_image(world: Broken) -> None:
    world.set_row(world.kept, "taken_down_at", "2026-01-01 00:00:00")
    world.set_row(world.kept, "due_at", "2026-01-01 00:00:00")


def _end_a_promise_early(world: Broken) -> None:
    world.set_row(world.kept, "expires_at", "2100-01-01 00:00:00")
    world.set_row(world.kept, "due_at", "2100-01-01 00:00:00")


def _add_an_orphan(world: Broken) -> None:
    path = world.object_of(world.kept)
    shutil.copyfile(path, path.with_name(f"{'0' * 32}.jpg"))


def _leave_half_an_object(world: Broken) -> None:
    path = world.object_of(world.kept)
    path.with_name(f".{path.name}.part").write_bytes(b"half")


def _bring_back_what_was_removed(world: Broken) -> None:
    for column in ("removed_at", "removal"):
        world.set_row(world.removed, column, None)
    world.set_row(world.removed, "due_at", world.row(world.removed).expires_at.isoformat(" ")[:-6])  # type: ignore[union-attr]
    world.site.execute(
        "UPDATE galleries_gallery SET image_count = 3, bytes = bytes + ? WHERE id = ?",
        world.row(world.removed).bytes,
        world.gallery,
    )


def _bring_back_what_expired(world: Broken) -> None:
    for column in ("expires_at", "due_at"):
        world.set_row(world.expired, column, "2100-01-01 00:00:00")


def _delete_from_the_bin_too_early(world: Broken) -> None:
    world.set_row(world.removed, "state", "deleting")


def _empty_what_is_kept(world: Broken) -> None:
    world.set_row(world.kept, "state", "emptied")


def _release_quota(world: Broken) -> None:
    world.site.execute("UPDATE galleries_usage SET bytes = bytes - 1")


def _charge_an_image_twice(world: Broken) -> None:
    world.site.execute("UPDATE galleries_usage SET images = images + 1")


def _overdraw_the_quota(world: Broken) -> None:
    world.site.execute("UPDATE galleries_usage SET max_bytes = 1")


def _forget_the_usage(world: Broken) -> None:
    world.site.execute("DELETE FROM galleries_usage")


def _miscount_a_gallery(world: Broken) -> None:
    world.site.execute("UPDATE galleries_gallery SET image_count = image_count + 1 WHERE id = ?", world.gallery)


def _misweigh_a_gallery(world: Broken) -> None:
    world.site.execute("UPDATE galleries_gallery SET bytes = bytes + 1 WHERE id = ?", world.gallery)


def _move_the_due_time(world: Broken) -> None:
    world.set_row(world.kept, "due_at", "2026-01-01 00:00:00")


def _never_due(world: Broken) -> None:
    world.set_row(world.removed, "due_at", None)


def _make_a_second_copy(world: Broken) -> None:
    clone = world.site.clone(world.kept, 1)[0]
    world.set_row(clone, "sha256", world.row(world.kept).sha256)


def _leave_an_outbox_entry(world: Broken) -> None:
    world.site.execute(
        "INSERT INTO galleries_outboxentry VALUES (?, 1, '2026-01-01 00:00:00', 0, NULL)",
        world.kept,
    )


def _remove_only_the_flag_of_the_gallery(world: Broken) -> None:
    world.site.execute("UPDATE galleries_gallery SET removed_at = '2026-01-01 00:00:00' WHERE id = ?", world.gallery)


def _give_it_to_the_stranger(world: Broken) -> None:
    bob = "(SELECT id FROM accounts_user WHERE username = 'bob')"
    world.site.execute(f"UPDATE galleries_gallery SET owner_id = {bob} WHERE id = ?", world.gallery)  # noqa: S608


def _log_a_token(world: Broken) -> None:
    with world.site.log.open("a") as log:
        log.write(f'{{"message": "called with {world.site.tokens[0]}"}}\n')


def _log_a_pass(world: Broken) -> None:
    with world.site.log.open("a") as log:
        log.write(f"GET {world.site.ledger.promises[world.kept].addresses[1]}\n")


def _put_a_trace_into_a_title(world: Broken) -> None:
    world.site.execute("UPDATE galleries_gallery SET title = 'Traceback (most recent call last)'")


BREAKS: list[tuple[Callable[[Broken], None], str]] = [
    (_lose_an_original, "I1 I5"),
    (_lose_a_rendition, "I1 I5"),
    (_lose_an_object_in_the_bin, "I5"),
    (_corrupt_a_byte, "I1 I5"),
    (_cut_an_object, "I1 I5"),
    (_swap_two_originals, "I1 I5"),
    (_delete_a_row, "I1 I2 I4 I7"),
    (_hide_an_image, "I1 I2"),
    (_end_a_promise_early, "I1"),
    (_add_an_orphan, "I4"),
    (_leave_half_an_object, "I4"),
    (_bring_back_what_was_removed, "I3"),
    (_bring_back_what_expired, "I3"),
    (_delete_from_the_bin_too_early, "I2"),
    (_empty_what_is_kept, "I1 I2 I7"),
    (_release_quota, "I7"),
    (_charge_an_image_twice, "I7"),
    (_overdraw_the_quota, "I7"),
    (_forget_the_usage, "I7"),
    (_miscount_a_gallery, "I7"),
    (_misweigh_a_gallery, "I7"),
    (_move_the_due_time, "I8"),
    (_never_due, "I8"),
    (_make_a_second_copy, "I1"),
    (_leave_an_outbox_entry, "I8"),
    (_remove_only_the_flag_of_the_gallery, "I1 I3"),
    (_give_it_to_the_stranger, "I6"),
    (_log_a_token, "I10"),
    (_log_a_pass, "I10"),
    (_put_a_trace_into_a_title, "I10"),
]


@pytest.mark.parametrize(("act", "wanted"), BREAKS, ids=[act.__name__.strip("_") for act, _ in BREAKS])
def test_a_broken_world_screams(world: Broken, act: Callable[[Broken], None], wanted: str) -> None:
    act(world)
    named = {violation.invariant for violation in world.found()}
    assert set(wanted.split()) <= named, world.found()


def test_every_invariant_of_a_running_site_has_a_break() -> None:
    named = {invariant for _, wanted in BREAKS for invariant in wanted.split()}
    assert named == {f"I{number}" for number in range(1, 11)} - {"I9"}


def test_a_site_that_does_not_answer_is_not_sound(world: Broken) -> None:
    with closing(__import__("socket").create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    place = (world.site.database, world.site.media, f"http://127.0.0.1:{port}", world.site.tokens[0])
    named = {violation.invariant for violation in verify_world(world.site.ledger, *place, datetime.now(UTC))}
    assert {"I1", "I3", "I6"} <= named


def test_a_settled_world_has_nothing_left_to_do(world: Broken) -> None:
    def left(later: timedelta = timedelta(0)) -> list[str]:
        settled = verify_settled(world.site.database, world.site.media, datetime.now(UTC) + later)
        return [violation.what.partition(" ")[2] for violation in settled]

    assert left() == []
    assert left(timedelta(days=2)) == ["is overdue"] * 2
    for state in ("pending", "deleting"):
        world.set_row(world.kept, "state", state)
        assert f"is still {state}" in left()
    world.set_row(world.kept, "state", "emptied")
    assert "is left over" in left()
    assert "is still remembered" in left(timedelta(hours=1))
