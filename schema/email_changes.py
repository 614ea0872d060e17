"""GraphQL face of getting another e-mail address."""

from typing import Annotated, TypeAlias

import strawberry

from resolvers.email_changes import change_email, request_email_change
from schema.access import signed_in
from schema.context import Info
from schema.problems import (
    RateLimitedProblem,
    SessionRequiredProblem,
    StepUpRequiredProblem,
    TokenInvalidProblem,
    ValidationProblem,
)


@strawberry.input(description="The viewer's new address.")
class EmailChangeRequestInput:
    email: str = strawberry.field(description="Where the letter goes.")


@strawberry.type(
    description="A letter is under way to the address. If it is somebody else's, they are told, "
    "and nothing changes: whose it is shows nowhere else."
)
class EmailChangeRequestSuccess:
    email: str = strawberry.field(description="As it was understood.")


EmailChangeRequestResult: TypeAlias = Annotated[
    EmailChangeRequestSuccess
    | StepUpRequiredProblem
    | SessionRequiredProblem
    | ValidationProblem
    | RateLimitedProblem,
    strawberry.union("EmailChangeRequestResult", description="The same for every address."),
]


@strawberry.input(description="The token of a letter.")
class EmailChangeInput:
    token: str = strawberry.field(
        description="What follows # in the letter's address. Works once, for 30 minutes."
    )


@strawberry.type(
    description="The account has its new address. Its sessions have ended, except for the one of "
    "this request, and both addresses get a letter."
)
class EmailChangeSuccess:
    email: str = strawberry.field(description="To sign in by from now on.")


EmailChangeResult: TypeAlias = Annotated[
    EmailChangeSuccess | TokenInvalidProblem | RateLimitedProblem,
    strawberry.union("EmailChangeResult", description="The address, or the reason why not."),
]


@strawberry.type
class EmailChangeMutations:
    @strawberry.mutation(
        description="Ask for another e-mail address of your own: a letter goes there. Needs a "
        "session and a fresh proof of identity.",
        **signed_in(),
    )
    async def email_change_request(
        self,
        info: Info,
        input: Annotated[EmailChangeRequestInput, strawberry.argument(description="Which.")],
    ) -> EmailChangeRequestResult:
        email = await request_email_change(info.context, email=input.email)
        return EmailChangeRequestSuccess(email=email)

    @strawberry.mutation(
        description="Take the new address by the token of its letter. Signs nobody in."
    )
    async def email_change(
        self,
        info: Info,
        input: Annotated[EmailChangeInput, strawberry.argument(description="By what.")],
    ) -> EmailChangeResult:
        return EmailChangeSuccess(email=await change_email(info.context, token=input.token))
