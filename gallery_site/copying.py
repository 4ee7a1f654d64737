"""Copy the whole database of a site to another, empty one, as from the SQLite file of one machine to a server.

All rows in one transaction, every column as it is, then compared row by row. The copy is there whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice, zip_longest
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from galleries.models import Gallery
from gallery_site.accounts.models import User

SOURCE = "source"  # the alias of the other database
BATCH = 500


class CannotCopy(Exception):
    """The databases do not fit; the message is a sentence. Nothing was changed."""


@contextmanager
def source_database(configuration: dict[str, Any]) -> Iterator[None]:
    """Inside this block the other database is there as ``SOURCE``."""
    defaults = {name: value for name, value in connections[DEFAULT_DB_ALIAS].settings_dict.items() if name == "TEST"}
    usual = {
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {},
        "TIME_ZONE": None,
    }
    connections.databases[SOURCE] = usual | defaults | configuration
    try:
        yield
    finally:
        connections[SOURCE].close()
        del connections[SOURCE]
        del connections.databases[SOURCE]


def copy_database(progress: Callable[[str], None] = lambda name: None) -> dict[str, int]:
    """Copy from ``SOURCE`` to the site's database; returns how many rows of each table.

    Raises:
        CannotCopy: other migrations, a database that is in use already, or rows that differ afterwards.
    """
    _check()
    copied: dict[str, int] = {}
    models = _models()
    with transaction.atomic():
        for model in reversed(models):  # what migrations put there: permissions, content types, groups
            model._base_manager.all()._raw_delete(DEFAULT_DB_ALIAS)
        for model in models:
            progress(model._meta.db_table)
            copied[model._meta.db_table] = _copy(model)
        for model in models:
            _compare(model)
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(statement)
    return copied


def _check() -> None:
    ours, theirs = (
        set(MigrationRecorder(connections[alias]).applied_migrations()) for alias in (DEFAULT_DB_ALIAS, SOURCE)
    )
    if ours != theirs:
        app, name = sorted(ours ^ theirs)[0]
        raise CannotCopy(f"Both must have the same migrations; {app}.{name} is in one alone. Upgrade the older site.")
    if User.objects.exists() or Gallery.objects.exists():
        raise CannotCopy("This database holds people or galleries already; a copy is made into an empty one.")


def _models() -> list[type[Model]]:
    """Every table of a model, each after those that it refers to."""
    left = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    left = [model for model in left if not model._meta.proxy]
    done: list[type[Model]] = []
    while left:
        free = [model for model in left if not _refers_to(model) & (set(left) - {model})]
        if not free:  # a circle: the constraints of PostgreSQL are looked at when the transaction ends
            free = left
        done += free
        left = [model for model in left if model not in free]
    return done


def _refers_to(model: type[Model]) -> set[type[Model]]:
    fields = model._meta.concrete_fields
    return {field.related_model for field in fields if isinstance(field.related_model, type)}


def _rows(model: type[Model], alias: str) -> Iterator[tuple[Any, ...]]:
    names = [field.attname for field in model._meta.local_concrete_fields]
    return model._base_manager.using(alias).order_by("pk").values_list(*names).iterator(chunk_size=BATCH)


def _copy(model: type[Model]) -> int:
    fields = model._meta.local_concrete_fields
    names = [field.attname for field in fields]
    rows, count = _rows(model, SOURCE), 0
    while batch := list(islice(rows, BATCH)):
        objects = [model(**dict(zip(names, row, strict=True))) for row in batch]
        # "raw": columns as they are, without what fields do to a row that is saved.
        model._base_manager._insert(objects, fields=fields, using=DEFAULT_DB_ALIAS, raw=True)  # type: ignore[attr-defined]
        count += len(batch)
    return count


def _compare(model: type[Model]) -> None:
    for here, there in zip_longest(_rows(model, DEFAULT_DB_ALIAS), _rows(model, SOURCE)):
        if here != there:
            raise CannotCopy(f"{model._meta.db_table} differs after copying; nothing was kept.")
