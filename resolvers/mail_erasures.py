"""Forget a person in mail that came in: its files go, and that there was one stays."""

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite, placeholders
from models.raw_sql import execute
from models.rules.moments import to_sql
from models.users import User
from resolvers.context import RequestContext


async def forget_raw_mail(
    context: RequestContext, connection: BaseDBAsyncClient, user: User
) -> None:
    """Let go of the files of a person's mails, also where a message of a ticket has them.

    Args:
        context: says when; the worker deletes them within the hour.
        connection: of the open transaction that erases the person.
        user: with the address that they still have.
    """
    now = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    one, two = placeholders(connection, 2).split(", ")
    await execute(
        connection,
        "UPDATE stored_file SET owner_kind = NULL, owner_id = NULL, uploader_id = NULL,"
        f" expires_at = {one} WHERE blob_id IN (SELECT blob.id FROM blob"
        f" JOIN raw_mail ON raw_mail.sha256 = blob.sha256 WHERE raw_mail.sender_email = {two})",
        [now, user.email],
    )
    mark = placeholders(connection, 1)
    await execute(
        connection,
        f"UPDATE raw_mail SET sender_email = NULL, message_id = NULL WHERE sender_email = {mark}",
        [user.email],
    )
