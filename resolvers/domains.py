"""Hosts that serve short links."""

from collections.abc import Sequence

from models.domains import Domain


async def domains_by_id(ids: Sequence[int]) -> list[Domain | LookupError]:
    """Load many domains by one query; the order and length are those of `ids`."""
    raise NotImplementedError


async def all_domains() -> list[Domain]:
    """Return every domain, the first one first."""
    raise NotImplementedError
