"""Commands are named where operators read; sweep_expired and drain_outbox: dry runs, JSON, exit codes 0, 1 and 2."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.utils import timezone

from galleries import metadata, sweeping
from galleries.models import Gallery, Image, State
from galleries.removal import delete_for_good, remove_images
from galleries.storage import LocalMediaStorage, StorageError
from gallery_site.settings import BASE_DIR
from tests.core.calling import call, call_json
from tests.core.world import DAY, START, add, check_world, clock, files

pytestmark = pytest.mark.django_db


def test_every_command_is_named_where_operators_read() -> None:
    ours = {name for name, app in get_commands().items() if app in {"galleries", "gallery_site.accounts"}}
    texts = [path.read_text() for path in (BASE_DIR / "README.md", BASE_DIR / "CONTRIBUTING.md")]
    texts += [path.read_text() for path in (BASE_DIR / "docs").glob("*.md")]
    install = (BASE_DIR / "deploy" / "install.sh").read_text()  # it uses some itself
    assert {name for name in ours if name not in " ".join([*texts, install])} == set()


# --- sweep_expired ----------------------------------------------------------------------------------------------------


def test_sweep_is_dry_without_apply(gallery: Gallery, data_dir: Path) -> None:
    with clock(START) as time_:
        add(gallery, 1)
        time_.shift(8 * DAY)
        before = files(data_dir)
        code, report = call_json("sweep_expired")
        assert (code, report) == (0, {"due": 1, "deleted": 0, "failed": 0, "skipped": 0, "bytes": 100, "held": 0})
        assert files(data_dir) == before
        assert "Nothing was changed" in call("sweep_expired")[1]
        code, report = call_json("sweep_expired", "--apply")
        assert (code, report) == (0, {"due": 1, "deleted": 1, "failed": 0, "skipped": 0, "bytes": 100, "held": 0})
        assert not files(data_dir)
        assert "0 of 0" in call("sweep_expired", "--apply")[1]


def test_sweep_takes_an_age_a_gallery_and_a_limit(gallery: Gallery, data_dir: Path) -> None:
    from galleries.galleries import create_gallery

    with clock(START) as time_:
        other = create_gallery(gallery.owner, title="Other", retention="7d", now=START)
        for number in range(3):
            add(gallery, number)
        add(other, 1)
        time_.shift(7 * DAY + timedelta(hours=2))
        assert call_json("sweep_expired")[1]["due"] == 0
        assert call_json("sweep_expired", "--older-than", "2h")[1]["due"] == 4
        assert call_json("sweep_expired", "--older-than", "7201s")[1]["due"] == 0
        assert call_json("sweep_expired", "--older-than", "2h", "--gallery", gallery.hex)[1]["due"] == 3
        limited = ("sweep_expired", "--older-than", "2h", "--gallery", str(gallery.id), "--limit", "2", "--apply")
        code, report = call_json(*limited)
        assert (code, report["deleted"]) == (1, 2)  # one is left
        assert call_json("sweep_expired", "--older-than", "2h")[1]["due"] == 2
        code, report = call_json(*limited)
        assert (code, report["deleted"]) == (0, 1)  # nothing of this gallery
        check_world(timezone.now(), data_dir)


def test_a_limit_that_leaves_something_of_what_was_begun_says_so(gallery: Gallery) -> None:
    with clock(START):
        ids = [add(gallery, number).id for number in range(3)]
        remove_images(gallery, ids, START)
        delete_for_good(gallery, ids, START)
        codes = [call("sweep_expired", "--apply", "--limit", limit)[0] for limit in ("1", "1", "1", "1")]
    assert codes == [1, 1, 0, 0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--older-than", "2"),
        ("--older-than", "2w"),
        ("--older-than", "-2h"),
        ("--older-than", "2h "),
        ("--older-than", "\u0662h"),
        ("--limit", "0"),
        ("--limit", "-1"),
        ("--limit", "many"),
        ("--gallery", "x"),
        ("--gallery", "0" * 32),
    ],
)
def test_wrong_use_of_the_sweep_is_2(arguments: tuple[str, str]) -> None:
    """From a shell argparse itself exits with 2; called from Python it raises what has no code of its own."""
    from galleries.management.commands.sweep_expired import Command

    command = Command(stdout=io.StringIO(), stderr=io.StringIO())
    with pytest.raises(SystemExit) as end:
        command.run_from_argv(["manage.py", "sweep_expired", *arguments])
    assert end.value.code == 2


def test_with_records_the_age_has_a_floor(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    class Records(metadata.NullRecords):
        enabled = True

    monkeypatch.setattr("galleries.management.commands.sweep_expired.records", Records)
    assert call("sweep_expired", "--older-than", "899s")[0] == 2
    assert call("sweep_expired", "--older-than", "15m")[0] == 0


def test_a_failed_delete_is_1(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock(START) as time_:
        add(gallery, 1)
        time_.shift(8 * DAY)
        monkeypatch.setattr(LocalMediaStorage, "delete_objects", lambda self, keys: dict.fromkeys(keys, "denied"))
        code, report = call_json("sweep_expired", "--apply")
        assert code == 1
        assert (report["due"], report["deleted"], report["failed"]) == (1, 0, 1)


def test_a_store_that_is_down_is_1(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(self: LocalMediaStorage, keys: list[str]) -> dict[str, str]:
        raise StorageError("down")

    with clock(START) as time_:
        add(gallery, 1)
        time_.shift(8 * DAY)
        monkeypatch.setattr(LocalMediaStorage, "delete_objects", down)
        assert call("sweep_expired", "--apply")[0] == 1
        assert Image.objects.get().state == State.DELETING
        monkeypatch.undo()


def test_a_held_mass_is_1_and_may_be_allowed(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MASS_FLOOR", 2)
    monkeypatch.setattr("cleanup_lambda.sweep.MASS_FLOOR", 2)
    with clock(START) as time_:
        for number in range(3):
            add(gallery, number)
        time_.shift(8 * DAY)
        for apply in ((), ("--apply",)):
            code, report = call_json("sweep_expired", *apply)
            assert (code, report["held"], report["deleted"]) == (1, 3, 0)
        code, report = call_json("sweep_expired", "--apply", "--allow-mass")
        assert (code, report["held"], report["deleted"]) == (0, 0, 3)


def test_the_sweep_drops_accounts_that_are_empty(gallery: Gallery) -> None:
    from gallery_site.accounts.deletion import delete_account
    from gallery_site.accounts.models import User

    with clock(START) as time_:
        add(gallery, 1)
        delete_account(gallery.owner, START)
        for _ in range(3):
            time_.shift(2 * DAY)
            assert call("sweep_expired", "--apply")[0] == 0
        assert not User.objects.exists()


# --- drain_outbox -----------------------------------------------------------------------------------------------------


def test_drain_without_records_has_nothing_to_do() -> None:
    assert call_json("drain_outbox") == (0, {"published": 0, "left": 0})


def test_a_drain_that_leaves_something_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("galleries.management.commands.drain_outbox.drain_outbox", lambda now, limit: (3, limit))
    assert call_json("drain_outbox", "--limit", "7") == (1, {"published": 3, "left": 7})
