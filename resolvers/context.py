"""Who asks, and with which tools."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from models.errors import DomainError
from models.rules.reach import Reach
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
    """Who asks: a person through a session or an API key, the command line, or nobody.

    Attributes:
        user_id: None for an anonymous caller and for the command line.
        organization_id: of the person, None for those of none.
        scopes: what the key holds and the person's role still allows.
        reach: whose things the person sees.
        locale: language of messages, "ru" or "en".
        session_id, api_key_id: what the person came through; None for both of nobody.
        authenticated_at: when the person of a session last proved who they are.
        expires_at: when the key or the session ends; None for never and for nobody.
        per_minute: requests of the key; None where the settings say how many.
        is_narrow: the key lacks scopes that its person has.
    """

    user_id: int | None = None
    organization_id: int | None = None
    scopes: frozenset[Scope] = field(default_factory=frozenset[Scope])
    reach: Reach = Reach.OWN
    locale: str = "en"
    session_id: int | None = None
    api_key_id: int | None = None
    authenticated_at: datetime | None = None
    expires_at: datetime | None = None
    per_minute: int | None = None
    is_narrow: bool = False

    @property
    def is_staff(self) -> bool:
        """Whether the person sees everybody's things."""
        return self.reach is Reach.ALL

    def require(self, scope: Scope) -> None:
        """Raise NotPermittedError unless the viewer holds the scope."""
        if scope not in self.scopes:
            raise NotPermittedError(scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request comes from, for the audit log and for limits; all "" for our own jobs.

    Attributes:
        address: of the client, as trusted proxies tell it.
        user_agent: as sent, cut to what is kept.
        request_id: of the request, as the log has it.
        is_secure: nobody on the way can read what is said: TLS, or this machine itself.
        device_token: by which the browser is known again, see resolvers.known_devices.
    """

    address: str = ""
    user_agent: str = ""
    request_id: str = ""
    is_secure: bool = True
    device_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """First argument of every use case. Lives as long as one request or job."""

    viewer: Viewer
    ports: Ports
    origin: Origin = Origin()
