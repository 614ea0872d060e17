"""Rows of the desk by raw SQL: the ORM costs several times the CPU for a row."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, cast

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.orm import is_sqlite, placeholders
from models.raw_sql import SqlRow, execute_many
from models.rules.moments import from_sql, to_sql
from models.ticket_messages import TicketEvent, TicketMessage
from models.tickets import Ticket

M = TypeVar("M", bound=Model)
Reader = Callable[[Any], Any]


def row_of(model: type[M], row: SqlRow) -> M:
    """Return the object of a row that has every column of its table.

    The same as the ORM makes, with the bookkeeping of tortoise-orm 1.1.9
    (Model._init_from_db); a test compares the two.
    """
    made = model.__new__(model)
    state = vars(made)
    state.update(_partial=False, _saved_in_db=True, _custom_generated_pk=True, _await_when_save={})
    state.update(row)
    for name, read in _readers(model).items():
        state[name] = read(row[name])
    return made


def selected(model: type[Model]) -> str:
    """Return the columns for `SELECT ... FROM` the table of row_of."""
    return ", ".join(f"{_meta(model).db_table}.{name}" for name in columns_of(model))


@cache
def columns_of(model: type[Model]) -> tuple[str, ...]:
    """Return the columns of a table, in the order of the fields."""
    return tuple(_meta(model).fields_db_projection)


def _meta(model: type[Model]) -> Any:  # noqa: ANN401 - Tortoise has no type for its fields
    return cast("Any", model)._meta  # noqa: SLF001 - and no public name for them


@cache
def _readers(model: type[Model]) -> Mapping[str, Reader]:
    """Return what turns the values of some columns into those of the fields."""
    found: dict[str, Reader] = {}
    for name in columns_of(model):
        field = _meta(model).fields_map[name]
        enum_type = cast("type[Enum] | None", getattr(field, "enum_type", None))
        if enum_type is not None:
            found[name] = _enum_reader(enum_type)
        elif isinstance(field, fields.DatetimeField):
            found[name] = _moment
        elif isinstance(field, fields.BooleanField):
            found[name] = bool
    return found


def _enum_reader(enum_type: type[Enum]) -> Reader:
    members: Final = {member.value: member for member in enum_type}
    return lambda value: None if value is None else members[value]


def _moment(value: datetime | str | None) -> datetime | None:
    return from_sql(value)


def ticket_of(row: SqlRow) -> Ticket:
    """See row_of."""
    return row_of(Ticket, row)


def message_of(row: SqlRow) -> TicketMessage:
    """See row_of."""
    return row_of(TicketMessage, row)


def event_of(row: SqlRow) -> TicketEvent:
    """See row_of."""
    return row_of(TicketEvent, row)


async def insert_record(connection: BaseDBAsyncClient, record: Model) -> None:
    """Insert an object as it is, in the caller's transaction: no moment is set anew."""
    await insert_records(connection, [record])


async def insert_records(connection: BaseDBAsyncClient, records: Sequence[Model]) -> None:
    """Insert objects of one table, see insert_record."""
    if not records:
        return
    model, sqlite = type(records[0]), is_sqlite(connection)
    names = columns_of(model)
    sql = (
        f"INSERT INTO {_meta(model).db_table} ({', '.join(names)})"
        f" VALUES ({placeholders(connection, len(names))})"
    )
    rows = [[_stored(getattr(each, name), sqlite=sqlite) for name in names] for each in records]
    await execute_many(connection, sql, rows)
    for each in records:
        vars(each)["_saved_in_db"] = True  # as after a save: saving it again updates it


def _stored(value: object, *, sqlite: bool) -> object:
    match value:
        case datetime():
            return to_sql(value, sqlite=sqlite)
        case Enum():
            return value.value
        case _:
            return value
