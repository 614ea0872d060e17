"""The organization's directory: resolvers.ports.Directory by ldap3 (requirements-ldap.txt).

Sources: RFC 4513 (a bind with an empty password proves nothing, section 5.1.2, so none is
ever sent), RFC 4515 (escapes in filters), RFC 4514 (escapes in names). ldap3 blocks, so it
runs in threads of its own, few at once, with a time limit on everything.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.core.results import (
    RESULT_INVALID_CREDENTIALS,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SIZE_LIMIT_EXCEEDED,
    RESULT_SUCCESS,
)
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from models.rules.identities import ProvedIdentity
from resolvers.ports import DirectoryUnavailableError

PLACE: Final = "{name}"
_THREADS: Final = 4
_WAITING: Final = 16  # more than this at once are told to come again
_TIMEOUT_S: Final = 5
_SEARCHED: Final = frozenset({RESULT_SUCCESS, RESULT_SIZE_LIMIT_EXCEEDED, RESULT_NO_SUCH_OBJECT})
_MAX_NAME_LENGTH: Final = 254  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapSettings:
    """Where the directory is and how people are found in it.

    Attributes:
        url: ldap:// or ldaps://.
        starts_tls: a plain connection becomes an encrypted one before anything is said.
        ca_file: certificate authority of the server; "" trusts what the system trusts.
        user_dn: name of a person's entry with `{name}` in it; "" searches instead.
        base: below which people are searched.
        search_filter: with `{name}` in it; exactly one entry must fit.
        bind_dn, bind_password: who searches; "" searches anonymously.
        id_attribute: names a person for good.
    """

    url: str
    starts_tls: bool = False
    ca_file: str = ""
    user_dn: str = ""
    base: str = ""
    search_filter: str = ""
    bind_dn: str = ""
    bind_password: str = ""
    id_attribute: str = "entryUUID"


class _CheckedTls(ldap3.Tls):
    """TLS as Python itself checks it: ldap3 2.9 compares host names by code that Python dropped."""

    def __init__(self, settings: LdapSettings) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - ldap3's stubs are thin
        self._host = urlsplit(settings.url).hostname
        self._context = ssl.create_default_context(cafile=settings.ca_file or None)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002 - of ldap3
        """See ldap3.Tls.wrap_socket; the handshake is always done, and the name always checked."""
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)


class LdapDirectory:
    """Directory of one process. Every question has a connection of its own."""

    def __init__(self, settings: LdapSettings) -> None:
        """Connect to nobody yet; threads start when they are needed."""
        self._settings = settings
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ldap")
        self._waiting = 0

    def close(self) -> None:
        """Take no more questions; one that is being asked ends by its time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def identify(self, *, name: str, password: str) -> ProvedIdentity | None:
        """See Directory.identify."""
        if not password or not name or len(name) > _MAX_NAME_LENGTH or "\0" in name + password:
            return None
        if self._waiting >= _WAITING:
            raise DirectoryUnavailableError("too many ask at once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._ask, name, password)
        finally:
            self._waiting -= 1

    def _ask(self, name: str, password: str) -> ProvedIdentity | None:
        try:
            if self._settings.user_dn:
                dn = self._settings.user_dn.replace(PLACE, escape_rdn(name))
                return self._by_name(dn, password)
            return self._by_search(name, password)
        except (LDAPException, OSError) as error:
            raise DirectoryUnavailableError(f"{type(error).__name__}: {error}"[:300]) from error

    def _by_name(self, dn: str, password: str) -> ProvedIdentity | None:
        with self._connected(dn, password) as connection:
            if connection is None:
                return None
            found = self._entries(connection, dn, "(objectClass=*)", ldap3.BASE)
        return self._identity(found[0]) if len(found) == 1 else None

    def _by_search(self, name: str, password: str) -> ProvedIdentity | None:
        settings = self._settings
        with self._connected(settings.bind_dn, settings.bind_password) as connection:
            if connection is None:
                raise DirectoryUnavailableError("the directory refuses LINKYARD_LDAP_BIND_DN")
            wanted = settings.search_filter.replace(PLACE, escape_filter_chars(name))
            found = self._entries(connection, settings.base, wanted, ldap3.SUBTREE)
        if len(found) != 1:  # nobody, or nobody knows who
            return None
        with self._connected(str(found[0]["dn"]), password) as proof:
            return None if proof is None else self._identity(found[0])

    @contextlib.contextmanager
    def _connected(self, dn: str, password: str) -> Generator[Any]:
        """Yield a connection that is bound as somebody, None where the password is wrong."""
        settings = self._settings
        server = ldap3.Server(
            settings.url,
            tls=_CheckedTls(settings),
            get_info=ldap3.NONE,
            connect_timeout=_TIMEOUT_S,
        )
        made = ldap3.Connection(
            server,
            user=dn or None,
            password=password or None,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            read_only=True,
            auto_referrals=False,
            check_names=False,
            receive_timeout=_TIMEOUT_S,
        )
        connection = cast("Any", made)  # its stubs are thin
        try:
            connection.open()
            if settings.starts_tls and not connection.start_tls(read_server_info=False):
                raise DirectoryUnavailableError("the directory does not start TLS")
            connection.bind(read_server_info=False)
            result = connection.result["result"]
            if result not in {RESULT_SUCCESS, RESULT_INVALID_CREDENTIALS}:
                raise DirectoryUnavailableError(f"bind: result {result}")
            yield connection if result == RESULT_SUCCESS else None
        finally:
            plain = connection.socket  # ldap3 forgets to close one whose handshake failed
            with contextlib.suppress(LDAPException, OSError):
                connection.unbind()
            if plain is not None:
                plain.close()

    def _entries(
        self,
        connection: Any,  # noqa: ANN401 - of ldap3
        base: str,
        wanted: str,
        scope: str,
    ) -> list[Mapping[str, Any]]:
        attributes = ["mail", "cn", "displayName", self._settings.id_attribute]
        connection.search(
            base, wanted, scope, attributes=attributes, size_limit=2, time_limit=_TIMEOUT_S
        )
        result = connection.result["result"]
        if result not in _SEARCHED:
            raise DirectoryUnavailableError(f"search: result {result}")
        entries = cast("list[Mapping[str, Any]]", connection.response or [])
        return [entry for entry in entries if entry["type"] == "searchResEntry"]

    def _identity(self, entry: Mapping[str, Any]) -> ProvedIdentity:
        raw = cast("Mapping[str, list[bytes]]", entry["raw_attributes"])
        values = {name.lower(): found[0] for name, found in raw.items() if found}
        subject = values.get(self._settings.id_attribute.lower(), b"")
        if not subject:
            raise DirectoryUnavailableError("the entry has no LINKYARD_LDAP_ID_ATTRIBUTE")
        shown = values.get("displayname") or values.get("cn") or b""
        return ProvedIdentity(
            issuer=self._settings.url,
            subject=subject.decode("ascii") if subject.isascii() else subject.hex(),
            email=values.get("mail", b"").decode("utf-8", "replace"),
            is_email_verified=True,  # who runs the directory gives the addresses out
            name=shown.decode("utf-8", "replace"),
        )
