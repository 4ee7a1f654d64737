"""Querysets whose SQL is written once and run often: Django takes ten times longer to write one than SQLite to run it.

The rules stay where they are, in the querysets; what is kept here is what Django makes of them (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState

M = TypeVar("M", bound=Model)
Given = UUID | datetime | str
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Statement:
    """What Django made of a queryset for one kind of database."""

    model: Any
    sql: str
    params: tuple[Any, ...]
    names: dict[Any, str]  # a stand-in as the database is given it -> the argument that it stands for
    attributes: tuple[str, ...]  # of an instance, in the order of the row: columns, then annotations
    converters: list[tuple[int, Convert]]  # of the values in a row, by their place

    def bind(self, arguments: dict[str, Given], connection: BaseDatabaseWrapper) -> list[Any]:
        given = {name: _adapt(value, connection) for name, value in arguments.items()}
        return [given[self.names[param]] if param in self.names else param for param in self.params]

    def instance(self, raw: tuple[Any, ...], alias: str) -> Any:
        """The row as Django would give it.

        Made without the model's ``__init__``, which looks for each of its 27 fields whether it was read and tells
        whoever listens (nobody): that took longer than reading the row.
        """
        row = list(raw)
        for place, convert in self.converters:
            if row[place] is not None:  # which all of them leave as it is
                row[place] = convert(row[place])
        made = self.model.__new__(self.model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, alias
        vars(made).update(zip(self.attributes, row, strict=True))
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
        return [statement.instance(row, connection.alias) for row in rows]

    def _compile(self, connection: BaseDatabaseWrapper) -> _Statement:
        compiler: Any = self._build(**self._stand_ins).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        names = {_adapt(value, connection): name for name, value in self._stand_ins.items()}
        assert names.keys() <= set(params)  # noqa: S101 (else an argument would be the stand-in for ever)
        model_fields = compiler.klass_info["select_fields"]
        assert model_fields == list(range(len(model_fields)))  # noqa: S101
        columns = [column[0] for column in compiler.select]
        annotations = dict(compiler.annotation_col_map or {})
        assert list(annotations.values()) == list(range(len(model_fields), len(columns)))  # noqa: S101
        converters = compiler.get_converters(columns)
        return _Statement(
            model=compiler.klass_info["model"],
            sql=sql,
            params=tuple(params),
            names=names,
            attributes=(*(column.target.attname for column in columns[: len(model_fields)]), *annotations),
            converters=[
                (place, _converter(functions, expression, connection))
                for place, (functions, expression) in converters.items()
            ],
        )


def _converter(functions: list[Any], expression: Any, connection: BaseDatabaseWrapper) -> Convert:
    """What Django's compiler does with a value of the database, as one function of that value."""
    if functions == [getattr(connection.ops, "convert_datetimefield_value", None)]:
        return _as_utc

    def convert(value: Any) -> Any:
        for function in functions:
            value = function(value, expression, connection)
        return value

    return convert


def _as_utc(value: datetime | str) -> datetime:
    """A time of SQLite, where all are in UTC without saying so: those of columns come as times, computed ones as text.

    Django's own converter asks the settings, and there are four times in each of a page's sixty rows.
    """
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC)


def _adapt(value: Given, connection: BaseDatabaseWrapper) -> Any:
    """As a field's ``get_db_prep_value`` gives it to the database."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, str):
        return value
    return value if connection.features.has_native_uuid_field else value.hex
