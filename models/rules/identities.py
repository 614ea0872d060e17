"""Who somebody is elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedIdentity:
    """What an issuer says of a person.

    Attributes:
        issuer, subject: together they name the person for good.
        email: "" for none; proves nothing unless it is verified.
        is_email_verified: the issuer says so, by `true` itself.
        name: "" for none.
        authenticated_at: when the person last proved who they are there, in seconds since
            1970; None if the issuer does not say.
    """

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    name: str
    authenticated_at: float | None = None
