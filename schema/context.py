"""What a GraphQL resolver finds in `info.context`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Final, Self, TypeAlias

import strawberry
from strawberry.dataloader import DataLoader

from models.api_keys import ApiKey
from models.domains import Domain
from models.files import FileOwnerKind, StoredFile
from models.links import Link
from models.organizations import Organization
from models.rules.periods import StatsRange
from models.rules.scopes import Scope
from models.sessions import Session
from models.users import User
from resolvers.api_keys import api_keys_by_owner
from resolvers.context import Origin, RequestContext, Viewer
from resolvers.domains import domains_by_id
from resolvers.file_owners import files_by_owners
from resolvers.link_stats import (
    BreakdownQuestion,
    LinkPeriod,
    LinkQuestion,
    SeriesQuestion,
    TotalsQuestion,
    VisitorsQuestion,
    breakdowns_of_links,
    ranges_of_links,
    series_of_links,
    totals_of_links,
    visitors_of_links,
)
from resolvers.links import links_by_ids
from resolvers.organization_lists import organizations_by_id
from resolvers.ports import Ports
from resolvers.sessions import sessions_by_person
from resolvers.stats import Breakdown, Series, Totals, stats_as_of
from resolvers.users import users_by_id
from resolvers.visitor_stats import Visitors
from schema.cookies import Cookies
from schema.ticket_loaders import TicketLoaders

PROVIDER_START: Final = "/api/oidc/start"  # a route of api.oidc


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalFacts:
    """What the processes know of themselves without a query.

    Attributes:
        name: shown to visitors.
        version: of the program.
        public_url: of the portal, without a slash at the end.
        provider: what the button of the customer's own sign-in says; "" for none.
        tells_schema: anybody may ask for the schema, and is helped by its names.
        trusts_documents_only: browsers may send only documents of frontend_contract.
    """

    name: str
    version: str
    public_url: str
    provider: str = ""
    tells_schema: bool = False
    trusts_documents_only: bool = False

    @property
    def scheme(self) -> str:
        """`http` or `https`: of the portal, and so of the short addresses."""
        return self.public_url.partition(":")[0]


class Loaders:
    """Batches of look-ups within one operation. Each is made when it is first used."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    def renew(self, context: RequestContext) -> None:
        """Forget what was found, and look for this caller from now on: for the next event."""
        self.__dict__.clear()
        self._context = context

    @cached_property
    def domain(self) -> DataLoader[int, Domain]:
        """Domains by row id."""
        return DataLoader(load_fn=domains_by_id)

    @cached_property
    def user(self) -> DataLoader[int, User]:
        """People by row id."""
        return DataLoader(load_fn=users_by_id)

    @cached_property
    def api_keys(self) -> DataLoader[int, list[ApiKey]]:
        """Keys by their owner's row id; none where the viewer may not see them."""
        return DataLoader(load_fn=partial(api_keys_by_owner, self._context))

    @cached_property
    def sessions(self) -> DataLoader[int, list[Session]]:
        """Sessions by their person's row id; none where the viewer may not see them."""
        return DataLoader(load_fn=partial(sessions_by_person, self._context))

    @cached_property
    def organization(self) -> DataLoader[int, Organization | None]:
        """Organizations by row id; who may see them is decided where they are shown."""
        return DataLoader(load_fn=organizations_by_id)

    @cached_property
    def link(self) -> DataLoader[int, Link | None]:
        """Links by row id; None for those the viewer may not see."""
        return DataLoader(load_fn=partial(links_by_ids, self._context))

    @cached_property
    def files(self) -> DataLoader[tuple[FileOwnerKind, int], list[StoredFile]]:
        """Files by what refers to them; none where the viewer may not see that."""
        return DataLoader(load_fn=partial(files_by_owners, self._context))

    @cached_property
    def desk(self) -> TicketLoaders:
        """Everything about tickets."""
        return TicketLoaders(self._context)

    @cached_property
    def link_range(self) -> DataLoader[LinkPeriod, StatsRange]:
        """What periods mean for links."""
        return DataLoader(load_fn=partial(ranges_of_links, self._context))

    @cached_property
    def link_totals(self) -> DataLoader[LinkQuestion[TotalsQuestion], Totals]:
        """Totals of links."""
        return DataLoader(load_fn=partial(totals_of_links, self._context))

    @cached_property
    def link_series(self) -> DataLoader[LinkQuestion[SeriesQuestion], Series]:
        """Series of links."""
        return DataLoader(load_fn=partial(series_of_links, self._context))

    @cached_property
    def link_breakdown(self) -> DataLoader[LinkQuestion[BreakdownQuestion], Breakdown]:
        """Breakdowns of links."""
        return DataLoader(load_fn=partial(breakdowns_of_links, self._context))

    @cached_property
    def link_visitors(self) -> DataLoader[LinkQuestion[VisitorsQuestion], Visitors]:
        """Visitors of links."""
        return DataLoader(load_fn=partial(visitors_of_links, self._context))

    @cached_property
    def as_of(self) -> DataLoader[None, datetime]:
        """The one moment up to which the statistics of this answer are complete."""

        async def load(keys: list[None]) -> list[datetime]:
            return [await stats_as_of()] * len(keys)

        return DataLoader(load_fn=load)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQLContext(RequestContext):
    """The request context, and what only the GraphQL face needs. New for every operation.

    Attributes:
        portal: the installation.
        locale: language of messages and labels, "ru" or "en".
        loaders: batched look-ups.
        renew: a context of now for the same caller, None once the credential is
            worth nothing any more. Long subscriptions ask again.
        cookies: what the browser keeps or forgets with the answer.
    """

    portal: PortalFacts
    locale: str
    loaders: Loaders
    renew: Callable[[], Awaitable["GraphQLContext | None"]]
    cookies: Cookies = field(default_factory=Cookies)

    @property
    def sees_schema(self) -> bool:
        """Whether the caller may ask for the schema, and is helped by its names."""
        return self.portal.tells_schema or Scope.USER_ADMIN in self.viewer.scopes

    @classmethod
    def start(  # noqa: PLR0913 - one for each attribute
        cls,
        *,
        viewer: Viewer,
        ports: Ports,
        portal: PortalFacts,
        locale: str,
        origin: Origin,
        renew: Callable[[], Awaitable["GraphQLContext | None"]],
        cookies: Cookies | None = None,
    ) -> Self:
        """Return a context with empty loaders, so that nothing outlives the operation."""
        return cls(
            viewer=viewer,
            ports=ports,
            portal=portal,
            locale=locale,
            origin=origin,
            loaders=Loaders(RequestContext(viewer, ports, origin)),
            renew=renew,
            cookies=cookies or Cookies(),
        )


Info: TypeAlias = strawberry.Info[GraphQLContext, None]
