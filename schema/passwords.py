"""GraphQL face of passwords: changed, forgotten, set anew."""

from typing import Annotated, TypeAlias

import strawberry

from resolvers.passwords import change_password, request_reset, reset_password
from schema.access import signed_in
from schema.context import Info
from schema.problems import (
    InsecureTransportProblem,
    PasswordWrongProblem,
    RateLimitedProblem,
    SessionRequiredProblem,
    StepUpRequiredProblem,
    TokenInvalidProblem,
    ValidationProblem,
)
from schema.sessions import SessionStartSuccess

_RULES = (
    "8 to 128 characters, none of the most common passwords, and neither the name nor the address."
)


@strawberry.input(description="The viewer's present password, and the new one.")
class PasswordChangeInput:
    current_password: str | None = strawberry.field(
        default=None,
        description="Null for an account without a password: then the last proof of identity "
        "must be recent.",
    )
    new_password: str = strawberry.field(description=_RULES)


PasswordChangeResult: TypeAlias = Annotated[
    SessionStartSuccess
    | PasswordWrongProblem
    | ValidationProblem
    | StepUpRequiredProblem
    | SessionRequiredProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union("PasswordChangeResult", description="The session, or the reason why not."),
]


@strawberry.input(description="Who forgot their password.")
class PasswordResetRequestInput:
    email: str = strawberry.field(description="Address of the account, in any case.")


@strawberry.type(
    description="If the address has an account, a letter is under way. Whether it has is not told."
)
class PasswordResetRequestSuccess:
    email: str = strawberry.field(description="As it was understood.")


PasswordResetRequestResult: TypeAlias = Annotated[
    PasswordResetRequestSuccess | ValidationProblem | RateLimitedProblem,
    strawberry.union("PasswordResetRequestResult", description="The same for every address."),
]


@strawberry.input(description="The token of a letter, and the new password.")
class PasswordResetInput:
    token: str = strawberry.field(
        description="What follows # in the letter's address. Works once, for 30 minutes."
    )
    new_password: str = strawberry.field(description=_RULES)


@strawberry.type(
    description="The password is set, and all sessions of the account have ended: sign in by it."
)
class PasswordResetSuccess:
    is_reset: bool = strawberry.field(description="Always true.")


PasswordResetResult: TypeAlias = Annotated[
    PasswordResetSuccess
    | TokenInvalidProblem
    | ValidationProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union("PasswordResetResult", description="Done, or the reason why not."),
]


@strawberry.type
class PasswordMutations:
    @strawberry.mutation(
        description="Change your password. Your other sessions end; this one goes on with a new "
        "cookie.",
        **signed_in(),
    )
    async def password_change(
        self,
        info: Info,
        input: Annotated[PasswordChangeInput, strawberry.argument(description="Old and new.")],
    ) -> PasswordChangeResult:
        info.context.cookies.require_front_end()
        renewed = await change_password(
            info.context, current=input.current_password, new=input.new_password
        )
        return SessionStartSuccess.of(renewed, info)

    @strawberry.mutation(
        description="Have a letter sent by which a forgotten password can be replaced."
    )
    async def password_reset_request(
        self,
        info: Info,
        input: Annotated[PasswordResetRequestInput, strawberry.argument(description="Who.")],
    ) -> PasswordResetRequestResult:
        email = await request_reset(info.context, email=input.email)
        return PasswordResetRequestSuccess(email=email)

    @strawberry.mutation(description="Set the password by the token of a letter. Signs nobody in.")
    async def password_reset(
        self,
        info: Info,
        input: Annotated[PasswordResetInput, strawberry.argument(description="By what.")],
    ) -> PasswordResetResult:
        await reset_password(info.context, token=input.token, new=input.new_password)
        return PasswordResetSuccess(is_reset=True)
