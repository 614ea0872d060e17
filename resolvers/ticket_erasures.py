"""Forget a person in tickets: who they were goes everywhere, what they said in private, too.

A ticket of an organization is that one's business: it keeps what was said, without the name.
A ticket of a person alone keeps what was done, without a word of what was said.
"""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import mark
from models.raw_sql import execute
from models.users import User

_PRIVATE: Final = (
    "SELECT id FROM ticket WHERE organization_id IS NULL"
    " AND (requester_id = {person} OR requester_email = {address})"
)
# Kinds of events that hold texts; the others tell of names of states and of numbers.
_WITH_TEXTS: Final = "('SUBJECT_CHANGED', 'CLASSIFIED', 'ESCALATED', 'RETURNED', 'REOPENED')"
# In this order: the first ones find the tickets by what the last one takes away.
_STATEMENTS: Final = (
    "UPDATE ticket_message SET body_markdown = '' WHERE ticket_id IN ({private})",
    "DELETE FROM ticket_field_value WHERE ticket_id IN ({private})",
    (
        "UPDATE ticket_event SET before = '{{}}', after = '{{}}'"
        f" WHERE kind IN {_WITH_TEXTS} AND ticket_id IN ({{private}})"
    ),
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


async def forget_in_tickets(connection: BaseDBAsyncClient, user: User) -> None:
    """Take a person out of all tickets, in the transaction that erases them.

    Args:
        connection: of the open transaction that has the person's lock.
        user: with the address that they still have.
    """
    person, address = mark(connection, 1), mark(connection, 2)
    private = _PRIVATE.format(person=person, address=address)
    for statement in _STATEMENTS:
        sql = statement.format(person=person, address=address, private=private)
        await execute(connection, sql, [user.id, user.email])
