"""The customer's own provider, as the settings name it."""

from urllib.parse import urlsplit

from api.adapters.oidc_provider import OidcClient, OidcProvider
from api.client_secret import client_secret
from api.oidc import CALLBACK, OidcRoutes
from api.outbound import outbound_http
from api.settings import Settings
from models.rules.hosts import normal_host


def oidc_routes(settings: Settings) -> OidcRoutes | None:
    """Return the routes of the provider, None where none is configured.

    The provider's own host may be a private one: whoever named it in the settings meant it.
    What else the provider names must be on the open internet.

    Raises:
        DataFolderError: the file of the secret cannot be read.
    """
    if not settings.oidc_issuer:
        return None
    client = OidcClient(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        secret=client_secret(settings),
        scopes=settings.oidc_scopes,
        redirect_uri=f"{settings.public_url.rstrip('/')}{CALLBACK}",
    )
    own = normal_host(urlsplit(settings.oidc_issuer).netloc)
    fetch = outbound_http(settings, trusted=[own] if own else [])
    return OidcRoutes(OidcProvider(client, fetch), may_create=settings.oidc_create_users)
