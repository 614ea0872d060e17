"""Refusals that a caller can act on, one class per reason.

`code` is the name of the reason in the API and in models.texts, which has a
sentence for each in every language; `params` complete that sentence. A class
whose reason has several shades says in `reason` which one, for a better
sentence: the text is then looked up as CODE.reason first.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

_LONGEST_IN_SECONDS: Final = 90  # a longer wait is told in minutes


class DomainError(Exception):
    """A business rule said no. Safe to show to the person who asked.

    Attributes:
        code: stable machine name, part of the public contract; never reused.
        params: what the text of the code is completed with (models.texts).
        path: the input field at fault, as the API spells it; () for none.
        reason: shade of the code, "" for none.
    """

    code: ClassVar[str]

    def __init__(
        self, *, path: tuple[str, ...] = (), reason: str = "", **params: str | int
    ) -> None:
        told = " ".join([self.code, *filter(None, (reason, ".".join(path)))])
        super().__init__(f"{told} {params}" if params else told)
        self.path = path
        self.reason = reason
        self.params = params


class InputInvalidError(DomainError):
    """Several fields were refused at once; `problems` has each refusal with its path."""

    code: ClassVar[str] = "INVALID_VALUE"

    def __init__(self, problems: Sequence[DomainError]) -> None:
        super().__init__(count=len(problems))
        self.problems = tuple(problems)

    @classmethod
    def raise_for(cls, problems: Sequence[DomainError]) -> None:
        """Raise nothing for no problem, a single problem as itself, several as one error."""
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise cls(problems)


class ValueInvalidError(DomainError):
    """A field holds what it cannot mean; `reason` says what is wrong."""

    code: ClassVar[str] = "INVALID_VALUE"


class ValueRequiredError(DomainError):
    """A field that must say something is empty."""

    code: ClassVar[str] = "REQUIRED"


class TextTooLongError(DomainError):
    """A text has more than `count` characters."""

    code: ClassVar[str] = "TOO_LONG"

    def __init__(self, *, path: tuple[str, ...], count: int) -> None:
        super().__init__(path=path, count=count)
        self.count = count


class SlugInvalidError(DomainError):
    """The slug breaks the grammar of models.rules.slugs; `reason` says how."""

    code: ClassVar[str] = "SLUG_INVALID"

    def __init__(self, *, reason: str, **params: str | int) -> None:
        super().__init__(path=("slug",), reason=reason, **params)


class SlugReservedError(DomainError):
    """The slug is the name of one of our own paths."""

    code: ClassVar[str] = "SLUG_RESERVED"

    def __init__(self, *, slug: str) -> None:
        super().__init__(path=("slug",), slug=slug)
        self.slug = slug


class SlugTakenError(DomainError):
    """Another link of the domain holds the slug, perhaps one that was deleted.

    Attributes:
        suggestions: slugs like it that were free a moment ago, at most 5.
    """

    code: ClassVar[str] = "SLUG_TAKEN"

    def __init__(self, *, slug: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(path=("slug",), slug=slug)
        self.slug = slug
        self.suggestions = tuple(suggestions)


class TargetNotAllowedError(DomainError):
    """The address is none we send people to; `reason` says why."""

    code: ClassVar[str] = "URL_NOT_ALLOWED"

    def __init__(self, *, reason: str, **params: str | int) -> None:
        super().__init__(path=("url",), reason=reason, **params)


class TargetLoopError(DomainError):
    """The address leads back to this installation."""

    code: ClassVar[str] = "URL_LOOP"

    def __init__(self, *, host: str) -> None:
        super().__init__(path=("url",), host=host)
        self.host = host


class TargetTooLongError(DomainError):
    """The address has more than `count` characters in its normal form."""

    code: ClassVar[str] = "TOO_LONG"

    def __init__(self, *, count: int) -> None:
        super().__init__(path=("url",), count=count)
        self.count = count


class DomainUnknownError(DomainError):
    """No domain of this installation has the host."""

    code: ClassVar[str] = "DOMAIN_UNKNOWN"

    def __init__(self, *, host: str) -> None:
        super().__init__(path=("domain",), host=host)
        self.host = host


class RevisionConflictError(DomainError):
    """Someone saved first. `current_revision` is what the object has now."""

    code: ClassVar[str] = "CONFLICT"

    def __init__(self, *, current_revision: int) -> None:
        super().__init__(path=("ifRevision",), revision=current_revision)
        self.current_revision = current_revision


class RequestIdReusedError(DomainError):
    """The request id came before with another input."""

    code: ClassVar[str] = "REQUEST_ID_REUSED"

    def __init__(self) -> None:
        super().__init__(path=("requestId",))


class RequestUndoneError(DomainError):
    """The request id came before with the same input, and what it made was deleted since."""

    code: ClassVar[str] = "REQUEST_UNDONE"

    def __init__(self) -> None:
        super().__init__(path=("requestId",))


class NotFoundError(DomainError):
    """The object of a mutation is absent, or not the viewer's to see: both look the same."""

    code: ClassVar[str] = "NOT_FOUND"

    def __init__(self, *, path: tuple[str, ...] = ("id",)) -> None:
        super().__init__(path=path)


