"""GraphQL face of the installation."""

from typing import Self

import strawberry

from models.texts import LOCALES
from resolvers.domains import listed_hosts
from schema.context import Info, PortalFacts
from schema.scalars import Locale, Url


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

    @classmethod
    def of(cls, facts: PortalFacts) -> Self:
        """Return the portal of these facts."""
        return cls(
            name=facts.name,
            version=facts.version,
            url=Url(facts.public_url),
            locales=[Locale(tag) for tag in LOCALES],
        )

    @strawberry.field(
        description="Hosts that serve short links, the default one first, each with its port "
        "unless that is the scheme's own."
    )
    async def short_domains(self, info: Info) -> list[str]:
        return await listed_hosts(info.context)
