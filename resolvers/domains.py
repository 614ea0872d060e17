"""Hosts that serve short links."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.domains import MAX_HOST_LENGTH, Domain
from models.errors import DomainUnknownError
from models.orm import reader
from models.raw_sql import fetch
from models.rules.hosts import normal_host
from resolvers.context import RequestContext


async def domains_by_id(ids: Sequence[int]) -> list[Domain | LookupError]:
    """Load many domains by one query; the order and length are those of `ids`."""
    rows = await Domain.in_bulk(ids, "id")
    return [rows.get(key) or LookupError(f"no domain {key}") for key in ids]


async def all_domains() -> list[Domain]:
    """Return every domain, the oldest first."""
    return await Domain.all().order_by("created_at", "id")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where links may live, and where they must not lead.

    Attributes:
        ids: domain id by host, the oldest first.
        own: every host that reaches this installation.
        default: the host of links whose maker names none; "" while there is no domain.
    """

    ids: dict[str, int]
    own: frozenset[str]
    default: str

    def domain_id(self, host: str | None) -> int:
        """Return the id of the domain with a host in any spelling; None is the default.

        Raises:
            DomainUnknownError: no such domain.
        """
        found = self.ids.get(self.default if host is None else normal_host(host) or "")
        if found is None:
            told = (self.default if host is None else host)[:MAX_HOST_LENGTH]
            raise DomainUnknownError(host="".join(c if c.isprintable() else "?" for c in told))
        return found


async def hosts(context: RequestContext) -> Hosts:
    """Load the hosts of the moment by one small query."""
    rows = await fetch(reader(), "SELECT id, host FROM domain ORDER BY created_at, id")
    ids = {str(row["host"]): int(row["id"]) for row in rows}
    ports = context.ports
    default = ports.default_host if ports.default_host in ids else next(iter(ids), "")
    return Hosts(ids, ports.own_hosts.union(ids), default)
