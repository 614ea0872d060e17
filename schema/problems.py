"""Expected failures as data: a GraphQL type for each reason, and who makes it of what."""

from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

import strawberry
from strawberry.types.field import StrawberryField

from models.errors import (
    ApiKeyLimitError,
    DomainError,
    DomainUnknownError,
    EmailTakenError,
    InputInvalidError,
    InsecureTransportError,
    InvitationInvalidError,
    LastAdministratorError,
    NameTakenError,
    NotFoundError,
    PasskeyLimitError,
    PasskeyRefusedError,
    PasswordWrongError,
    QuotaExceededError,
    RateLimitedError,
    ReachNotHeldError,
    RequestIdReusedError,
    RequestUndoneError,
    RevisionConflictError,
    RoleBuiltInError,
    RoleInUseError,
    ScopeNotHeldError,
    SecondFactorRequiredError,
    SecondFactorUnreadableError,
    SecondFactorWrongError,
    SessionRequiredError,
    SignInRefusedError,
    SignUpClosedError,
    SlugInvalidError,
    SlugReservedError,
    SlugTakenError,
    StepUpRequiredError,
    TargetLoopError,
    TargetNotAllowedError,
    TargetTooLongError,
    TextTooLongError,
    TokenInvalidError,
    TotpExistsError,
    UserActiveError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.rules.sign_in_methods import ProofWay, SecondFactor
from models.texts import message_of
from resolvers.context import NotPermittedError
from schema.context import Info
from schema.enums import describe_enum
from schema.error_codes import ErrorCode
from schema.scalars import Count

E = TypeVar("E", bound=DomainError)

describe_enum(
    SecondFactor,
    {
        SecondFactor.TOTP: "A code of the authenticator app, for `sessionConfirm`.",
        SecondFactor.PASSKEY: "A passkey: begin with `passkeySignInBegin`.",
        SecondFactor.RECOVERY_CODE: "A code from paper, for `sessionConfirm`.",
    },
    description="What a person can show after the password.",
)
describe_enum(
    ProofWay,
    {
        ProofWay.PASSWORD: "The password, ours or the directory's: `sessionRenew`.",
        ProofWay.TOTP: "A code of the authenticator app: `sessionRenew`.",
        ProofWay.PASSKEY: "A passkey: begin with `passkeyRenewBegin`.",
        ProofWay.RECOVERY_CODE: "A code from paper: `sessionRenew`. It is used up.",
        ProofWay.PROVIDER: "The organization's own provider: open the address of "
        "`Portal.signInProvider` with `?renew=1`; it leads back to the portal.",
    },
    description="How somebody who is signed in proves anew who they are.",
)


@strawberry.interface(
    description="Why a mutation was refused; nothing was changed. Show `message`, branch on "
    "the type or on `code`."
)
class Problem:
    code: ErrorCode = strawberry.field(description="Stable reason, for programs.")
    message: str = strawberry.field(
        description="A sentence for people, in the language of Accept-Language or the viewer's."
    )
    path: list[str] | None = strawberry.field(
        description="The field at fault, from the root of `input`; null when it is none."
    )


def problem_fields(error: DomainError, info: Info) -> dict[str, Any]:
    """Return what every problem says of its error."""
    return {
        "code": ErrorCode(error.code),
        "message": message_of(info.context.locale, error),
        "path": list(error.path) or None,
    }


class PlainProblem:
    """A problem whose code, message and path say all of its error."""

    @classmethod
    def of(cls, error: DomainError, info: Info) -> Self:
        return cls(**problem_fields(error, info))


@strawberry.type(description="One field at fault among several.")
class FieldProblem(Problem): ...


@strawberry.type(
    description="One or several fields cannot be accepted as they are. Put each message of "
    "`fieldProblems` under its field."
)
class ValidationProblem(Problem):
    field_problems: list[FieldProblem] = strawberry.field(
        description="At least one; each has its `path`."
    )

    @classmethod
    def of(cls, error: DomainError, info: Info) -> Self:
        """Return one problem for all the fields."""
        parts = error.problems if isinstance(error, InputInvalidError) else (error,)
        return cls(
            **problem_fields(error, info),
            field_problems=[FieldProblem(**problem_fields(part, info)) for part in parts],
        )


@strawberry.type(
    description="The slug has other characters than letters and digits of one script, `-` and "
    "`_`, or more than 64 of them."
)
class SlugInvalidProblem(PlainProblem, Problem): ...


@strawberry.type(description="The slug is the name of one of the portal's own paths.")
class SlugReservedProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="Another link of the domain holds the slug; also a deleted one that was not "
    "yours, because printed links must not lead to strangers."
)
class SlugTakenProblem(Problem):
    suggestions: list[str] = strawberry.field(
        description="Slugs like it that were free a moment ago, at most 5."
    )

    @classmethod
    def of(cls, error: SlugTakenError, info: Info) -> Self:
        return cls(**problem_fields(error, info), suggestions=list(error.suggestions))


