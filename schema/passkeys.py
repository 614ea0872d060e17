"""GraphQL face of passkeys: making, listing and forgetting them, and signing in by them."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.rules.passkeys import Assertion, Attestation, Site, Transport
from models.second_factors import Passkey
from resolvers.passkey_sign_ins import begin_passkey_sign_in, sign_in_by_passkey
from resolvers.passkeys import begin_passkey, create_passkey, delete_passkey
from resolvers.renewals import begin_passkey_renewal, renew_by_passkey
from schema.access import signed_in
from schema.context import Info
from schema.nodes import Node, encode_id, row_id_of
from schema.passkey_options import PasskeyCreationOptions, PasskeyRequestOptions
from schema.problems import (
    InsecureTransportProblem,
    NotFoundProblem,
    PasskeyLimitProblem,
    PasskeyRefusedProblem,
    RateLimitedProblem,
    SessionRequiredProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)
from schema.sessions import SessionStartSuccess


def _site(info: Info) -> Site:
    portal = info.context.portal
    return Site.of(portal.public_url, name=portal.name)


@strawberry.type(name="Passkey", description="A key on a device, instead of the password.")
class PasskeyType(Node):
    label: str = strawberry.field(description="In its owner's words.")
    created_at: datetime = strawberry.field(description="When it was made.")
    last_used_at: datetime | None = strawberry.field(
        description="When somebody last signed in with it; null for never."
    )

    @classmethod
    def of(cls, row: Passkey) -> Self:
        """Return the passkey of a row."""
        return cls(
            id=encode_id("Passkey", row.id),
            label=row.label,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
        )


@strawberry.type(description="Ask the browser to make a passkey, then send its answer.")
class PasskeyCreateBeginSuccess:
    token: str = strawberry.field(description="For `passkeyCreate`, once.")
    options: PasskeyCreationOptions = strawberry.field(description="For the browser.")


@strawberry.type(description="Ask the browser for a passkey, then send its answer.")
class PasskeySignInBeginSuccess:
    token: str = strawberry.field(
        description="For `sessionCreateByPasskey`, or `sessionRenewByPasskey`, once."
    )
    options: PasskeyRequestOptions = strawberry.field(description="For the browser.")


PasskeyCreateBeginResult: TypeAlias = Annotated[
    PasskeyCreateBeginSuccess
    | PasskeyLimitProblem
    | SessionRequiredProblem
    | StepUpRequiredProblem,
    strawberry.union("PasskeyCreateBeginResult", description="The options, or the reason why not."),
]
PasskeyRenewBeginResult: TypeAlias = Annotated[
    PasskeySignInBeginSuccess | SessionRequiredProblem | InsecureTransportProblem,
    strawberry.union("PasskeyRenewBeginResult", description="The options, or the reason why not."),
]
PasskeySignInBeginResult: TypeAlias = Annotated[
    PasskeySignInBeginSuccess | InsecureTransportProblem | RateLimitedProblem,
    strawberry.union("PasskeySignInBeginResult", description="The options, or the reason why not."),
]


@strawberry.input(description="The answer of `navigator.credentials.create`, as `toJSON` has it.")
class PasskeyAttestationInput:
    id: str = strawberry.field(description="Of the credential, base64url.")
    client_data_json: str = strawberry.field(
        name="clientDataJSON", description="`response.clientDataJSON`, base64url."
    )
    attestation_object: str = strawberry.field(
        description="`response.attestationObject`, base64url."
    )
    transports: list[str] = strawberry.field(
        default_factory=list,
        description="`response.transports`; those that are not known here are left out.",
    )


@strawberry.input(description="A new passkey.")
class PasskeyCreateInput:
    token: str = strawberry.field(description="From `passkeyCreateBegin`.")
    label: str = strawberry.field(description="1 to 100 characters, for your own list.")
    credential: PasskeyAttestationInput = strawberry.field(description="The browser's answer.")


@strawberry.type(description="The passkey is good from now on.")
class PasskeyCreateSuccess:
    passkey: PasskeyType = strawberry.field(description="As it will be listed.")


PasskeyCreateResult: TypeAlias = Annotated[
    PasskeyCreateSuccess
    | PasskeyRefusedProblem
    | PasskeyLimitProblem
    | ValidationProblem
    | SessionRequiredProblem,
    strawberry.union("PasskeyCreateResult", description="The passkey, or the reason why not."),
]


@strawberry.input(description="Which passkey is to be forgotten.")
class PasskeyDeleteInput:
    id: strawberry.ID = strawberry.field(description="Of the passkey.")


@strawberry.type(description="Nobody signs in with the passkey any more.")
class PasskeyDeleteSuccess:
    deleted_id: strawberry.ID = strawberry.field(description="Of the passkey.")


PasskeyDeleteResult: TypeAlias = Annotated[
    PasskeyDeleteSuccess | NotFoundProblem | SessionRequiredProblem | StepUpRequiredProblem,
    strawberry.union("PasskeyDeleteResult", description="The id, or the reason why not."),
]


@strawberry.input(description="The answer of `navigator.credentials.get`, as `toJSON` has it.")
class PasskeyAssertionInput:
    id: str = strawberry.field(description="Of the credential, base64url.")
    client_data_json: str = strawberry.field(
        name="clientDataJSON", description="`response.clientDataJSON`, base64url."
    )
    authenticator_data: str = strawberry.field(
        description="`response.authenticatorData`, base64url."
    )
    signature: str = strawberry.field(description="`response.signature`, base64url.")
    user_handle: str = strawberry.field(description="`response.userHandle`, base64url.")

    def to_answer(self) -> Assertion:
        """Return it as the rules know it."""
        return Assertion(
            credential_id=self.id,
            client_data=self.client_data_json,
            authenticator_data=self.authenticator_data,
            signature=self.signature,
            user_handle=self.user_handle,
        )


@strawberry.input(description="A sign-in without a password.")
class SessionCreateByPasskeyInput:
    token: str = strawberry.field(description="From `passkeySignInBegin`.")
    credential: PasskeyAssertionInput = strawberry.field(description="The browser's answer.")


SessionCreateByPasskeyResult: TypeAlias = Annotated[
    SessionStartSuccess | PasskeyRefusedProblem | InsecureTransportProblem | RateLimitedProblem,
    strawberry.union(
        "SessionCreateByPasskeyResult", description="A session, or the reason why not."
    ),
]


@strawberry.input(description="A proof of identity by a passkey, for the session that goes on.")
class SessionRenewByPasskeyInput:
    token: str = strawberry.field(description="From `passkeyRenewBegin`, in the same session.")
    credential: PasskeyAssertionInput = strawberry.field(description="The browser's answer.")


SessionRenewByPasskeyResult: TypeAlias = Annotated[
    SessionStartSuccess
    | PasskeyRefusedProblem
    | SessionRequiredProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union(
        "SessionRenewByPasskeyResult", description="The session, or the reason why not."
    ),
]


@strawberry.type
class PasskeyMutations:
    @strawberry.mutation(
        description="Begin to make a passkey. Needs a recent proof of identity.", **signed_in()
    )
    async def passkey_create_begin(self, info: Info) -> PasskeyCreateBeginResult:
        offer = await begin_passkey(info.context)
        return PasskeyCreateBeginSuccess(
            token=offer.token, options=PasskeyCreationOptions.of(offer, _site(info))
        )

    @strawberry.mutation(
        description="Keep a passkey that the browser made. The person gets a letter.",
        **signed_in(),
    )
    async def passkey_create(
        self,
        info: Info,
        input: Annotated[PasskeyCreateInput, strawberry.argument(description="The new passkey.")],
    ) -> PasskeyCreateResult:
        sent = input.credential
        known = set(sent.transports)
        row = await create_passkey(
            info.context,
            token=input.token,
            label=input.label,
            answer=Attestation(
                credential_id=sent.id,
                client_data=sent.client_data_json,
                attestation=sent.attestation_object,
            ),
            transports=[transport for transport in Transport if transport.value in known],
            site=_site(info),
        )
        return PasskeyCreateSuccess(passkey=PasskeyType.of(row))

    @strawberry.mutation(
        description="Forget a passkey of yours. Needs a recent proof of identity. The person gets "
        "a letter.",
        **signed_in(),
    )
    async def passkey_delete(
        self,
        info: Info,
        input: Annotated[PasskeyDeleteInput, strawberry.argument(description="Which one.")],
    ) -> PasskeyDeleteResult:
        row_id = row_id_of(input.id, "Passkey") or 0
        await delete_passkey(info.context, passkey_id=row_id)
        return PasskeyDeleteSuccess(deleted_id=encode_id("Passkey", row_id))

    @strawberry.mutation(
        description="Begin to sign in by a passkey: the browser shows those it has for the portal."
    )
    async def passkey_sign_in_begin(self, info: Info) -> PasskeySignInBeginResult:
        question = await begin_passkey_sign_in(info.context)
        return PasskeySignInBeginSuccess(
            token=question.token, options=PasskeyRequestOptions.of(question, _site(info))
        )

    @strawberry.mutation(
        description="Sign in by a passkey. It stands for both factors. Needs the header "
        "Linkyard-Client."
    )
    async def session_create_by_passkey(
        self,
        info: Info,
        input: Annotated[
            SessionCreateByPasskeyInput, strawberry.argument(description="The browser's answer.")
        ],
    ) -> SessionCreateByPasskeyResult:
        info.context.cookies.require_front_end()
        started = await sign_in_by_passkey(
            info.context,
            token=input.token,
            answer=input.credential.to_answer(),
            site=_site(info),
        )
        return SessionStartSuccess.of(started, info)

    @strawberry.mutation(
        description="Begin to prove anew who you are by a passkey of yours.", **signed_in()
    )
    async def passkey_renew_begin(self, info: Info) -> PasskeyRenewBeginResult:
        question = await begin_passkey_renewal(info.context)
        return PasskeySignInBeginSuccess(
            token=question.token, options=PasskeyRequestOptions.of(question, _site(info))
        )

    @strawberry.mutation(
        description="Prove anew who you are by a passkey. The session goes on with a new cookie.",
        **signed_in(),
    )
    async def session_renew_by_passkey(
        self,
        info: Info,
        input: Annotated[
            SessionRenewByPasskeyInput, strawberry.argument(description="The browser's answer.")
        ],
    ) -> SessionRenewByPasskeyResult:
        info.context.cookies.require_front_end()
        renewed = await renew_by_passkey(
            info.context,
            token=input.token,
            answer=input.credential.to_answer(),
            site=_site(info),
        )
        return SessionStartSuccess.of(renewed, info)
