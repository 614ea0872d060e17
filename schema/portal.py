"""GraphQL face of the installation."""

from typing import Self

import strawberry

from models.rules.sign_in_methods import SignInMethod
from models.texts import LOCALES
from resolvers.domains import listed_hosts
from schema.context import PROVIDER_START, Info, PortalFacts
from schema.enums import describe_enum
from schema.scalars import Count, Locale, Url

describe_enum(
    SignInMethod,
    {
        SignInMethod.PASSWORD: "Address and password: `sessionCreate`.",
        SignInMethod.PASSKEY: "A passkey: `passkeySignInBegin`.",
        SignInMethod.OIDC: "The organization's own provider (OpenID Connect).",
        SignInMethod.DIRECTORY: "Name and password of the organization's directory (LDAP).",
    },
    description="A way to become a signed-in person.",
)


@strawberry.type(description="The organization's own sign-in, by OpenID Connect.")
class SignInProvider:
    label: str = strawberry.field(description="What the button says.")
    url: Url = strawberry.field(description="Where the button leads, as a whole page.")

    @classmethod
    def of(cls, facts: PortalFacts) -> Self:
        """Return the provider of these facts."""
        return cls(label=facts.provider, url=Url(f"{facts.public_url}{PROVIDER_START}"))


@strawberry.type(
    name="Portal",
    description="The installation as a visitor sees it: all that a front end needs before sign-in.",
)
class PortalType:
    name: str = strawberry.field(description="Chosen by the operator; for the page's title.")
    version: str = strawberry.field(description="Of the program, as in its change log.")
    url: Url = strawberry.field(description="Where the portal is, without a slash at the end.")
    locales: list[Locale] = strawberry.field(
        description="Languages of texts and messages, the default one first."
    )

    sign_in_provider: SignInProvider | None = strawberry.field(
        description="Where people may sign in besides here; null for nowhere."
    )

    @classmethod
    def of(cls, facts: PortalFacts) -> Self:
        """Return the portal of these facts."""
        return cls(
            name=facts.name,
            version=facts.version,
            url=Url(facts.public_url),
            locales=[Locale(tag) for tag in LOCALES],
            sign_in_provider=SignInProvider.of(facts) if facts.provider else None,
        )

    @strawberry.field(description="Whether visitors can make an account: see `signUpRequest`.")
    def sign_up(self, info: Info) -> bool:
        return info.context.ports.access.may_sign_up

    @strawberry.field(
        description="Ways to sign in, the one to offer first in front; empty where the connection "
        "is not encrypted, and nobody signs in."
    )
    def sign_in_methods(self, info: Info) -> list[SignInMethod]:
        context = info.context
        return list(context.ports.access.methods) if context.origin.is_secure else []

    @strawberry.field(description="Most bytes that a file may have: see `fileUploadBegin`.")
    def max_file_bytes(self, info: Info) -> Count:
        return Count(info.context.ports.files.max_bytes)

    @strawberry.field(
        description="Hosts that serve short links, the default one first, each with its port "
        "unless that is the scheme's own."
    )
    async def short_domains(self, info: Info) -> list[str]:
        return await listed_hosts(info.context)
