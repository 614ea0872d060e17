"""A real OpenID Connect provider on loopback, which can also lie in every way we know.

It keeps codes, checks PKCE and the client's secret, and signs by RS256 with joserfc.
"""

import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from models.rules.base64url import to_base64url
from tests.fakes import FixedClock

CLIENT_ID = "linkyard"
CLIENT_SECRET = "s3cret&%"  # noqa: S105 - of the stub; what form encoding must carry unhurt
Claims = dict[str, Any]


@cache
def rsa_key(kid: str) -> RSAKey:
    """Return a key of that name; making one takes long."""
    return RSAKey.generate_key(2048, {"kid": kid})


@dataclass
class Code:
    """What a code stands for: the query of the browser that came."""

    query: dict[str, str]


@dataclass
class StubProvider:
    """The provider, and how it lies.

    Attributes:
        claims: of the person who signs in, beside those of the protocol.
        forge: changes the claims of the next tokens.
        sign: makes the token of the claims; None signs as announced.
        metadata: entries that differ from an honest document.
        back: parameters that are added to, or replace, those of the way back.
        asked: paths that were asked for.
    """

    clock: FixedClock
    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: rsa_key("k1"))
    claims: Claims = field(
        default_factory=lambda: {
            "sub": "ann-17",
            "email": "Ann@people.test",
            "email_verified": True,
            "name": "Ann",
        }
    )
    forge: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[[Claims], str] | None = None
    metadata: Claims = field(default_factory=dict)
    back: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    codes: dict[str, Code] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        return app

    def authorize(self, url: str) -> str:
        """Do what the browser and the person do there, and return where they are sent back to."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT_ID)
        assert query["code_challenge_method"] == "S256"
        assert query["scope"] == "openid email"
        code = secrets.token_urlsafe(16)
        self.codes[code] = Code(query)
        answer = {"code": code, "state": query["state"], "iss": self.issuer, **self.back}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def signed(self, claims: Claims) -> str:
        """Return an honest token."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    async def _configuration(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response({**document, **self.metadata}, status=self.status)

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        other = ECKey.generate_key("P-256", {"kid": "e1"})
        keys = [
            {"kty": "unheard-of", "kid": "q1"},
            other.as_dict(private=False),
            {**self.key.as_dict(private=False), "use": "sig", "alg": "RS256"},
        ]
        return web.json_response({"keys": keys})

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        form = await request.post()
        auth = BasicAuth.decode(request.headers["Authorization"])
        assert (auth.login, auth.password) == (CLIENT_ID, "s3cret%26%25")
        code = self.codes.pop(str(form["code"]), None)
        if code is None or form["redirect_uri"] != code.query["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = to_base64url(sha256(str(form["code_verifier"]).encode()).digest())
        if challenge != code.query["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(self.clock.at.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": code.query["nonce"],
            **({"auth_time": now} if code.query.get("max_age") == "0" else {}),
            **self.claims,
        }
        token = (self.sign or self.signed)(self.forge(claims))
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": token})


def unsigned(claims: Claims) -> str:
    """Return a token of the algorithm "none"."""
    parts = [b'{"alg":"none"}', json.dumps(claims).encode()]
    return ".".join(map(to_base64url, parts)) + "."


@asynccontextmanager
async def stub_provider(clock: FixedClock) -> AsyncIterator[StubProvider]:
    """Serve on a free port of loopback."""
    stub = StubProvider(clock)
    server = TestServer(stub.app())
    await server.start_server()
    stub.issuer = f"http://127.0.0.1:{server.port}"
    try:
        yield stub
    finally:
        await server.close()
