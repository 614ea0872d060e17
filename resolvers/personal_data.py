"""Everything that is stored about a person, for that person."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.orm import placeholders, reader
from models.raw_sql import SqlRow, fetch
from models.rules.audit_actions import AuditAction
from models.rules.moments import from_sql
from models.rules.scopes import Scope
from models.users import Role, User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.grants import check_role
from resolvers.profiles import require_whole
from resolvers.sessions import require_fresh
from resolvers.user_lists import sees_person

BATCH: Final = 1000  # rows in memory
Part = tuple[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What of a table is about a person: the rows WHERE a column, or one of two, says so.

    Secrets and their hashes are left out: they open doors, and tell nothing of the person.
    """

    part: str
    table: str
    columns: str
    owners: tuple[str, ...] = ("user_id",)
    by_address: bool = False
    of_organization: bool = False  # those that stayed with a former one are not the person's


_PERSON: Final = (
    "SELECT app_user.id, app_user.email, app_user.name, app_user.locale, app_user.time_zone,"
    " role.name AS role, organization.name AS organization, app_user.max_links,"
    " app_user.created_at, app_user.updated_at, app_user.password_changed_at,"
    " app_user.email_verified_at, app_user.last_seen_at, app_user.deactivated_at,"
    " app_user.erased_at FROM app_user JOIN role ON role.id = app_user.role_id"
    " LEFT JOIN organization ON organization.id = app_user.organization_id WHERE app_user.id = "
)
_RECORD: Final = "id, created_at"
# What the desk wrote is the installation's; that somebody wrote it is theirs to know.
_MESSAGES: Final = (
    "(SELECT ticket_message.*, ticket.organization_id FROM ticket_message"
    " JOIN ticket ON ticket.id = ticket_message.ticket_id) AS message"
)
_MESSAGE: Final = (
    f"{_RECORD}, ticket_id, visibility, channel, author_email, author_name, taken_back_at,"
    " CASE WHEN is_from_staff THEN NULL ELSE body_markdown END AS body_markdown"
)
_CONTENT: Final = ", ".join(
    f"(SELECT blob.{each} FROM blob WHERE blob.id = stored_file.blob_id) AS {each}"
    for each in ("media_type", "bytes", "sha256")
)
_TABLES: Final = (
    _Table(
        part="sessions",
        table="session",
        columns=f"{_RECORD}, factors, authenticated_at, last_seen_at, expires_at, revoked_at,"
        " address, user_agent",
    ),
    _Table(
        part="api_keys",
        table="api_key",
        columns=f"{_RECORD}, label, prefix, scopes, per_minute, expires_at, last_used_at,"
        " revoked_at",
    ),
    _Table(part="authenticator_apps", table="totp", columns=f"{_RECORD}, confirmed_at"),
    _Table(part="recovery_codes", table="recovery_code", columns=f"{_RECORD}, used_at"),
    _Table(
        part="passkeys",
        table="passkey",
        columns=f"{_RECORD}, label, credential_id, transports, last_used_at",
    ),
    _Table(
        part="identities",
        table="identity",
        columns=f"{_RECORD}, issuer, subject, login, last_used_at",
    ),
    _Table(
        part="one_time_tokens",
        table="one_time_token",
        columns=f"{_RECORD}, purpose, expires_at, used_at",
    ),
    _Table(
        part="invitations",
        table="invitation",
        columns=f"{_RECORD}, locale, expires_at, accepted_at, revoked_at",
        owners=("email",),
        by_address=True,
    ),
    _Table(
        part="letters",
        table="mail",
        columns=f"{_RECORD}, template, locale, sent_at, failed_at",
        owners=("to_address",),
        by_address=True,
    ),
    _Table(
        part="mails_received",
        table="raw_mail",
        columns=f"{_RECORD}, mailbox, message_id, received_at, state, ticket_id",
        owners=("sender_email",),
        by_address=True,
    ),
    _Table(
        part="repeated_requests",
        table="replay",
        columns=f"{_RECORD}, mutation, request_id AS request, result_id",
    ),
    _Table(
        part="links",
        table="link",
        columns=f"{_RECORD}, updated_at, slug, target, title, organization_id, revision,"
        " starts_at, expires_at, disabled_at, deleted_at, clicks_human, last_clicked_at",
        owners=("owner_id",),
        of_organization=True,
    ),
    _Table(
        part="files",
        table="stored_file",
        columns=f"{_RECORD}, name, {_CONTENT}, organization_id, owner_kind, owner_id, expires_at",
        owners=("uploader_id",),
        of_organization=True,
    ),
    _Table(
        part="tickets",
        table="ticket",
        columns=f"{_RECORD}, updated_at, number, subject, kind, status, channel, installation,"
        " module, requester_email, requester_name, organization_id, resolution, resolved_at,"
        " closed_at, deleted_at",
        owners=("requester_id",),
        of_organization=True,
    ),
    _Table(
        part="ticket_messages",
        table=_MESSAGES,
        columns=_MESSAGE,
        owners=("author_id",),
        of_organization=True,
    ),
    _Table(
        part="ticket_messages_by_mail",
        table=_MESSAGES,
        columns=_MESSAGE,
        owners=("author_email",),
        by_address=True,
        of_organization=True,
    ),
    _Table(
        part="ticket_events",
        table="ticket_event",
        columns="id, created_at, ticket_id, kind",
        owners=("author_id",),
    ),
    _Table(part="followed_tickets", table="ticket_follower", columns="id, ticket_id"),
    _Table(part="ticket_queues", table="ticket_queue_member", columns="id, queue_id"),
    _Table(
        part="service_calendars",
        table="service_calendar_version",
        columns="id, created_at, calendar_id, number",
        owners=("author_id",),
    ),
    _Table(
        part="service_policies",
        table="service_policy_version",
        columns="id, created_at, policy_id, number",
        owners=("author_id",),
    ),
    _Table(
        part="article_texts",
        table="article_revision",
        columns=f"{_RECORD}, article_id, language, number, title, body_markdown, published_at",
        owners=("author_id",),
    ),
    _Table(
        part="article_votes",
        table="article_vote",
        columns=f"{_RECORD}, updated_at, article_id, is_helpful",
    ),
    _Table(
        part="audit_entries",
        table="audit_entry",
        columns="id, at, action, actor_id, via, address, request_id AS request, subject_type,"
        " subject_id, before, after",
        owners=("actor_id", "subject_type = 'user' AND subject_id"),
    ),
)


