"""What lies in the database file and in the media folder, read without the site."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COUNTED = {"pending", "ready", "deleting"}  # what a quota counts


@dataclass(frozen=True)
class Row:
    """One image's row. Sizes in bytes; times aware, in UTC."""

    id: str
    gallery: str
    owner: str
    state: str
    gallery_removed: bool
    expires_at: datetime | None
    removed_at: datetime | None
    removal: str | None
    taken_down_at: datetime | None
    due_at: datetime | None
    touched_at: datetime
    dedup_key: str | None
    sha256: str
    stored_sha256: str
    bytes: int
    extension: str
    renditions: str
    version: int

    def visible(self, now: datetime) -> bool:
        """Rule 1 of LIFECYCLE, its gallery included."""
        hidden = self.state != "ready" or self.removed_at is not None or self.taken_down_at is not None
        return not hidden and not self.gallery_removed and (self.expires_at is None or self.expires_at > now)

    @property
    def counted(self) -> bool:
        """Whether the stored counts of its gallery hold it."""
        return self.state == "ready" and self.removed_at is None and self.taken_down_at is None

    @property
    def original(self) -> str:
        return f"media/{self.owner}/{self.gallery}/o/{self.id}.{self.extension}"

    @property
    def keys(self) -> list[str]:
        """Every object that this row lists, the original first."""
        names = self.renditions.split()[::2]
        return [self.original, *(f"media/{self.owner}/{self.gallery}/r/{self.id}/{name}" for name in names)]


@dataclass(frozen=True)
class Counts:
    """What is stored as counted: of a gallery, or of a person."""

    id: str
    owner: str
    images: int
    bytes: int
    removed: bool = False
    max_bytes: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment; ``files`` holds size by key, below ``root``."""

    rows: list[Row]
    galleries: list[Counts]
    usage: list[Counts]
    outbox: int
    receipts: list[str]
    damage: list[str]
    files: dict[str, int]
    root: Path


def read_snapshot(database: Path, media_dir: Path) -> Snapshot:
    """Read the database in one transaction, then the folder; nothing may be written meanwhile."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return Snapshot(
            rows=list(_rows(connection)),
            galleries=list(_galleries(connection)),
            usage=list(_usage(connection)),
            outbox=connection.execute("SELECT count(*) FROM galleries_outboxentry").fetchone()[0],
            receipts=[row[0] for row in connection.execute("SELECT image FROM galleries_receipt")],
            damage=_damage(connection),
            files=_files(media_dir),
            root=media_dir.parent,
        )


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    times = ("expires_at", "removed_at", "taken_down_at", "due_at", "touched_at")
    same = (
        "id",
        "state",
        "removal",
        "dedup_key",
        "sha256",
        "stored_sha256",
        "bytes",
        "extension",
        "renditions",
        "version",
    )
    query = """SELECT i.*, g.owner_id AS owner, g.removed_at AS gallery_removed_at
               FROM galleries_image i JOIN galleries_gallery g ON g.id = i.gallery_id ORDER BY i.id"""
    for row in connection.execute(query):
        values: dict[str, Any] = {name: row[name] for name in same} | {name: _time(row[name]) for name in times}
        yield Row(
            gallery=row["gallery_id"], owner=row["owner"], gallery_removed=bool(row["gallery_removed_at"]), **values
        )


def _galleries(connection: sqlite3.Connection) -> Iterator[Counts]:
    for row in connection.execute("SELECT * FROM galleries_gallery"):
        yield Counts(row["id"], row["owner_id"], row["image_count"], row["bytes"], removed=bool(row["removed_at"]))


def _usage(connection: sqlite3.Connection) -> Iterator[Counts]:
    for row in connection.execute("SELECT * FROM galleries_usage"):
        yield Counts(row["owner_id"], row["owner_id"], row["images"], row["bytes"], max_bytes=row["max_bytes"])


def _damage(connection: sqlite3.Connection) -> list[str]:
    broken = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    return broken + [f"a dangling key in {row[0]}" for row in connection.execute("PRAGMA foreign_key_check")]


def _files(media_dir: Path) -> dict[str, int]:
    root = media_dir.parent
    return {p.relative_to(root).as_posix(): p.lstat().st_size for p in media_dir.rglob("*") if not p.is_dir()}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