@strawberry.type(
    description="The address is not absolute http or https, carries credentials, or cannot be "
    "read in one way only."
)
class TargetNotAllowedProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The address is on one of this installation's own domains: visitors would turn "
    "in circles."
)
class TargetLoopProblem(Problem):
    host: str = strawberry.field(description="The own domain, in its normal form.")

    @classmethod
    def of(cls, error: TargetLoopError, info: Info) -> Self:
        return cls(**problem_fields(error, info), host=error.host)


@strawberry.type(description="The address is too long once it is in its normal form.")
class TargetTooLongProblem(Problem):
    limit: Count = strawberry.field(description="Most characters an address may have.")

    @classmethod
    def of(cls, error: TargetTooLongError, info: Info) -> Self:
        return cls(**problem_fields(error, info), limit=Count(error.count))


@strawberry.type(description="The installation serves no domain of this host.")
class DomainUnknownProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="Someone saved first. Show both versions, then send `currentRevision` or give up."
)
class RevisionConflictProblem(Problem):
    current_revision: int = strawberry.field(description="What the object has now.")

    @classmethod
    def of(cls, error: RevisionConflictError, info: Info) -> Self:
        return cls(**problem_fields(error, info), current_revision=error.current_revision)


@strawberry.type(
    description="The `requestId` came before, within 24 hours, with another input: make a new "
    "one for a new intention."
)
class RequestIdReusedProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The `requestId` came before, within 24 hours, with the same input, and what it "
    "made was deleted since: make a new one if it is still wanted."
)
class RequestUndoneProblem(PlainProblem, Problem): ...


@strawberry.type(description="The object is absent, deleted or not yours: all look the same.")
class NotFoundProblem(PlainProblem, Problem): ...


@strawberry.type(description="The key of this request lacks a scope.")
class ForbiddenProblem(Problem):
    scope: Scope = strawberry.field(description="The missing one.")

    @classmethod
    def of(cls, error: NotPermittedError, info: Info) -> Self | None:
        """Return the problem; None for an anonymous caller, who gets a top-level error."""
        if info.context.viewer.user_id is None:
            return None
        return cls(**problem_fields(error, info), scope=error.scope)


@strawberry.type(description="Nobody can give a right that they do not have themselves.")
class ScopeNotHeldProblem(Problem):
    scope: Scope = strawberry.field(description="The first one that is not held.")

    @classmethod
    def of(cls, error: ScopeNotHeldError, info: Info) -> Self:
        return cls(**problem_fields(error, info), scope=Scope(error.scope))


@strawberry.type(description="A person may have only so many working keys: revoke one first.")
class ApiKeyLimitProblem(Problem):
    limit: Count = strawberry.field(description="Most keys a person may have.")

    @classmethod
    def of(cls, error: ApiKeyLimitError, info: Info) -> Self:
        return cls(**problem_fields(error, info), limit=Count(error.limit))


@strawberry.type(
    description="This was tried too often in a short time. Nothing was done, and no password, "
    "code or token was looked at."
)
class RateLimitedProblem(Problem):
    retry_after: int = strawberry.field(
        description="Seconds until the same may be tried again, at least 1."
    )

    @classmethod
    def of(cls, error: RateLimitedError, info: Info) -> Self:
        return cls(**problem_fields(error, info), retry_after=error.retry_after_s)


