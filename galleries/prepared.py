"""Querysets whose SQL is written once and run often: Django takes ten times longer to write one than SQLite to run it.

The rules stay where they are, in the querysets; what is kept here is what Django makes of them (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.sql import UpdateQuery

M = TypeVar("M", bound=Model)
Given = UUID | datetime | str | int
Convert = Callable[[Any], Any]

# Stand-ins: like nothing that a query holds by itself. Where there are two of a kind, one is of the caller's making.
AN_ID = UUID(int=1)
A_TIME = datetime(2000, 1, 1, tzinfo=UTC)
A_NUMBER = 1_314_159_265  # in every integer column's range: outside of it Django writes no SQL at all


@dataclass(frozen=True)
class _Statement:
    """What Django made of a queryset for one kind of database."""

    sql: str
    params: tuple[Any, ...]
    names: dict[Any, str]  # a stand-in as the database is given it -> the argument that it stands for

    def bind(self, arguments: Mapping[str, Given | None], connection: BaseDatabaseWrapper) -> list[Any]:
        given = {name: _adapt(value, connection) for name, value in arguments.items()}
        return [given[self.names[param]] if param in self.names else param for param in self.params]


@dataclass(frozen=True)
class _Part:
    """One model's share of a row."""

    model: Any
    first: int
    attributes: tuple[str, ...]  # of an instance, in the order of the row: columns, then annotations
    attach: Callable[[Any, Any], None] | None  # to the instance whose foreign key led to it

    def instance(self, row: list[Any], alias: str) -> Any:
        """Made without the model's ``__init__``, which looks for each of its 27 fields whether it was read and tells
        whoever listens (nobody): that took longer than reading the row."""
        made = self.model.__new__(self.model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, alias
        vars(made).update(zip(self.attributes, row[self.first : self.first + len(self.attributes)], strict=True))
        return made


@dataclass(frozen=True)
class _Reading:
    """How the rows of a statement become instances."""

    parts: tuple[_Part, ...]  # the queryset's own model, then what is joined to it
    converters: list[tuple[int, Convert]]  # of the values in a row, by their place

    def instance(self, raw: tuple[Any, ...], alias: str) -> Any:
        """The row as Django would give it."""
        row = list(raw)
        for place, convert in self.converters:
            if row[place] is not None:  # which all of them leave as it is
                row[place] = convert(row[place])
        whole = None
        for part in self.parts:
            made = part.instance(row, alias)
            if part.attach is None:
                whole = made
            else:
                part.attach(whole, made)
        return whole


class Prepared(Generic[M]):
    """``build(**arguments)``, compiled with ``stand_ins`` in the place of its arguments.

    Arguments are ids, times, texts and numbers that reach the SQL as parameters; the stand-ins are unlike each other
    and unlike anything else in the query. Joined models (``select_related``) are those of the queryset's own foreign
    keys that are never empty.
    """

    def __init__(self, build: Callable[..., QuerySet[M]], **stand_ins: Given) -> None:
        self._build = build
        self._stand_ins = stand_ins
        self._compiled: dict[str, tuple[_Statement, _Reading]] = {}

    def fetch(self, **arguments: Given) -> list[M]:
        """The rows for these arguments, as instances with their annotations."""
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.vendor not in self._compiled:
            self._compiled[connection.vendor] = self._compile(connection)
        statement, reading = self._compiled[connection.vendor]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bind(arguments, connection))
            rows = cursor.fetchall()
        return [reading.instance(row, connection.alias) for row in rows]

    def first(self, **arguments: Given) -> M | None:
        """The row for these arguments, which name one at most; None when there is none."""
        rows = self.fetch(**arguments)
        return rows[0] if rows else None

    def _compile(self, connection: BaseDatabaseWrapper) -> tuple[_Statement, _Reading]:
        compiler: Any = self._build(**self._stand_ins).query.get_compiler(connection=connection)
        statement = _statement(compiler, self._stand_ins, connection)
        columns = [column[0] for column in compiler.select]
        own = compiler.klass_info
        annotations = dict(compiler.annotation_col_map or {})
        behind = len(own["select_fields"])
        assert list(annotations.values()) == list(range(behind, behind + len(annotations)))  # noqa: S101
        parts = (
            _part(own, columns, annotations),
            *(_part(info, columns) for info in own.get("related_klass_infos", ())),
        )
        converters = [
            (place, _converter(functions, expression, connection))
            for place, (functions, expression) in compiler.get_converters(columns).items()
        ]
        return statement, _Reading(parts, converters)


