"""GraphQL face of sign-up: accounts that people make themselves."""

from typing import Annotated, TypeAlias

import strawberry

from resolvers.sign_up import request_sign_up, sign_up
from schema.context import Info
from schema.problems import (
    InsecureTransportProblem,
    RateLimitedProblem,
    SignUpClosedProblem,
    TokenInvalidProblem,
    ValidationProblem,
)


@strawberry.input(description="Who wants an account.")
class SignUpRequestInput:
    email: str = strawberry.field(description="Where the letter goes.")


@strawberry.type(
    description="A letter is under way, also to those who have an account: only it says so."
)
class SignUpRequestSuccess:
    email: str = strawberry.field(description="As it was understood.")


SignUpRequestResult: TypeAlias = Annotated[
    SignUpRequestSuccess | SignUpClosedProblem | ValidationProblem | RateLimitedProblem,
    strawberry.union("SignUpRequestResult", description="The same for every address."),
]


@strawberry.input(description="The token of a letter, and what the account begins with.")
class SignUpInput:
    token: str = strawberry.field(
        description="What follows # in the letter's address. Works once, for 24 hours."
    )
    name: str = strawberry.field(
        default="", description="As others see it; empty takes the first part of the address."
    )
    password: str = strawberry.field(
        description="8 to 128 characters, none of the most common passwords, and neither the name "
        "nor the address."
    )


@strawberry.type(description="The account is made: sign in by it.")
class SignUpSuccess:
    email: str = strawberry.field(description="Its address.")


SignUpResult: TypeAlias = Annotated[
    SignUpSuccess
    | TokenInvalidProblem
    | ValidationProblem
    | SignUpClosedProblem
    | InsecureTransportProblem
    | RateLimitedProblem,
    strawberry.union("SignUpResult", description="The account, or the reason why not."),
]


@strawberry.type
class SignUpMutations:
    @strawberry.mutation(
        description="Have a letter sent by which an account can be made; see `portal { signUp }`."
    )
    async def sign_up_request(
        self,
        info: Info,
        input: Annotated[SignUpRequestInput, strawberry.argument(description="Who.")],
    ) -> SignUpRequestResult:
        email = await request_sign_up(info.context, email=input.email, locale=info.context.locale)
        return SignUpRequestSuccess(email=email)

    @strawberry.mutation(description="Make an account by the token of a letter. Signs nobody in.")
    async def sign_up(
        self,
        info: Info,
        input: Annotated[SignUpInput, strawberry.argument(description="By what.")],
    ) -> SignUpResult:
        user = await sign_up(
            info.context, token=input.token, name=input.name, password=input.password
        )
        return SignUpSuccess(email=user.email)
