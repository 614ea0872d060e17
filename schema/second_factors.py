"""GraphQL face of second factors: the authenticator app, recovery codes, and their loss."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers.recovery_codes import create_recovery_codes
from resolvers.second_factors import confirm_session, reset_second_factors
from resolvers.totp import confirm_totp, create_totp, delete_totp
from schema.access import requires, signed_in
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import (
    ForbiddenProblem,
    InsecureTransportProblem,
    NotFoundProblem,
    RateLimitedProblem,
    ReachNotHeldProblem,
    ScopeNotHeldProblem,
    SecondFactorUnreadableProblem,
    SecondFactorWrongProblem,
    SessionRequiredProblem,
    SignInRefusedProblem,
    StepUpRequiredProblem,
    TokenInvalidProblem,
    TotpExistsProblem,
)
from schema.sessions import SessionStartSuccess
from schema.users import UserType


@strawberry.input(description="What proves who the person is, after the password.")
class SessionConfirmInput:
    token: str = strawberry.field(description="From `sessionCreate`.")
    code: str = strawberry.field(
        description="Of the authenticator app, or from paper; spaces and hyphens do no harm."
    )


SessionConfirmResult: TypeAlias = Annotated[
    SessionStartSuccess
    | SecondFactorWrongProblem
    | SecondFactorUnreadableProblem
    | TokenInvalidProblem
    | SignInRefusedProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union("SessionConfirmResult", description="A session, or the reason why not."),
]


@strawberry.type(description="Show both, and ask for a first code: `totpConfirm`.")
class TotpCreateSuccess:
    secret: str = strawberry.field(
        description="Base32, for those who type it into their app. Shown this once."
    )
    uri: str = strawberry.field(description="`otpauth:` address, to be shown as a QR code.")


TotpCreateResult: TypeAlias = Annotated[
    TotpCreateSuccess | TotpExistsProblem | SessionRequiredProblem | StepUpRequiredProblem,
    strawberry.union("TotpCreateResult", description="The secret, or the reason why not."),
]


@strawberry.input(description="The proof that the app knows the secret.")
class TotpConfirmInput:
    code: str = strawberry.field(description="Six digits that the app shows now.")


@strawberry.type(description="From now on a sign-in by password needs a code of the app.")
class TotpConfirmSuccess:
    recovery_codes: list[str] = strawberry.field(
        description="To be printed: each stands in for the app once. Shown this once."
    )


TotpConfirmResult: TypeAlias = Annotated[
    TotpConfirmSuccess
    | SecondFactorWrongProblem
    | NotFoundProblem
    | SessionRequiredProblem
    | StepUpRequiredProblem
    | RateLimitedProblem,
    strawberry.union("TotpConfirmResult", description="Recovery codes, or the reason why not."),
]


@strawberry.type(description="The app is forgotten.")
class TotpDeleteSuccess:
    has_totp: bool = strawberry.field(description="As `viewer { hasTotp }` is from now on.")


TotpDeleteResult: TypeAlias = Annotated[
    TotpDeleteSuccess | NotFoundProblem | SessionRequiredProblem | StepUpRequiredProblem,
    strawberry.union("TotpDeleteResult", description="That it is gone, or the reason why not."),
]


@strawberry.type(description="No earlier code is good any more.")
class RecoveryCodesCreateSuccess:
    recovery_codes: list[str] = strawberry.field(
        description="To be printed: each stands in for the second factor once. Shown this once."
    )


RecoveryCodesCreateResult: TypeAlias = Annotated[
    RecoveryCodesCreateSuccess | NotFoundProblem | SessionRequiredProblem | StepUpRequiredProblem,
    strawberry.union("RecoveryCodesCreateResult", description="The codes, or the reason why not."),
]


@strawberry.input(description="Who has lost their second factor.")
class UserSecondFactorResetInput:
    id: strawberry.ID = strawberry.field(description="Of the person.")


@strawberry.type(
    description="The person has no app, no recovery codes, no passkeys and no sessions any more."
)
class UserSecondFactorResetSuccess:
    user: UserType = strawberry.field(description="The person, who gets a letter.")


UserSecondFactorResetResult: TypeAlias = Annotated[
    UserSecondFactorResetSuccess
    | NotFoundProblem
    | ForbiddenProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem,
    strawberry.union(
        "UserSecondFactorResetResult", description="The person, or the reason why not."
    ),
]


@strawberry.type
class SecondFactorMutations:
    @strawberry.mutation(
        description="Sign in with the second factor, after `sessionCreate` asked for it. Needs the "
        "header Linkyard-Client."
    )
    async def session_confirm(
        self,
        info: Info,
        input: Annotated[SessionConfirmInput, strawberry.argument(description="The proof.")],
    ) -> SessionConfirmResult:
        info.context.cookies.require_front_end()
        started = await confirm_session(info.context, token=input.token, code=input.code)
        return SessionStartSuccess.of(started, info)

    @strawberry.mutation(
        description="Make a secret for an authenticator app of yours. It counts once "
        "`totpConfirm` has seen a code. Needs a recent proof of identity.",
        **signed_in(),
    )
    async def totp_create(self, info: Info) -> TotpCreateResult:
        made = await create_totp(info.context, issuer=info.context.portal.name)
        return TotpCreateSuccess(secret=made.secret, uri=made.uri)

    @strawberry.mutation(
        description="Let the app count. Your other sessions end, and you get a letter.",
        **signed_in(),
    )
    async def totp_confirm(
        self,
        info: Info,
        input: Annotated[TotpConfirmInput, strawberry.argument(description="The first code.")],
    ) -> TotpConfirmResult:
        return TotpConfirmSuccess(recovery_codes=await confirm_totp(info.context, code=input.code))

    @strawberry.mutation(
        description="Forget your authenticator app. Needs a recent proof of identity. You get a "
        "letter.",
        **signed_in(),
    )
    async def totp_delete(self, info: Info) -> TotpDeleteResult:
        await delete_totp(info.context)
        return TotpDeleteSuccess(has_totp=False)

    @strawberry.mutation(
        description="Replace your recovery codes. Needs a recent proof of identity. You get a "
        "letter.",
        **signed_in(),
    )
    async def recovery_codes_create(self, info: Info) -> RecoveryCodesCreateResult:
        return RecoveryCodesCreateSuccess(recovery_codes=await create_recovery_codes(info.context))

    @strawberry.mutation(
        description="Take all second factors, passkeys and sessions from a person who lost theirs; "
        "they sign in by their password alone until they make new ones.",
        **requires(Scope.USER_ADMIN),
    )
    async def user_second_factor_reset(
        self,
        info: Info,
        input: Annotated[UserSecondFactorResetInput, strawberry.argument(description="Who.")],
    ) -> UserSecondFactorResetResult:
        user = await reset_second_factors(info.context, user_id=row_id_of(input.id, "User") or 0)
        return UserSecondFactorResetSuccess(user=UserType.of(user, info))
