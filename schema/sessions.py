"""GraphQL face of sessions: begun, proved anew, listed, ended."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.errors import ValueInvalidError
from models.sessions import Session
from resolvers.renewals import renew_by_code, renew_by_password
from resolvers.sessions import MAX_SESSIONS, StartedSession, revoke_sessions, sign_out
from resolvers.sign_in import sign_in
from schema.access import signed_in
from schema.context import Info
from schema.nodes import Node, encode_id, row_id_of
from schema.problems import (
    InsecureTransportProblem,
    PasswordWrongProblem,
    RateLimitedProblem,
    SecondFactorRequiredProblem,
    SecondFactorUnreadableProblem,
    SecondFactorWrongProblem,
    SessionRequiredProblem,
    SignInRefusedProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)


@strawberry.type(
    name="Session", description="A signed-in browser. Its token is in its cookie and nowhere else."
)
class SessionType(Node):
    is_current: bool = strawberry.field(description="The session of this request.")
    address: str = strawberry.field(description="Where the person signed in from.")
    user_agent: str = strawberry.field(description="As the browser called itself then.")
    factors: list[str] = strawberry.field(
        description="How the person proved who they are: `password`, `totp`, `passkey`, ..."
    )
    created_at: datetime = strawberry.field(description="When the person signed in.")
    authenticated_at: datetime = strawberry.field(
        description="When they last proved who they are; dangerous actions want this to be recent."
    )
    last_seen_at: datetime = strawberry.field(description="Of the last use, exact to a minute.")
    expires_at: datetime = strawberry.field(
        description="The end, however much it is used; unused for long it ends before."
    )

    @classmethod
    def of(cls, row: Session, info: Info) -> Self:
        """Return the session of a row."""
        return cls(
            id=encode_id("Session", row.id),
            is_current=row.id == info.context.viewer.session_id,
            address=row.address,
            user_agent=row.user_agent,
            factors=row.factors.split(),
            created_at=row.created_at,
            authenticated_at=row.authenticated_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
        )


@strawberry.input(description="Who wants to sign in.")
class SessionCreateInput:
    email: str = strawberry.field(description="Address of the account, in any case.")
    password: str = strawberry.field(description="As it was typed.")


@strawberry.type(
    description="The person is signed in: the answer sets the cookie. Load `viewer` anew."
)
class SessionStartSuccess:
    expires_at: datetime = strawberry.field(
        description="The end of the session, however much it is used."
    )

    @classmethod
    def of(cls, started: StartedSession, info: Info) -> Self:
        """Give the browser the cookie, and return what it is told."""
        info.context.cookies.keep(started)
        return cls(expires_at=started.ends_at)


SessionCreateResult: TypeAlias = Annotated[
    SessionStartSuccess
    | SecondFactorRequiredProblem
    | SignInRefusedProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union("SessionCreateResult", description="The session, or the reason why not."),
]


@strawberry.type(description="The browser has no session any more.")
class SessionDeleteSuccess:
    deleted_id: strawberry.ID = strawberry.field(description="Of the session that ended.")


SessionDeleteResult: TypeAlias = Annotated[
    SessionDeleteSuccess | SessionRequiredProblem,
    strawberry.union("SessionDeleteResult", description="The id, or the reason why not."),
]


@strawberry.input(one_of=True, description="Which sessions are to end.")
class SessionsRevokeInput:
    ids: strawberry.Maybe[list[strawberry.ID]] = strawberry.field(
        description="At most 100, yours or, with USER_ADMIN, of people in your reach; those that "
        "are over, or not yours to end, are left out."
    )
    all_except_current: strawberry.Maybe[bool] = strawberry.field(
        description="`true`: all of yours but the one of this request."
    )


@strawberry.type(
    description="These sessions open nothing any more; their sockets close within 5 seconds."
)
class SessionsRevokeSuccess:
    revoked_ids: list[strawberry.ID] = strawberry.field(
        description="Of those that ended now; not of those that were over already."
    )


SessionsRevokeResult: TypeAlias = Annotated[
    SessionsRevokeSuccess | SessionRequiredProblem | ValidationProblem,
    strawberry.union("SessionsRevokeResult", description="What ended, or the reason why not."),
]


@strawberry.input(
    one_of=True,
    description="What proves who the person is: one of `ways` of StepUpRequiredProblem.",
)
class SessionRenewInput:
    password: strawberry.Maybe[str] = strawberry.field(
        description="The present one, as it was typed; for people of the directory theirs of "
        "there. Of somebody with a second factor it proves nothing."
    )
    code: strawberry.Maybe[str] = strawberry.field(
        description="Of the authenticator app, or from paper; spaces and hyphens do no harm."
    )


SessionRenewResult: TypeAlias = Annotated[
    SessionStartSuccess
    | PasswordWrongProblem
    | SecondFactorWrongProblem
    | SecondFactorUnreadableProblem
    | StepUpRequiredProblem
    | SessionRequiredProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union("SessionRenewResult", description="The session, or the reason why not."),
]


@strawberry.type
class SessionMutations:
    @strawberry.mutation(
        description="Sign in by address and password. Needs the header Linkyard-Client; the token "
        "comes as a cookie that no script can read."
    )
    async def session_create(
        self,
        info: Info,
        input: Annotated[SessionCreateInput, strawberry.argument(description="Who.")],
    ) -> SessionCreateResult:
        info.context.cookies.require_front_end()
        started = await sign_in(info.context, email=input.email, password=input.password)
        return SessionStartSuccess.of(started, info)

    @strawberry.mutation(description="Sign out: end the session of this request.", **signed_in())
    async def session_delete(self, info: Info) -> SessionDeleteResult:
        await sign_out(info.context)
        info.context.cookies.clear()
        return SessionDeleteSuccess(
            deleted_id=encode_id("Session", info.context.viewer.session_id or 0)
        )

    @strawberry.mutation(
        description="Prove anew who you are, for actions that want a proof of the last ten "
        "minutes. The session goes on with a new cookie.",
        **signed_in(),
    )
    async def session_renew(
        self,
        info: Info,
        input: Annotated[SessionRenewInput, strawberry.argument(description="The proof.")],
    ) -> SessionRenewResult:
        info.context.cookies.require_front_end()
        if input.code is not None:
            renewed = await renew_by_code(info.context, code=input.code.value)
        else:
            typed = "" if input.password is None else input.password.value
            renewed = await renew_by_password(info.context, password=typed)
        return SessionStartSuccess.of(renewed, info)

    @strawberry.mutation(
        description="End sessions of yours; with USER_ADMIN also those of people in your reach.",
        **signed_in(),
    )
    async def sessions_revoke(
        self,
        info: Info,
        input: Annotated[SessionsRevokeInput, strawberry.argument(description="Which.")],
    ) -> SessionsRevokeResult:
        ids = None
        if input.ids is not None:
            if len(input.ids.value) > MAX_SESSIONS:
                raise ValueInvalidError(path=("ids",), reason="too_many_ids", maximum=MAX_SESSIONS)
            ids = [row_id_of(each, "Session") or 0 for each in input.ids.value]
        elif input.all_except_current is None or not input.all_except_current.value:
            ids = []
        ended = await revoke_sessions(info.context, ids=ids)
        return SessionsRevokeSuccess(revoked_ids=[encode_id("Session", each) for each in ended])
