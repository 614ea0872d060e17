"""Who asks, and with which tools."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from models.errors import DomainError
from models.rules.scopes import Scope
from resolvers.ports import Ports


class NotPermittedError(DomainError):
    """The viewer lacks a scope."""

    code: ClassVar[str] = "FORBIDDEN"

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope.value)
        self.scope = scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks: a person through an API key, or nobody.

    Attributes:
        user_id: None for an anonymous caller and for the command line.
        scopes: what the key holds and the person's role still allows.
        is_staff: sees every link, not only their own.
        locale: language of messages, "ru" or "en".
        expires_at: when the key of the request ends; None for never and for nobody.
    """

    user_id: int | None = None
    scopes: frozenset[Scope] = field(default_factory=frozenset[Scope])
    is_staff: bool = False
    locale: str = "en"
    expires_at: datetime | None = None

    def require(self, scope: Scope) -> None:
        """Raise NotPermittedError unless the viewer holds the scope."""
        if scope not in self.scopes:
            raise NotPermittedError(scope)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """First argument of every use case. Lives as long as one request or job."""

    viewer: Viewer
    ports: Ports
