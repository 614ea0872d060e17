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
    """

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    name: str
