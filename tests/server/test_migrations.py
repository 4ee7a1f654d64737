"""Migrations are safe while the code before them runs (docs/operations.md): an upgrade applies them beneath it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from django.apps import apps
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models.fields import NOT_PROVIDED

OURS = ("galleries", "accounts")
# (app, migration): why something that the rule does not let through is safe all the same.
SAFE_ALL_THE_SAME: dict[tuple[str, str], str] = {
    ("galleries", "0009_measure_clean_copies_anew"): "the code before measures what is NULL when it is asked for",
}


def migration_objects() -> Iterator[tuple[str, str, migrations.Migration]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in OURS:
            yield app, name, migration


def unsafe(operations: Sequence[Operation]) -> Iterator[str]:
    """What the code before could trip over."""
    new: set[str] = set()
    for operation in operations:
        if isinstance(operation, migrations.CreateModel):
            new.add(operation.name_lower)
        elif isinstance(operation, migrations.AddField):
            if operation.model_name_lower not in new and not _old_code_may_insert(operation.field):
                yield f"{operation.describe()}: old code inserts rows without it; null=True or db_default="
        elif isinstance(operation, migrations.AddConstraint):
            if operation.model_name_lower not in new:
                yield f"{operation.describe()}: old code may write what it refuses"
        elif not isinstance(operation, (migrations.AddIndex, migrations.AlterModelOptions)):
            yield f"{operation.describe()}: one release after the code stopped using it, and named in SAFE_ALL_THE_SAME"


def _old_code_may_insert(field: models.Field) -> bool:
    """Django gives a default itself and leaves the column without one."""
    return field.null or field.db_default is not NOT_PROVIDED or bool(field.many_to_many)


@pytest.mark.parametrize(
    ("app", "name", "migration"),
    [pytest.param(*each, id=f"{each[0]}.{each[1]}") for each in migration_objects()],
)
def test_migration_is_safe_beneath_the_code_before(app: str, name: str, migration: migrations.Migration) -> None:
    if not migration.initial:
        found = list(unsafe(migration.operations))
        assert not found or (app, name) in SAFE_ALL_THE_SAME, found


def test_reasons_belong_to_migrations() -> None:
    assert set(SAFE_ALL_THE_SAME) <= {(app, name) for app, name, _ in migration_objects()}
    assert all(apps.get_app_config(app) for app in OURS)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("image", "mood", models.CharField(max_length=9, default="calm")),
        migrations.RemoveField("image", "camera"),
        migrations.RenameField("image", "camera", "device"),
        migrations.DeleteModel("Receipt"),
        migrations.AlterField("image", "camera", models.CharField(max_length=9)),
        migrations.AddConstraint("image", models.CheckConstraint(condition=models.Q(bytes__gt=0), name="some")),
        migrations.RunSQL("SELECT 1"),
        migrations.RunPython(migrations.RunPython.noop),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_rule_refuses_what_breaks_old_code(operation: Operation) -> None:
    assert list(unsafe([operation]))


def test_rule_lets_additions_through() -> None:
    additions: list[Operation] = [
        migrations.CreateModel("Mood", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("mood", "name", models.CharField(max_length=9)),
        migrations.AddField("image", "mood", models.CharField(max_length=9, null=True)),  # noqa: DJ001 (the rule's own)
        migrations.AddField("image", "rank", models.IntegerField(db_default=0)),
        migrations.AddIndex("image", models.Index(fields=["camera"], name="some")),
    ]
    assert not list(unsafe(additions))