class ScopeNotHeldError(DomainError):
    """A scope was to be given that its receiver, or the one who asks, does not have."""

    code: ClassVar[str] = "SCOPE_NOT_HELD"

    def __init__(self, *, scope: str, path: tuple[str, ...] = ("scopes",)) -> None:
        super().__init__(path=path, scope=scope)
        self.scope = scope


class ReachNotHeldError(DomainError):
    """A reach was to be given, or used, that goes beyond that of the one who asks."""

    code: ClassVar[str] = "REACH_NOT_HELD"

    def __init__(self, *, reach: str, path: tuple[str, ...]) -> None:
        super().__init__(path=path, reach=reach)
        self.reach = reach


class LastAdministratorError(DomainError):
    """The change would leave nobody who is an active administrator."""

    code: ClassVar[str] = "LAST_ADMINISTRATOR"

    def __init__(self) -> None:
        super().__init__(path=("id",))


class RoleBuiltInError(DomainError):
    """Built-in roles are those of the program: nobody changes or deletes them."""

    code: ClassVar[str] = "ROLE_BUILT_IN"

    def __init__(self) -> None:
        super().__init__(path=("id",))


class RoleInUseError(DomainError):
    """People, or open invitations, have the role."""

    code: ClassVar[str] = "ROLE_IN_USE"

    def __init__(self) -> None:
        super().__init__(path=("id",))


class NameTakenError(DomainError):
    """Another role, or another organization, has the name."""

    code: ClassVar[str] = "NAME_TAKEN"

    def __init__(self, *, name: str) -> None:
        super().__init__(path=("name",), name=name)


class QuotaExceededError(DomainError):
    """A person or an organization has as much as it may; `reason` says of what.

    Attributes:
        limit: the quota.
        used: how much of it was in use.
    """

    code: ClassVar[str] = "QUOTA_EXCEEDED"

    def __init__(self, *, reason: str, limit: int, used: int) -> None:
        super().__init__(reason=reason, limit=limit, used=used)
        self.limit = limit
        self.used = used


class InvitationInvalidError(DomainError):
    """The invitation was accepted, was revoked, has expired, or never was: all look the same."""

    code: ClassVar[str] = "INVITATION_INVALID"

    def __init__(self) -> None:
        super().__init__(path=("token",))


class UserActiveError(DomainError):
    """Only the data of deactivated people can be erased."""

    code: ClassVar[str] = "USER_ACTIVE"

    def __init__(self) -> None:
        super().__init__(path=("id",))


class ApiKeyLimitError(DomainError):
    """A person has `limit` working keys, and may not have more."""

    code: ClassVar[str] = "API_KEY_LIMIT"

    def __init__(self, *, limit: int) -> None:
        super().__init__(limit=limit)
        self.limit = limit


class EmailTakenError(DomainError):
    """Another account has the address."""

    code: ClassVar[str] = "EMAIL_TAKEN"

    def __init__(self, *, email: str) -> None:
        super().__init__(path=("email",), email=email)
        self.email = email


