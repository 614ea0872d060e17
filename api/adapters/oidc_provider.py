"""The customer's own provider: resolvers.ports.IdentityProvider by OpenID Connect.

Sources: OpenID Connect Core and Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the
answer). What the provider publishes is kept for an hour; its keys are asked for anew
when a token is signed by one that we do not know, at most once a minute.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from time import monotonic
from typing import Any, Final, cast
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson
from joserfc.jwk import Key

from models.rules.id_tokens import (
    Expected,
    IdTokenError,
    KeyUnknownError,
    check_id_token,
    read_keys,
)
from models.rules.identities import ProvedIdentity
from resolvers.ports import (
    Challenge,
    FetchFailedError,
    FetchRefusedError,
    HttpFetch,
    ProviderRefusedError,
    ProviderUnavailableError,
)

DISCOVERY: Final = "/.well-known/openid-configuration"
_KEPT_S: Final = 3600.0
_ROTATION_S: Final = 60.0
_MAX_BYTES: Final = 256 << 10
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcClient:
    """Who we are to the provider.

    Attributes:
        issuer: exactly as the provider spells itself.
        secret: "" for a public client, which PKCE alone protects.
        scopes: with spaces between; `openid` must be one.
        redirect_uri: where the provider sends browsers back to.
    """

    issuer: str
    client_id: str
    secret: str
    scopes: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class _Kept:
    document: Mapping[str, Any]
    until: float


class OidcProvider:
    """IdentityProvider of one process."""

    def __init__(
        self, client: OidcClient, fetch: HttpFetch, *, timer: Callable[[], float] = monotonic
    ) -> None:
        """Ask for nothing yet.

        Args:
            client: who we are.
            fetch: the way out; it must trust the host of the issuer.
            timer: seconds that never go back.
        """
        self._client = client
        self._fetch = fetch
        self._timer = timer
        self._metadata: _Kept | None = None
        self._keys: list[Key] = []
        self._keys_until = 0.0
        self._keys_asked_at = -_ROTATION_S

    @property
    def issuer(self) -> str:
        """See IdentityProvider.issuer."""
        return self._client.issuer

    async def address(self, challenge: Challenge) -> str:
        """See IdentityProvider.address."""
        metadata = await self._described()
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": self._client.scopes,
            "state": challenge.state,
            "nonce": challenge.nonce,
            "code_challenge": challenge.code_challenge,
            "code_challenge_method": "S256",
        }
        if challenge.is_anew:
            query |= {"prompt": "login", "max_age": "0"}
        endpoint = str(metadata["authorization_endpoint"])
        joint = "&" if urlsplit(endpoint).query else "?"
        return f"{endpoint}{joint}{urlencode(query)}"

    async def identify(
        self, *, code: str, verifier: str, nonce: str, issuer: str | None, now: datetime
    ) -> ProvedIdentity:
        """See IdentityProvider.identify."""
        metadata = await self._described()
        self._check_sender(metadata, issuer)
        token = await self._token(metadata, code=code, verifier=verifier)
        expected = Expected(
            issuer=self._client.issuer, client_id=self._client.client_id, nonce=nonce, now=now
        )
        try:
            return await self._checked(metadata, token, expected)
        except IdTokenError as error:
            raise ProviderRefusedError(f"id token: {error}") from error

    def _check_sender(self, metadata: Mapping[str, Any], issuer: str | None) -> None:
        """Refuse the answer of another provider, RFC 9207 section 2.4."""
        must_say = metadata.get("authorization_response_iss_parameter_supported") is True
        if (issuer is None and must_say) or (issuer is not None and issuer != self._client.issuer):
            raise ProviderRefusedError("the answer is another provider's")

    async def _checked(
        self, metadata: Mapping[str, Any], token: str, expected: Expected
    ) -> ProvedIdentity:
        keys = await self._published_keys(metadata, is_rotated=False)
        try:
            return check_id_token(token, keys=keys, expected=expected)
        except KeyUnknownError:
            keys = await self._published_keys(metadata, is_rotated=True)
            return check_id_token(token, keys=keys, expected=expected)

    async def _token(self, metadata: Mapping[str, Any], *, code: str, verifier: str) -> str:
        client = self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = dict(_FORM)
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if not client.secret:
            form["client_id"] = client.client_id
        elif "client_secret_basic" in methods:
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id, "client_secret": client.secret}
        answer = await self._json(
            str(metadata["token_endpoint"]),
            method="POST",
            headers=headers,
            content=urlencode(form).encode(),
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefusedError("no id token")
        return token

    async def _described(self) -> Mapping[str, Any]:
        """Return what the provider says of itself."""
        if self._metadata is not None and self._timer() < self._metadata.until:
            return self._metadata.document
        document = await self._json(self._client.issuer.rstrip("/") + DISCOVERY)
        if document.get("issuer") != self._client.issuer:
            raise ProviderRefusedError("the provider has another name than LINKYARD_OIDC_ISSUER")
        scheme = urlsplit(self._client.issuer).scheme
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            url = document.get(name)
            if not isinstance(url, str) or urlsplit(url).scheme not in {"https", scheme}:
                raise ProviderRefusedError(f"{name} is no address that we use")
        self._metadata = _Kept(document, self._timer() + _KEPT_S)
        return document

    async def _published_keys(self, metadata: Mapping[str, Any], *, is_rotated: bool) -> list[Key]:
        """Return the provider's keys.

        Args:
            metadata: of the provider.
            is_rotated: a token is signed by a key that is none of those we know.
        """
        now = self._timer()
        is_fresh = now < self._keys_until and not is_rotated
        if is_fresh or now < self._keys_asked_at + _ROTATION_S:
            return self._keys
        document = await self._json(str(metadata["jwks_uri"]))
        self._keys_asked_at = now  # only now: an answer that failed may be asked for again
        try:
            self._keys = read_keys(document)
        except IdTokenError as error:
            raise ProviderRefusedError(str(error)) from error
        self._keys_until = now + _KEPT_S
        return self._keys

    async def _json(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Mapping[str, Any]:
        """Return the JSON object that an address answers.

        Raises:
            ProviderUnavailableError: no answer, or one that may be better later.
            ProviderRefusedError: an answer that says no, or nothing we can read.
        """
        try:
            answer = await self._fetch(
                url, method=method, headers=headers, content=content, max_bytes=_MAX_BYTES
            )
        except FetchRefusedError as error:
            raise ProviderRefusedError(f"{url}: {error}") from error
        except FetchFailedError as error:
            raise ProviderUnavailableError(f"{url}: {error}") from error
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailableError(f"{url}: status {answer.status}")
        if answer.status != HTTPStatus.OK or answer.is_cut:
            raise ProviderRefusedError(f"{url}: status {answer.status}")
        try:
            found = orjson.loads(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProviderRefusedError(f"{url}: no JSON object")
        return cast("dict[str, Any]", found)
