"""GraphQL face of API keys."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.api_keys import ApiKey
from models.rules.scopes import Scope, parse_scopes
from resolvers.api_keys import create_api_key, revoke_api_key
from schema.access import signed_in
from schema.context import Info
from schema.nodes import Node, encode_id, row_id_of
from schema.problems import (
    ApiKeyLimitProblem,
    ForbiddenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    ScopeNotHeldProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)


@strawberry.type(
    name="ApiKey",
    description="A program's key. The secret is shown once, in ApiKeyCreateSuccess; the server "
    "keeps only its hash.",
)
class ApiKeyType(Node):
    label: str = strawberry.field(description="What the key is for, in its owner's words.")
    prefix: str = strawberry.field(
        description="How the secret begins, to tell keys apart in a list."
    )
    scopes: list[Scope] = strawberry.field(description="What the key may be used for.")
    created_at: datetime = strawberry.field(description="When the key was made.")
    last_used_at: datetime | None = strawberry.field(
        description="Exact to a minute; null for a key that was never used."
    )
    expires_at: datetime | None = strawberry.field(
        description="From then on the key opens nothing; null for never."
    )
    per_minute: int | None = strawberry.field(
        description="Requests a minute; null: as many as the installation lets any key send. "
        "The header `RateLimit-Policy` of each answer says how many."
    )

    @classmethod
    def of(cls, row: ApiKey) -> Self:
        """Return the key of a row."""
        held = parse_scopes(row.scopes)
        return cls(
            id=encode_id("ApiKey", row.id),
            label=row.label,
            prefix=row.prefix,
            scopes=[scope for scope in Scope if scope in held],
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
            per_minute=row.per_minute,
        )


@strawberry.input(description="What a new key is for and may do.")
class ApiKeyCreateInput:
    label: str = strawberry.field(description="1 to 100 characters, for your own list.")
    scopes: list[Scope] | None = strawberry.field(
        default=None,
        description="At least one. Null or absent: all that you hold yourself in this request.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="Null or absent: never. A key made with a key that expires ends with it, at "
        "the latest: see `apiKey.expiresAt` of the answer.",
    )
    per_minute: int | None = strawberry.field(
        default=None,
        description="Requests a minute, at least 1. Null or absent: as many as the installation "
        "lets any key send, or as the key of this request has. More only with USER_ADMIN.",
    )


@strawberry.type(description="The key was made.")
class ApiKeyCreateSuccess:
    api_key: ApiKeyType = strawberry.field(description="As it will be listed.")
    secret: str = strawberry.field(
        description="The key itself, shown this once: send it as `Authorization: Bearer`."
    )


ApiKeyCreateResult: TypeAlias = Annotated[
    ApiKeyCreateSuccess
    | ValidationProblem
    | ScopeNotHeldProblem
    | ApiKeyLimitProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("ApiKeyCreateResult", description="The key, or the reason why not."),
]


@strawberry.input(description="Which key is to be void.")
class ApiKeyRevokeInput:
    id: strawberry.ID = strawberry.field(description="Of the key, also of this request's own.")


@strawberry.type(description="The key opens nothing any more, from the next request on.")
class ApiKeyRevokeSuccess:
    revoked_id: strawberry.ID = strawberry.field(description="Of the key.")


ApiKeyRevokeResult: TypeAlias = Annotated[
    ApiKeyRevokeSuccess | NotFoundProblem | ScopeNotHeldProblem | ReachNotHeldProblem,
    strawberry.union("ApiKeyRevokeResult", description="The id, or the reason why not."),
]


@strawberry.type
class ApiKeyMutations:
    @strawberry.mutation(
        description="Make an API key for yourself, with no more rights than this request has.",
        **signed_in(),
    )
    async def api_key_create(
        self,
        info: Info,
        input: Annotated[ApiKeyCreateInput, strawberry.argument(description="The new key.")],
    ) -> ApiKeyCreateResult:
        key, secret = await create_api_key(
            info.context,
            label=input.label,
            scopes=input.scopes,
            expires_at=input.expires_at,
            per_minute=input.per_minute,
        )
        return ApiKeyCreateSuccess(api_key=ApiKeyType.of(key), secret=secret)

    @strawberry.mutation(
        description="Make an API key of yours void, and all keys that it made; with USER_ADMIN "
        "also those of people who have no more rights than you. A key that lacks scopes of its "
        "owner can do it to itself and to those that it made. Doing it twice is no error.",
        **signed_in(),
    )
    async def api_key_revoke(
        self,
        info: Info,
        input: Annotated[ApiKeyRevokeInput, strawberry.argument(description="Which one.")],
    ) -> ApiKeyRevokeResult:
        key = await revoke_api_key(info.context, key_id=row_id_of(input.id, "ApiKey") or 0)
        return ApiKeyRevokeSuccess(revoked_id=encode_id("ApiKey", key.id))
