"""Signing in as the settings want it: the hash of passwords, and what the operator decided."""

import importlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from api.adapters.argon2_hasher import Argon2Hasher
from api.client_secret import bind_password
from api.data_folder import DataFolderError
from api.settings import Settings
from models.rules.session_ends import SessionSpan
from models.rules.sign_in_methods import SignInMethod
from resolvers.ports import AccessPolicy

if TYPE_CHECKING:
    from api.adapters.ldap_directory import LdapDirectory


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
        provider_issuer=settings.oidc_issuer,
        local_passwords=settings.local_passwords,
        may_sign_up=settings.sign_up and settings.local_passwords,
        adds_directory_people=settings.ldap_create_users,
        key_per_minute=settings.key_per_minute,
        methods=_methods(settings),
    )


def _methods(settings: Settings) -> tuple[SignInMethod, ...]:
    """Return the ways to sign in: the organization's own is the one to offer first."""
    found = [SignInMethod.PASSWORD, SignInMethod.PASSKEY]
    if settings.ldap_url:
        found.insert(0, SignInMethod.DIRECTORY)
    if settings.oidc_issuer:
        found.insert(0, SignInMethod.OIDC)
    return tuple(found)


def directory(settings: Settings) -> "LdapDirectory | None":
    """Return the directory of this process, None where none is configured.

    Raises:
        DataFolderError: the client is not installed, or the file of the password is unreadable.
    """
    if not settings.ldap_url:
        return None
    try:
        adapter = importlib.import_module("api.adapters.ldap_directory")
    except ModuleNotFoundError:
        raise DataFolderError(
            "LINKYARD_LDAP_URL needs a client that is not installed: run `.venv/bin/python -m pip"
            " install --only-binary :all: --require-hashes -r requirements-ldap.txt`."
        ) from None
    found: LdapDirectory = adapter.LdapDirectory(
        adapter.LdapSettings(
            url=settings.ldap_url,
            starts_tls=settings.ldap_start_tls,
            ca_file="" if settings.ldap_ca_file == Path() else str(settings.ldap_ca_file),
            user_dn=settings.ldap_user_dn_template,
            base=settings.ldap_base,
            search_filter=settings.ldap_filter,
            bind_dn=settings.ldap_bind_dn,
            bind_password=bind_password(settings),
            id_attribute=settings.ldap_id_attribute,
        )
    )
    return found