@strawberry.type(
    description="Only a person who is signed in may do this: an API key is not enough."
)
class SessionRequiredProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The last proof of identity is too old for this, or is none for this person: "
    "let them prove who they are by one of the ways, then try again."
)
class StepUpRequiredProblem(Problem):
    ways: list[ProofWay] = strawberry.field(
        description="Those that this person has, the best first; without one they sign in anew."
    )

    @classmethod
    def of(cls, error: StepUpRequiredError, info: Info) -> Self:
        return cls(**problem_fields(error, info), ways=[ProofWay(each) for each in error.ways])


@strawberry.type(description="Nobody signs in over plain http, but on the machine itself.")
class InsecureTransportProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="Address and password do not belong together. An unknown address gets the same "
    "answer."
)
class SignInRefusedProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The password is right, and a second factor is to come: no session has begun yet."
)
class SecondFactorRequiredProblem(Problem):
    token: str = strawberry.field(
        description="For `sessionConfirm`, within ten minutes. Keep it in memory alone."
    )
    factors: list[SecondFactor] = strawberry.field(
        description="What the person can show, at least one."
    )

    @classmethod
    def of(cls, error: SecondFactorRequiredError, info: Info) -> Self:
        return cls(
            **problem_fields(error, info),
            token=error.token,
            factors=[SecondFactor(each) for each in error.factors],
        )


@strawberry.type(description="This is not the present password of the signed-in person.")
class PasswordWrongProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The one-time secret was used, has expired, or never was: all look the same."
)
class TokenInvalidProblem(PlainProblem, Problem): ...


@strawberry.type(description="Only people who are invited get an account here.")
class SignUpClosedProblem(PlainProblem, Problem): ...


@strawberry.type(description="Nobody can give, or act with, a reach beyond their own.")
class ReachNotHeldProblem(Problem):
    reach: Reach = strawberry.field(description="The one that is not held.")

    @classmethod
    def of(cls, error: ReachNotHeldError, info: Info) -> Self:
        return cls(**problem_fields(error, info), reach=Reach(error.reach))


@strawberry.type(description="Nobody would be left who is an active administrator.")
class LastAdministratorProblem(PlainProblem, Problem): ...


@strawberry.type(description="The role is one of the program's own.")
class RoleBuiltInProblem(PlainProblem, Problem): ...


@strawberry.type(description="A person or an open invitation has the role.")
class RoleInUseProblem(PlainProblem, Problem): ...


@strawberry.type(description="Another role, or another organization, has the name.")
class NameTakenProblem(PlainProblem, Problem): ...


@strawberry.type(description="Another account has the address.")
class EmailTakenProblem(PlainProblem, Problem): ...


@strawberry.type(description="The person or the organization has as much as it may.")
class QuotaExceededProblem(Problem):
    limit: Count = strawberry.field(description="The quota.")
    used: Count = strawberry.field(description="How much of it is in use.")

    @classmethod
    def of(cls, error: QuotaExceededError, info: Info) -> Self:
        return cls(**problem_fields(error, info), limit=Count(error.limit), used=Count(error.used))


@strawberry.type(
    description="The invitation was accepted, was revoked, has expired, or never was: all look "
    "the same."
)
class InvitationInvalidProblem(PlainProblem, Problem): ...


@strawberry.type(description="Only the data of deactivated people can be erased.")
class UserActiveProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The code is wrong, or was used before. With `sessionConfirm` the token is as good "
    "as before: let the person try again."
)
class SecondFactorWrongProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The service cannot check codes of this person's app any more, because the key "
    "to its secret is gone. A recovery code still works; else an administrator has to reset "
    "the second factor."
)
class SecondFactorUnreadableProblem(PlainProblem, Problem): ...


@strawberry.type(description="There is an authenticator app already: delete it first.")
class TotpExistsProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The browser's answer about a passkey is not good, or came too late: begin anew."
)
class PasskeyRefusedProblem(PlainProblem, Problem): ...


