"""The migrated tables are the tables that the models describe."""

import asyncio
from typing import Any, Final

from tortoise import Tortoise, fields
from tortoise.fields.base import Field
from tortoise.models import Model

from models.clicks import RAW_TABLES
from models.orm import is_sqlite, reader
from tests.planted_migrations import contents

Index = tuple[bool, tuple[str, ...]]  # is unique, columns

# What Tortoise cannot express, or what one engine alone has.
ONLY_IN_MIGRATIONS: Final[dict[str, set[Index]]] = {
    "link_slug": {(True, ("domain_id", "slug")), (False, ("link_id",))},
    "invitation": {(True, ("email", "organization_id")), (True, ("email",))},
    "service_policy": {(True, ("is_default",))},
    "service_clock": {(False, ("generation", "ticket_id"))},
}

TYPES: Final[dict[type[Field[Any]], str]] = {
    fields.TextField: "TEXT",
    fields.BooleanField: "BOOLEAN",
    fields.BigIntField: "BIGINT",  # on SQLite a key is INTEGER, which has 64 bits, too
    fields.SmallIntField: "SMALLINT",
    fields.IntField: "INTEGER",  # after its subclasses
}


async def _columns(table: str) -> dict[str, bool]:
    """Return column -> may be null, from the engine's own catalogue."""
    connection = reader()
    if is_sqlite(connection):
        rows = await connection.execute_query_dict(f"PRAGMA table_info({table})")
        return {row["name"]: not row["notnull"] and not row["pk"] for row in rows}
    rows = await connection.execute_query_dict(
        "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1",
        [table],
    )
    return {row["column_name"]: row["is_nullable"] == "YES" for row in rows}


async def _indexes(table: str) -> set[Index]:
    """Return (is unique, columns) of every index, the primary key's too."""
    connection = reader()
    if is_sqlite(connection):
        found: set[Index] = set()
        rows = await connection.execute_query_dict(f"PRAGMA index_list({table})")
        for row in rows:
            parts = await connection.execute_query_dict(f"PRAGMA index_info({row['name']})")
            found.add((bool(row["unique"]), tuple(part["name"] for part in parts)))
        return found
    rows = await connection.execute_query_dict(
        "SELECT i.indisunique AS is_unique, array_agg(a.attname::text ORDER BY k.n) AS columns "
        "FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, n) "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum "
        "WHERE c.relname = $1 GROUP BY i.indexrelid, i.indisunique",
        [table],
    )
    return {(row["is_unique"], tuple(row["columns"])) for row in rows}


def _wanted_indexes(model: type[Model]) -> set[Index]:
    meta = model._meta
    columns = meta.fields_db_projection
    wanted: set[Index] = {
        (True, (columns[f],)) for f, o in meta.fields_map.items() if _is_unique(o)
    }
    wanted |= {
        (False, (columns[f],))
        for f, o in meta.fields_map.items()
        if o.index and not o.unique and not o.pk and f in columns
    }
    wanted |= {(True, tuple(_column(model, f) for f in group)) for group in meta.unique_together}
    indexes: Any = meta.indexes
    return wanted | {(False, tuple(_column(model, f) for f in group)) for group in indexes}


def _is_unique(field: Field[Any]) -> bool:
    return field.unique and not field.pk and field.has_db_field


def _column(model: type[Model], name: str) -> str:
    field = model._meta.fields_map[name]
    return str(getattr(field, "source_field", None) or model._meta.fields_db_projection[name])


async def test_every_model_has_exactly_its_columns(database: None) -> None:
    for model in Tortoise.apps.get_models_iterable():
        meta = model._meta
        wanted = {
            column: meta.fields_map[name].null for name, column in meta.fields_db_projection.items()
        }
        assert {meta.db_table: await _columns(meta.db_table)} == {meta.db_table: wanted}


async def test_every_model_has_its_indexes_and_no_more(database: None) -> None:
    for model in Tortoise.apps.get_models_iterable():
        table = model._meta.db_table
        found = await _indexes(table) - {(True, (model._meta.db_pk_column,))}
        wanted = _wanted_indexes(model) | ONLY_IN_MIGRATIONS.get(table, set())
        assert {table: found} == {table: wanted}


async def test_every_column_has_the_type_and_length_of_its_field(
    database: None, database_url: str
) -> None:
    columns = (await asyncio.to_thread(contents, database_url)).columns

    for model in Tortoise.apps.get_models_iterable():
        meta = model._meta
        wanted = {c: _type(meta.fields_map[n]) for n, c in meta.fields_db_projection.items()}
        found = {
            c: kind.replace("INTEGER", "BIGINT") if wanted.get(c) == "BIGINT" else kind
            for c, kind in columns[meta.db_table].items()
        }
        assert {meta.db_table: found} == {meta.db_table: wanted}


async def test_every_moment_has_its_offset(database: None) -> None:
    if is_sqlite(reader()):
        return  # text there, with the offset in it
    rows = await reader().execute_query_dict(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"
    )
    assert rows == []


async def test_every_reference_is_held_and_ends_as_its_field_says(
    database: None, database_url: str
) -> None:
    found = (await asyncio.to_thread(contents, database_url)).foreign_keys

    for model in Tortoise.apps.get_models_iterable():
        meta = model._meta
        wanted: list[str] = []
        for name in [*meta.fk_fields, *meta.o2o_fields]:
            field: Any = meta.fields_map[name]
            target = field.related_model._meta.db_table
            wanted.append(f"['{name}_id'] {target} {{'ondelete': '{field.on_delete.value}'}}")
        assert {meta.db_table: found[meta.db_table]} == {meta.db_table: sorted(wanted)}
    assert {table: found[table] for table in RAW_TABLES} == {table: [] for table in RAW_TABLES}


def _type(field: Field[Any]) -> str:
    """Return how SQLAlchemy names the column's type."""
    if isinstance(field, fields.CharField):
        return f"VARCHAR({field.max_length})"
    if isinstance(field, fields.DatetimeField):
        return "DATETIME" if is_sqlite(reader()) else "TIMESTAMP"
    return next(name for kind, name in TYPES.items() if isinstance(field, kind))


async def test_raw_tables_have_exactly_their_columns_and_keys(database: None) -> None:
    for table, columns in RAW_TABLES.items():
        assert await _columns(table) == dict.fromkeys(columns, False)
        assert (True, columns[:-1]) in await _indexes(table)


async def test_held_slugs_are_unique_on_their_domain(database: None) -> None:
    assert (True, ("domain_id", "slug")) in await _indexes("link_slug")
