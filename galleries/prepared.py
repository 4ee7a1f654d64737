"""Querysets whose SQL is written once and run often: Django takes ten times longer to write one than SQLite to run it.

The rules stay where they are, in the querysets; what is kept here is what Django makes of them (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
Given = UUID | datetime | str


@dataclass(frozen=True)
class _Statement:
    """What Django made of a queryset for one kind of database."""

    model: Any
    sql: str
    params: tuple[Any, ...]
    names: dict[Any, str]  # a stand-in as the database is given it -> the argument that it stands for
    columns: frozenset[str]  # of the model, the first of the row, in the model's own order
    annotations: dict[str, int]  # with their place in the row
    converters: list[tuple[int, Any, Any]]  # of the values in a row, as Django's own compiler has them

    def bind(self, arguments: dict[str, Given], connection: BaseDatabaseWrapper) -> list[Any]:
        given = {name: _adapt(value, connection) for name, value in arguments.items()}
        return [given[self.names[param]] if param in self.names else param for param in self.params]

    def instance(self, raw: tuple[Any, ...], connection: BaseDatabaseWrapper) -> Any:
        """The row as Django would give it."""
        row = list(raw)
        for place, functions, expression in self.converters:
            if row[place] is not None:  # which all of them leave as it is
                for convert in functions:
                    row[place] = convert(row[place], expression, connection)
        made = self.model.from_db(connection.alias, self.columns, row[: len(self.columns)])
        for name, place in self.annotations.items():
            setattr(made, name, row[place])
        return made


class Prepared(Generic[M]):
    """``build(**arguments)``, compiled with ``stand_ins`` in the place of its arguments.

    Arguments are ids, times and texts that reach the SQL as parameters; the stand-ins are unlike each other and unlike
    anything else in the query. No joined models (``select_related``).
    """

    def __init__(self, build: Callable[..., QuerySet[M]], **stand_ins: Given) -> None:
        self._build = build
        self._stand_ins = stand_ins
        self._statements: dict[str, _Statement] = {}

    def fetch(self, **arguments: Given) -> list[M]:
        """The rows for these arguments, as instances with their annotations."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._statements.get(connection.vendor)
        if statement is None:
            statement = self._statements[connection.vendor] = self._compile(connection)
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bind(arguments, connection))
            rows = cursor.fetchall()
        return [statement.instance(row, connection) for row in rows]

    def _compile(self, connection: BaseDatabaseWrapper) -> _Statement:
        compiler: Any = self._build(**self._stand_ins).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        names = {_adapt(value, connection): name for name, value in self._stand_ins.items()}
        assert names.keys() <= set(params)  # noqa: S101 (else an argument would be the stand-in for ever)
        model_fields = compiler.klass_info["select_fields"]
        assert model_fields == list(range(len(model_fields)))  # noqa: S101
        converters = compiler.get_converters([column[0] for column in compiler.select])
        return _Statement(
            model=compiler.klass_info["model"],
            sql=sql,
            params=tuple(params),
            names=names,
            columns=frozenset(column[0].target.attname for column in compiler.select[: len(model_fields)]),
            annotations=dict(compiler.annotation_col_map or {}),
            converters=[(place, *found) for place, found in converters.items()],
        )


def _adapt(value: Given, connection: BaseDatabaseWrapper) -> Any:
    """As a field's ``get_db_prep_value`` gives it to the database."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, str):
        return value
    return value if connection.features.has_native_uuid_field else value.hex