async def open_person(context: RequestContext, *, user_id: int) -> User:
    """Return the person whose data the viewer may take along, and note that they do.

    Args:
        context: of the person, or with USER_ADMIN and every right of the person; with a
            fresh proof of identity. A key must hold every right of its owner.
        user_id: of whom.

    Raises:
        NotFoundError: absent, erased, or not in the viewer's reach.
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        StepUpRequiredError: the session's proof of identity is too old.
    """
    user = await User.filter(id=user_id, erased_at=None).first()
    if user is None or not sees_person(context.viewer, user):
        raise NotFoundError
    user.role = await Role.get(id=user.role_id)
    if user.id == context.viewer.user_id:
        require_whole(context, user)
    else:
        context.viewer.require(Scope.USER_ADMIN)
        check_role(context.viewer, user.role, path=("id",))
    await require_fresh(context)
    async with in_transaction("default") as connection:
        await log_action(context, connection, AuditAction.USER_EXPORT, subject_id=user.id)
    return user


async def person_parts(context: RequestContext, user: User) -> AsyncIterator[Part]:
    """Yield what is stored about a person of open_person, a batch of rows at a time.

    Links that the person left with a former organization are that one's business: only
    who reaches everything gets them.

    Parts come in a fixed order, each at least once, also when it is empty. Moments are
    aware, ids are text: not every reader of JSON keeps 63 bits.
    """
    connection = reader()
    rows = await fetch(connection, _PERSON + placeholders(connection, 1), [user.id])
    yield "person", [_readable(row) for row in rows]
    for table in _TABLES:
        async for batch in _batches(table, user, sees_all=context.viewer.is_staff):
            yield table.part, batch


async def _batches(
    table: _Table, user: User, *, sees_all: bool
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    connection, after = reader(), -1
    key: object = user.email if table.by_address else user.id
    owners = table.owners
    marks = placeholders(connection, len(owners) + 2).split(", ")
    held = " OR ".join(f"({owner} = {mark})" for owner, mark in zip(owners, marks, strict=False))
    arguments: list[object] = [key for _ in owners]
    if table.of_organization and not sees_all:
        held = f"({held}) AND (organization_id IS NULL OR organization_id = {marks[len(owners)]})"
        arguments.append(user.organization_id)
    while True:
        rows = await fetch(
            connection,
            f"SELECT {table.columns} FROM {table.table} WHERE ({held})"
            f" AND id > {marks[len(arguments)]} ORDER BY id LIMIT {BATCH}",
            [*arguments, after],
        )
        yield [_readable(row) for row in rows]
        if len(rows) < BATCH:
            return
        after = rows[-1]["id"]


def _readable(row: SqlRow) -> Mapping[str, Any]:
    return {name: _readable_value(name, value) for name, value in row.items()}


def _readable_value(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    if name == "at" or name.endswith("_at"):
        return from_sql(value)
    if value is not None and (name == "id" or name.endswith("_id")):
        return str(value)
    return value
