"""Hosts that serve short links."""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.domains import MAX_HOST_LENGTH, Domain
from models.errors import DomainUnknownError, ValueInvalidError
from models.link_changes import log_change
from models.orm import reader
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.hosts import normal_host
from models.rules.scopes import Scope
from resolvers.audit import log_action
from resolvers.context import RequestContext


async def domains_by_id(ids: Sequence[int]) -> list[Domain | LookupError]:
    """Load many domains by one query; the order and length are those of `ids`."""
    rows = await Domain.in_bulk(ids, "id")
    return [rows.get(key) or LookupError(f"no domain {key}") for key in ids]


async def domain_hosts() -> frozenset[str]:
    """Return the hosts of all domains."""
    rows = await fetch(reader(), "SELECT host FROM domain")
    return frozenset(str(row["host"]) for row in rows)


async def listed_hosts(context: RequestContext) -> list[str]:
    """Return every host, that of links whose maker names none first, then the oldest."""
    found = await hosts(context)
    return sorted(found.ids, key=lambda host: host != found.default)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainUse:
    """A host and how many links live on it, without the deleted ones."""

    host: str
    links: int


async def domain_uses() -> list[DomainUse]:
    """Count the links of every domain, the oldest first."""
    rows = await fetch(
        reader(),
        "SELECT domain.host, COUNT(link.id) AS links FROM domain"
        " LEFT JOIN link ON link.domain_id = domain.id AND link.deleted_at IS NULL"
        " GROUP BY domain.id, domain.host, domain.created_at"
        " ORDER BY domain.created_at, domain.id",
    )
    return [DomainUse(host=str(row["host"]), links=int(row["links"])) for row in rows]


async def links_elsewhere(host: str) -> list[DomainUse]:
    """Return the domains with links beside the one of a host in any spelling.

    Counting takes a second for a million links, so a single domain is not counted.
    """
    if await Domain.exclude(host=normal_host(host) or "").exists():
        return [use for use in await domain_uses() if use.links and use.host != normal_host(host)]
    return []


async def rename_domain(context: RequestContext, *, host: str, new_host: str) -> Domain:
    """Let all links of a domain live under another host; the old one is unknown afterwards.

    A domain that has the new host already gives way if it never had a link: a
    start under a new address makes one.

    Args:
        context: needs USER_ADMIN.
        host: of the domain, in any spelling.
        new_host: in any spelling.

    Raises:
        NotPermittedError: no USER_ADMIN.
        DomainUnknownError: no domain has `host`.
        ValueInvalidError: `new_host` is none, or another domain has it and had links.
    """
    context.viewer.require(Scope.USER_ADMIN)
    wanted = normal_host(new_host)
    if wanted is None or len(wanted) > MAX_HOST_LENGTH:
        raise ValueInvalidError(path=("host",), reason="host")
    try:
        async with in_transaction("default") as connection:
            domain_id = (await hosts(context)).domain_id(host)
            domain = await Domain.get(id=domain_id)
            if domain.host == wanted:
                return domain
            taken = await Domain.get_or_none(host=wanted)
            if taken is not None:
                await taken.delete()
            before, domain.host = domain.host, wanted
            await domain.save(update_fields=["host", "updated_at"])
            await log_change(connection, link_id=0, revision=0)
            await log_action(
                context,
                connection,
                AuditAction.DOMAIN_RENAME,
                subject_id=domain.id,
                before={"host": before},
                after={"host": wanted},
            )
    except IntegrityError:  # its links hold it, or somebody made it a moment ago
        raise ValueInvalidError(path=("host",), reason="host_taken", host=wanted) from None
    await context.ports.link_signal.links_changed()
    return domain


async def hosts(context: RequestContext) -> Hosts:
    """Load the hosts of the moment by one small query."""
    rows = await fetch(reader(), "SELECT id, host FROM domain ORDER BY created_at, id")
    ids = {str(row["host"]): int(row["id"]) for row in rows}
    ports = context.ports
    default = ports.default_host if ports.default_host in ids else next(iter(ids), "")
    return Hosts(ids, ports.own_hosts.union(ids), default)
