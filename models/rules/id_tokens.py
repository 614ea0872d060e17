"""What makes an id token good. Source: OpenID Connect Core 1.0, section 3.1.3.7.

The package joserfc verifies the signature. Which keys and algorithms may be used, and
what the claims must say, is decided here: a token is believed only by a public key of
the issuer's own list, and never by one that the token itself brings along.
"""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any, Final, cast

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from models.rules.identities import ProvedIdentity

LEEWAY_S: Final = 60  # by which the issuer's clock may be wrong
MAX_AGE_S: Final = 600  # a sign-in takes no longer
MAX_TOKEN_LENGTH: Final = 32_768  # characters
MAX_SUBJECT_LENGTH: Final = 255  # characters, OpenID Connect Core section 2
_MAX_KEYS: Final = 50  # of an issuer that are looked at
# Algorithms with public keys alone; each with the kind of key that it takes.
_KINDS: Final[Mapping[str, type[Key]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey),
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey),
    "EdDSA": OKPKey,
    "Ed25519": OKPKey,
}
ALGORITHMS: Final = tuple(_KINDS)


class IdTokenError(Exception):
    """The token proves nothing; the message says why, for the log alone."""


class KeyUnknownError(IdTokenError):
    """No key of the list fits: perhaps the issuer has new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the token of one sign-in must say."""

    issuer: str
    client_id: str
    nonce: str
    now: datetime


def read_keys(document: Mapping[str, Any]) -> list[Key]:
    """Return the public keys of a JWK set that verify signatures; others are left out."""
    listed = _as_list(document.get("keys"))
    if listed is None:
        raise IdTokenError("no set of keys")
    keys: list[Key] = []
    for each in listed[:_MAX_KEYS]:
        if not isinstance(each, dict):
            continue
        described = cast("dict[str, Any]", each)
        try:
            key = JWKRegistry.import_key(described)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey) and described.get("use", "sig") == "sig":
            keys.append(key)
    return keys


def check_id_token(token: str, *, keys: Sequence[Key], expected: Expected) -> ProvedIdentity:
    """Return who a token speaks of.

    Raises:
        KeyUnknownError: none of the keys fits.
        IdTokenError: anything else about it is wrong.
    """
    claims = _verified(token, keys)
    _check_audience(claims, expected.client_id)
    _check_times(claims, expected.now.timestamp())
    if claims.get("iss") != expected.issuer:
        raise IdTokenError("another issuer")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise IdTokenError("another nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH:
        raise IdTokenError("no subject")
    return ProvedIdentity(
        issuer=expected.issuer,
        subject=subject,
        email=_text(claims.get("email")),
        is_email_verified=claims.get("email_verified") is True,
        name=_text(claims.get("name")),
        authenticated_at=None if "auth_time" not in claims else _moment(claims["auth_time"]),
    )


def _verified(token: str, keys: Sequence[Key]) -> Mapping[str, Any]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise IdTokenError("too long")
    header = _header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    kind = _KINDS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None:
        raise IdTokenError("an algorithm that is not allowed")
    fitting = [
        key
        for key in keys
        if isinstance(key, kind)
        and (kid is None or key.get("kid") == kid)
        and key.get("alg") in {None, algorithm}
    ]
    for key in fitting:
        try:
            payload = jws.deserialize_compact(token, key, algorithms=[str(algorithm)]).payload
            claims = orjson.loads(payload or b"")
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(claims, dict):
            return cast("dict[str, Any]", claims)
    if not fitting:
        raise KeyUnknownError("no key fits")
    raise IdTokenError("another signature")


def _header(token: str) -> Mapping[str, Any]:
    """Read the part of the token that says how it is signed; nothing of it is believed yet."""
    encoded = token.partition(".")[0]
    try:
        header = orjson.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        raise IdTokenError("no token") from None
    if not isinstance(header, dict) or "crit" in header:
        raise IdTokenError("no token")
    return cast("dict[str, Any]", header)


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience, party = claims.get("aud"), claims.get("azp")
    listed = _as_list(audience)
    several = [audience] if listed is None else listed
    if client_id not in several:
        raise IdTokenError("another audience")
    if (len(several) > 1 or party is not None) and party != client_id:
        raise IdTokenError("another party")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    begins = _moment(claims.get("nbf", 0))
    if expires <= now - LEEWAY_S:
        raise IdTokenError("expired")
    if max(issued, begins) > now + LEEWAY_S or issued < now - MAX_AGE_S - LEEWAY_S:
        raise IdTokenError("of another time")


def _as_list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IdTokenError("no moments")
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