@strawberry.type(description="A person may have only so many passkeys: delete one first.")
class PasskeyLimitProblem(Problem):
    limit: Count = strawberry.field(description="Most passkeys a person may have.")

    @classmethod
    def of(cls, error: PasskeyLimitError, info: Info) -> Self:
        return cls(**problem_fields(error, info), limit=Count(error.limit))


@dataclass(frozen=True)
class ProblemHandler(Generic[E]):
    """Turns a DomainError into its problem, in the fields whose union lists that.

    Where the union does not list it, or `of` declines, the error goes up and
    becomes a top-level error with the same code.
    """

    exception_type: type[E]
    error_type: Any  # a class with `of(error, info)`; the classes share no signature

    def handle(self, exception: E, *, field: StrawberryField, info: Info) -> Problem | None:
        """See strawberry.schema.exception_handlers."""
        problem: Problem | None = self.error_type.of(exception, info)
        return problem


HANDLERS: Final = (
    ProblemHandler(InputInvalidError, ValidationProblem),
    ProblemHandler(ValueInvalidError, ValidationProblem),
    ProblemHandler(ValueRequiredError, ValidationProblem),
    ProblemHandler(TextTooLongError, ValidationProblem),
    ProblemHandler(SlugInvalidError, SlugInvalidProblem),
    ProblemHandler(SlugReservedError, SlugReservedProblem),
    ProblemHandler(SlugTakenError, SlugTakenProblem),
    ProblemHandler(TargetNotAllowedError, TargetNotAllowedProblem),
    ProblemHandler(TargetLoopError, TargetLoopProblem),
    ProblemHandler(TargetTooLongError, TargetTooLongProblem),
    ProblemHandler(DomainUnknownError, DomainUnknownProblem),
    ProblemHandler(RevisionConflictError, RevisionConflictProblem),
    ProblemHandler(RequestIdReusedError, RequestIdReusedProblem),
    ProblemHandler(RequestUndoneError, RequestUndoneProblem),
    ProblemHandler(NotFoundError, NotFoundProblem),
    ProblemHandler(NotPermittedError, ForbiddenProblem),
    ProblemHandler(ScopeNotHeldError, ScopeNotHeldProblem),
    ProblemHandler(ApiKeyLimitError, ApiKeyLimitProblem),
    ProblemHandler(ReachNotHeldError, ReachNotHeldProblem),
    ProblemHandler(LastAdministratorError, LastAdministratorProblem),
    ProblemHandler(RoleBuiltInError, RoleBuiltInProblem),
    ProblemHandler(RoleInUseError, RoleInUseProblem),
    ProblemHandler(NameTakenError, NameTakenProblem),
    ProblemHandler(EmailTakenError, EmailTakenProblem),
    ProblemHandler(QuotaExceededError, QuotaExceededProblem),
    ProblemHandler(InvitationInvalidError, InvitationInvalidProblem),
    ProblemHandler(UserActiveError, UserActiveProblem),
    ProblemHandler(RateLimitedError, RateLimitedProblem),
    ProblemHandler(SessionRequiredError, SessionRequiredProblem),
    ProblemHandler(StepUpRequiredError, StepUpRequiredProblem),
    ProblemHandler(InsecureTransportError, InsecureTransportProblem),
    ProblemHandler(SignInRefusedError, SignInRefusedProblem),
    ProblemHandler(SecondFactorRequiredError, SecondFactorRequiredProblem),
    ProblemHandler(PasswordWrongError, PasswordWrongProblem),
    ProblemHandler(TokenInvalidError, TokenInvalidProblem),
    ProblemHandler(SignUpClosedError, SignUpClosedProblem),
    ProblemHandler(SecondFactorWrongError, SecondFactorWrongProblem),
    ProblemHandler(SecondFactorUnreadableError, SecondFactorUnreadableProblem),
    ProblemHandler(TotpExistsError, TotpExistsProblem),
    ProblemHandler(PasskeyRefusedError, PasskeyRefusedProblem),
    ProblemHandler(PasskeyLimitError, PasskeyLimitProblem),
)
