"""Signing in as the settings want it: the hash of passwords, and what the operator decided."""

from datetime import timedelta

from api.adapters.argon2_hasher import Argon2Hasher
from api.settings import Settings
from models.rules.session_ends import SessionSpan
from models.rules.sign_in_methods import SignInMethod
from resolvers.ports import AccessPolicy


def password_hasher(settings: Settings) -> Argon2Hasher:
    """Return the hasher of this process; no thread runs before it is used."""
    return Argon2Hasher(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time,
        parallelism=settings.argon2_parallelism,
    )


def access_policy(settings: Settings) -> AccessPolicy:
    """Return what the settings say about signing in."""
    return AccessPolicy(
        public_url=settings.public_url.rstrip("/"),
        sessions=SessionSpan(
            idle=timedelta(seconds=settings.session_idle_s),
            life=timedelta(seconds=settings.session_life_s),
        ),
        may_sign_up=settings.sign_up,
        key_per_minute=settings.key_per_minute,
        methods=_methods(settings),
    )


def _methods(settings: Settings) -> tuple[SignInMethod, ...]:
    """Return the ways to sign in: the organization's own is the one to offer first."""
    own = (SignInMethod.PASSWORD, SignInMethod.PASSKEY)
    return (SignInMethod.OIDC, *own) if settings.oidc_issuer else own
