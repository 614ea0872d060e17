"""The viewer's passkeys: made in two steps, listed, deleted."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import NotFoundError, PasskeyLimitError, PasskeyRefusedError
from models.one_time_tokens import TokenPurpose
from models.rules.audit_actions import AuditAction
from models.rules.base64url import from_base64url, to_base64url
from models.rules.mail_templates import FactorChange
from models.rules.passkeys import (
    CHALLENGE_BYTES,
    Attestation,
    Site,
    Transport,
    check_attestation,
    handle_of,
)
from models.rules.plain_text import check_text
from models.second_factors import Passkey
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import (
    drop_useless_codes,
    lock_person,
    person_of_session,
    require_owner,
    tell_change,
)
from resolvers.one_time_tokens import Payload, issue_token, use_token

MAX_PASSKEYS: Final = 20  # of one person
MAX_LABEL_LENGTH: Final = 100  # characters, also the column width
LIFE: Final = timedelta(minutes=5)  # of a challenge: time to look for the right device


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyOffer:
    """What a browser needs to make a passkey.

    Attributes:
        token: to be sent back with the browser's answer.
        challenge: base64url.
        user: whose it will be.
        handle: the person's name for authenticators, base64url.
        known: the person's passkeys, which an authenticator must not hold already.
    """

    token: str
    challenge: str
    user: User
    handle: str
    known: Sequence[Passkey]


def new_challenge() -> str:
    """Return random bytes for a browser to sign, in base64url."""
    return to_base64url(secrets.token_bytes(CHALLENGE_BYTES))


def challenge_in(payload: Payload) -> bytes:
    """Return the challenge that a token was issued with."""
    return from_base64url(str(payload["challenge"])) or b""


async def begin_passkey(context: RequestContext) -> PasskeyOffer:
    """Return what a browser needs to make a passkey for the viewer.

    Raises:
        SessionRequiredError, StepUpRequiredError: see require_owner.
        PasskeyLimitError: the person has MAX_PASSKEYS.
    """
    user_id = await require_owner(context)
    challenge = new_challenge()
    async with in_transaction("default") as connection:
        user = await User.all().using_db(connection).get(id=user_id)
        known = await Passkey.filter(user_id=user_id).using_db(connection).order_by("id")
        if len(known) >= MAX_PASSKEYS:
            raise PasskeyLimitError(limit=MAX_PASSKEYS)
        token = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.PASSKEY_CREATE,
            life=LIFE,
            user_id=user_id,
            payload={"challenge": challenge},
        )
    return PasskeyOffer(
        token=token, challenge=challenge, user=user, handle=handle_of(user_id), known=known
    )


async def create_passkey(  # noqa: PLR0913 - the parts of one answer
    context: RequestContext,
    *,
    token: str,
    label: str,
    answer: Attestation,
    transports: Sequence[Transport],
    site: Site,
) -> Passkey:
    """Store a passkey that the viewer's browser made; its challenge is used up either way.

    Raises:
        SessionRequiredError: the viewer came through no session.
        PasskeyRefusedError: anything about the answer is wrong, or the challenge is over.
        PasskeyLimitError: the person has MAX_PASSKEYS.
        ValueRequiredError, TextTooLongError, ValueInvalidError: the label.
    """
    user_id = person_of_session(context)  # the token was given to a fresh one, minutes ago
    shown = check_text(label, field="label", length=MAX_LABEL_LENGTH, required=True) or ""
    async with in_transaction("default") as connection:
        found = await use_token(context, connection, token, purpose=TokenPurpose.PASSKEY_CREATE)
    if found is None or found.user_id != user_id:
        raise PasskeyRefusedError
    new = check_attestation(answer, challenge=challenge_in(found.payload), site=site)
    async with in_transaction("default") as connection:
        user = await lock_person(connection, user_id)
        if await Passkey.filter(user_id=user_id).using_db(connection).count() >= MAX_PASSKEYS:
            raise PasskeyLimitError(limit=MAX_PASSKEYS)
        try:
            async with in_transaction("default") as savepoint:
                passkey = await Passkey.create(
                    using_db=savepoint,
                    user_id=user_id,
                    credential_id=new.credential_id,
                    public_key=new.public_key,
                    sign_count=new.sign_count,
                    transports=" ".join(dict.fromkeys(transports)),
                    label=shown,
                )
        except IntegrityError:  # somebody has it, perhaps the viewer
            raise PasskeyRefusedError from None
        await log_action(
            context,
            connection,
            AuditAction.PASSKEY_CREATE,
            subject_id=passkey.id,
            after={"label": shown},
        )
        await tell_change(context, connection, user=user, change=FactorChange.PASSKEY_ADDED)
    return passkey


async def delete_passkey(context: RequestContext, *, passkey_id: int) -> None:
    """Forget one of the viewer's passkeys.

    Raises:
        SessionRequiredError, StepUpRequiredError: see require_owner.
        NotFoundError: no such passkey, or another person's.
    """
    user_id = await require_owner(context)
    async with in_transaction("default") as connection:
        user = await lock_person(connection, user_id)
        rows = Passkey.filter(id=passkey_id, user_id=user_id).using_db(connection)
        passkey = await rows.first()
        if passkey is None:
            raise NotFoundError
        await passkey.delete(using_db=connection)
        await drop_useless_codes(connection, user_id)
        await log_action(
            context,
            connection,
            AuditAction.PASSKEY_DELETE,
            subject_id=passkey_id,
            before={"label": passkey.label},
        )
        await tell_change(context, connection, user=user, change=FactorChange.PASSKEY_REMOVED)


async def passkeys_of(context: RequestContext) -> list[Passkey]:
    """Return the viewer's passkeys, newest first, at most MAX_PASSKEYS."""
    user_id = context.viewer.user_id
    if user_id is None:
        return []
    return await Passkey.filter(user_id=user_id).order_by("-id").limit(MAX_PASSKEYS)
