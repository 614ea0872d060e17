"""Which part of the service a `serve` runs."""

from enum import StrEnum


class Role(StrEnum):
    """`all` on one machine; the others let a proxy and several services share the work."""

    ALL = "all"
    REDIRECT = "redirect"
    API = "api"
    WORKER = "worker"

    @property
    def redirects(self) -> bool:
        """Answers short links, so it needs a replica, a spool and a worker on this machine."""
        return self in {Role.ALL, Role.REDIRECT}

    @property
    def has_portal(self) -> bool:
        """Answers GraphQL; the others do not even load it."""
        return self in {Role.ALL, Role.API}

    @property
    def has_web(self) -> bool:
        """Accepts connections."""
        return self is not Role.WORKER

    @property
    def has_worker(self) -> bool:
        """Runs a worker, which stands by while another one of this machine works."""
        return self is not Role.API

    @property
    def locks(self) -> tuple[str, ...]:
        """Locks of the data folder: two services there must have no role in common."""
        parts = ("redirect", "api") if self is Role.ALL else (self.value,)
        return tuple(f"serve-{part}" for part in parts)
