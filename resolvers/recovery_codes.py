"""Codes on paper, each good once, for when the authenticator app or the passkey is lost."""

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.rules.audit_actions import AuditAction
from models.rules.mail_templates import FactorChange
from models.rules.recovery_codes import hash_code, new_codes
from models.second_factors import RecoveryCode
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import has_factor, lock_person, require_owner, tell_change


async def create_recovery_codes(context: RequestContext) -> list[str]:
    """Replace the viewer's codes and return the new ones, which are shown this once.

    Raises:
        SessionRequiredError, StepUpRequiredError: see require_owner.
        NotFoundError: the person has no factor that a code could stand in for.
    """
    user_id = await require_owner(context)
    async with in_transaction("default") as connection:
        user = await lock_person(connection, user_id)
        if not await has_factor(connection, user_id):
            raise NotFoundError(path=())
        codes = await replace_codes(context, connection, user=user)
        await tell_change(
            context, connection, user=user, change=FactorChange.RECOVERY_CODES_RENEWED
        )
    return codes


async def replace_codes(
    context: RequestContext, connection: BaseDBAsyncClient, *, user: User
) -> list[str]:
    """Make new codes in the open transaction; no earlier one is good any more."""
    await RecoveryCode.filter(user_id=user.id).using_db(connection).delete()
    codes = new_codes()
    rows = [RecoveryCode(user_id=user.id, code_hash=hash_code(code)) for code in codes]
    await RecoveryCode.bulk_create(rows, using_db=connection)
    await log_action(
        context,
        connection,
        AuditAction.RECOVERY_CODE_CREATE,
        subject_id=user.id,
        after={"count": len(codes)},
    )
    return codes


async def use_recovery_code(
    context: RequestContext, connection: BaseDBAsyncClient, *, user: User, code: str
) -> bool:
    """Use a code up and tell whether it was good; of parallel uses one wins."""
    code_hash = hash_code(code)
    if code_hash is None:
        return False
    codes = RecoveryCode.filter(user_id=user.id, code_hash=code_hash, used_at=None)
    if not await codes.using_db(connection).update(used_at=context.ports.clock.now()):
        return False
    await log_action(
        context,
        connection,
        AuditAction.RECOVERY_CODE_USE,
        subject_id=user.id,
        after={"left": await _unused(user.id, connection)},
        actor_id=user.id,
    )
    await tell_change(context, connection, user=user, change=FactorChange.RECOVERY_CODE_USED)
    return True


async def recovery_codes_left(context: RequestContext) -> int:
    """Return how many of the viewer's codes are still good."""
    return await RecoveryCode.filter(user_id=context.viewer.user_id or 0, used_at=None).count()


async def _unused(user_id: int, connection: BaseDBAsyncClient) -> int:
    return await RecoveryCode.filter(user_id=user_id, used_at=None).using_db(connection).count()