class CursorInvalidError(DomainError):
    """`after` or `before` is no cursor of this list in this order."""

    code: ClassVar[str] = "CURSOR_INVALID"

    def __init__(self, *, path: tuple[str, ...]) -> None:
        super().__init__(path=path)


class RateLimitedError(DomainError):
    """Too often in a short time. Nothing was done, and nothing was looked at.

    Attributes:
        retry_after_s: whole seconds until the same may be tried again, at least 1.
    """

    code: ClassVar[str] = "RATE_LIMITED"

    def __init__(self, retry_after_s: int) -> None:
        is_long = retry_after_s > _LONGEST_IN_SECONDS
        super().__init__(
            reason="minutes" if is_long else "",
            count=-(-retry_after_s // 60) if is_long else retry_after_s,
        )
        self.retry_after_s = retry_after_s


class LineInvalidError(DomainError):
    """A line of an imported file cannot be read; `reason` says why."""

    code: ClassVar[str] = "LINE_INVALID"

    def __init__(self, *, reason: str, **params: str | int) -> None:
        super().__init__(path=(), reason=reason, **params)


class SecondFactorWrongError(DomainError):
    """The code is wrong, or was used before: nobody is told which."""

    code: ClassVar[str] = "SECOND_FACTOR_WRONG"

    def __init__(self) -> None:
        super().__init__(path=("code",))


class SecondFactorUnreadableError(DomainError):
    """The app's secret is sealed by a secret key that this installation does not have any more.

    Other ways to prove the second factor still work; an administrator can reset it.
    """

    code: ClassVar[str] = "SECOND_FACTOR_UNREADABLE"

    def __init__(self) -> None:
        super().__init__(path=("code",))


class TotpExistsError(DomainError):
    """The person has an authenticator app already."""

    code: ClassVar[str] = "TOTP_EXISTS"


class PasskeyRefusedError(DomainError):
    """The browser's answer about a passkey is not good; the audit log knows more."""

    code: ClassVar[str] = "PASSKEY_REFUSED"


class PasskeyLimitError(DomainError):
    """A person has `limit` passkeys, and may not have more."""

    code: ClassVar[str] = "PASSKEY_LIMIT"

    def __init__(self, *, limit: int) -> None:
        super().__init__(limit=limit)
        self.limit = limit


class SessionRequiredError(DomainError):
    """Only a person who is signed in may do it: a key must not make ways of signing in."""

    code: ClassVar[str] = "SESSION_REQUIRED"


class StepUpRequiredError(DomainError):
    """The action is dangerous, and the person's last proof of identity is too old for it.

    `ways` are names of ProofWay by which this person can make a new one.
    """

    code: ClassVar[str] = "STEP_UP_REQUIRED"

    def __init__(self, *, ways: tuple[str, ...]) -> None:
        super().__init__()
        self.ways = ways


class InsecureTransportError(DomainError):
    """Nobody signs in where others on the way could read the password."""

    code: ClassVar[str] = "INSECURE_TRANSPORT"


class SignInRefusedError(DomainError):
    """Address and password do not belong together, or the account is none: nobody is told which."""

    code: ClassVar[str] = "SIGN_IN_REFUSED"


class SecondFactorRequiredError(DomainError):
    """The password was right, and more is needed.

    Attributes:
        token: for the second step, once, within ten minutes.
        factors: what the person can show, at least one of models.rules.sign_in_methods.
    """

    code: ClassVar[str] = "SECOND_FACTOR_REQUIRED"

    def __init__(self, *, token: str, factors: Sequence[str]) -> None:
        super().__init__()
        self.token = token
        self.factors = tuple(factors)


class PasswordWrongError(DomainError):
    """The present password of the person who asks is another one."""

    code: ClassVar[str] = "PASSWORD_WRONG"

    def __init__(self, *, path: tuple[str, ...] = ("password",)) -> None:
        super().__init__(path=path)


class TokenInvalidError(DomainError):
    """The one-time secret was used, has expired, or never was: all look the same."""

    code: ClassVar[str] = "TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__(path=("token",))


class SignUpClosedError(DomainError):
    """Only people who are invited get an account here."""

    code: ClassVar[str] = "SIGN_UP_CLOSED"
