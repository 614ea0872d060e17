"""The raw connection with types: Tortoise 1.1 has bare dict and list for rows and arguments."""

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from tortoise.backends.base.client import BaseDBAsyncClient

SqlRow: TypeAlias = dict[str, Any]


async def fetch(
    connection: BaseDBAsyncClient, statement: str, arguments: Sequence[object] = ()
) -> list[SqlRow]:
    """Return all rows of a statement, also those of RETURNING, by the names of their columns."""
    untyped = cast("Any", connection)
    return cast("list[SqlRow]", await untyped.execute_query_dict(statement, list(arguments)))


async def execute_many(
    connection: BaseDBAsyncClient, statement: str, rows: Sequence[Sequence[object]]
) -> None:
    """Run a statement once for each row of arguments."""
    untyped = cast("Any", connection)
    await untyped.execute_many(statement, rows)


async def execute(
    connection: BaseDBAsyncClient, statement: str, arguments: Sequence[object] = ()
) -> int:
    """Run an UPDATE or a DELETE and return how many rows it changed.

    An INSERT returns 0 on PostgreSQL, whatever it inserted.
    """
    untyped = cast("Any", connection)
    changed, _ = await untyped.execute_query(statement, list(arguments))
    return cast("int", changed)