class PreparedUpdate:
    """``build(**arguments).update(**changes(**arguments))``, compiled as ``Prepared`` is. An argument may be None where
    it is only written and not asked for: that would be other SQL."""

    def __init__(
        self, build: Callable[..., QuerySet[Any]], changes: Callable[..., dict[str, Any]], **stand_ins: Given
    ) -> None:
        self._build = build
        self._changes = changes
        self._stand_ins = stand_ins
        self._compiled: dict[str, _Statement] = {}

    def run(self, **arguments: Given | None) -> int:
        """Change the rows; returns how many there were. Raises IntegrityError as ``update`` does."""
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.vendor not in self._compiled:
            query: Any = self._build(**self._stand_ins).query.chain(UpdateQuery)
            query.add_update_values(self._changes(**self._stand_ins))
            query.annotations = {}  # as QuerySet.update does: what conditions need of them is in the conditions
            compiler = query.get_compiler(connection=connection)
            self._compiled[connection.vendor] = _statement(compiler, self._stand_ins, connection)
        statement = self._compiled[connection.vendor]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bind(arguments, connection))
            return int(cursor.rowcount)


def _statement(compiler: Any, stand_ins: dict[str, Given], connection: BaseDatabaseWrapper) -> _Statement:
    sql, params = compiler.as_sql()
    names = {_adapt(value, connection): name for name, value in stand_ins.items()}
    assert names.keys() <= set(params)  # noqa: S101 (else an argument would be the stand-in for ever)
    if connection.vendor == "sqlite":
        sql, params = _with_constants(sql, params, names, connection)
    return _Statement(sql, tuple(params), names)


def _with_constants(
    sql: str, params: Iterable[Any], names: Mapping[Any, str], connection: BaseDatabaseWrapper
) -> tuple[str, list[Any]]:
    """The statement with everything that is no argument written into it: what is left is bound.

    SQLite looks at a bound value to see whether a partial index may be taken, and from then on plans the statement
    anew whenever a value is bound: ten times what running it costs (docs/decisions.md).
    """
    first, *rest = sql.split("%s")
    bound = []
    written = [first]
    for param, piece in zip(params, rest, strict=True):
        if param in names:
            bound.append(param)
            written += ["%s", piece]
        else:
            literal: str = connection.schema_editor().quote_value(param)
            written += [literal.replace("%", "%%"), piece]
    return "".join(written), bound


def _part(info: dict[str, Any], columns: list[Any], annotations: Iterable[str] = ()) -> _Part:
    """``info``: what Django's compiler knows of a model in the row."""
    places, field = info["select_fields"], info.get("field")
    assert places == list(range(places[0], places[0] + len(places)))  # noqa: S101
    if field is not None:  # one step away, never empty, never seen from its other end
        assert not any((field.null, info["reverse"], info.get("related_klass_infos")))  # noqa: S101
    attributes = (*(columns[place].target.attname for place in places), *annotations)
    return _Part(info["model"], places[0], attributes, field and field.set_cached_value)


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


def _adapt(value: Given | None, connection: BaseDatabaseWrapper) -> Any:
    """As a field's ``get_db_prep_value`` gives it to the database."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID):
        return value if connection.features.has_native_uuid_field else value.hex
    return value
