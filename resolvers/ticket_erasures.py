"""Forget a person in tickets: who they were goes everywhere, what they said in private, too.

A ticket of an organization is that one's business: it keeps what was said, without the name.
A ticket of a person alone keeps what was done, without a word of what was said.
"""

from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.files import FileOwnerKind
from models.orm import mark, placeholders
from models.raw_sql import SqlRow, execute, fetch
from models.ticket_messages import TicketMessage
from models.users import User
from resolvers.context import RequestContext
from resolvers.file_owners import detach_files
from resolvers.ticket_search import index_ticket

_PRIVATE: Final = (
    "SELECT id FROM ticket WHERE organization_id IS NULL"
    " AND (requester_id = {person} OR requester_email = {address})"
)
# What a history may still tell then: states and numbers, and no word of anybody's.
_KEPT: Final = frozenset(
    {
        "status",
        "status_before",
        "line",
        "kind",
        "severity",
        "resolution",
        "reopen_count",
        "bounce_count",
        "number",
        "channel",
    }
)
# In this order: the first ones find the tickets by what the last one takes away.
_STATEMENTS: Final = (
    "UPDATE ticket_message SET body_markdown = '' WHERE ticket_id IN ({private})",
    "DELETE FROM ticket_field_value WHERE ticket_id IN ({private})",
    (
        "UPDATE ticket SET subject = '', resolution_note = NULL, module = NULL, installation = NULL"
        " WHERE id IN ({private})"
    ),
    (
        "UPDATE ticket_message SET author_id = NULL, author_email = NULL, author_name = NULL"
        " WHERE author_id = {person} OR author_email = {address}"
    ),
    "UPDATE ticket_event SET author_id = NULL WHERE author_id = {person} AND {address} <> ''",
    (
        "UPDATE ticket SET assignee_id = NULL, revision = revision + 1"
        " WHERE assignee_id = {person} AND {address} <> ''"
    ),
    (
        "UPDATE ticket SET requester_id = NULL, requester_email = NULL, requester_name = NULL,"
        " revision = revision + 1 WHERE requester_id = {person} OR requester_email = {address}"
    ),
)


async def forget_in_tickets(
    context: RequestContext, connection: BaseDBAsyncClient, user: User
) -> None:
    """Take a person out of all tickets, in the transaction that erases them.

    Args:
        context: of who erases.
        connection: of the open transaction that has the person's lock.
        user: with the address that they still have.
    """
    person, address = mark(connection, 1), mark(connection, 2)
    private = _PRIVATE.format(person=person, address=address)
    rows = await fetch(connection, private, [user.id, user.email])
    ids = [int(row["id"]) for row in rows]
    sql = f"SELECT id, before, after FROM ticket_event WHERE ticket_id IN ({private})"
    for row in await fetch(connection, sql, [user.id, user.email]):
        await _cut_event(connection, row)
    for statement in _STATEMENTS:
        sql = statement.format(person=person, address=address, private=private)
        await execute(connection, sql, [user.id, user.email])
    now = context.ports.clock.now()
    for ticket_id in ids:
        await index_ticket(connection, ticket_id=ticket_id, now=now)  # of words that are gone
        messages = await TicketMessage.filter(ticket_id=ticket_id).using_db(connection).only("id")
        await detach_files(
            context,
            connection,
            owner_kind=FileOwnerKind.TICKET_MESSAGE,
            owner_ids=[message.id for message in messages],
        )


async def _cut_event(connection: BaseDBAsyncClient, row: SqlRow) -> None:
    cut = [
        orjson.dumps({k: v for k, v in orjson.loads(row[side]).items() if k in _KEPT}).decode()
        for side in ("before", "after")
    ]
    if cut != [row["before"], row["after"]]:
        marks = placeholders(connection, 3).split(", ")
        await execute(
            connection,
            f"UPDATE ticket_event SET before = {marks[0]}, after = {marks[1]}"
            f" WHERE id = {marks[2]}",
            [*cut, row["id"]],
        )
