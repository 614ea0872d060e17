"""The directory adapter against a real LDAP server: who gets in, and what is never sent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from api.adapters.ldap_directory import LdapDirectory, LdapSettings
from models.rules.identities import ProvedIdentity
from resolvers.ports import DirectoryUnavailableError
from tests.ldap_server import BASE, SEARCHER, LdapServer, ldap_server

PASSWORD = "three quiet herons"  # noqa: S105 - of tests.ldap_server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LdapServer]:
    with ldap_server(tmp_path_factory.mktemp("ldap")) as server:
        yield server


@pytest.fixture
def server(running: LdapServer) -> LdapServer:
    running.forget()
    return running


def by_name(server: LdapServer) -> LdapSettings:
    return LdapSettings(url=server.url, user_dn=f"uid={{name}},{BASE}")


def by_search(server: LdapServer) -> LdapSettings:
    return LdapSettings(
        url=server.url,
        base=BASE,
        search_filter="(&(objectClass=inetOrgPerson)(uid={name}))",
        bind_dn=SEARCHER,
        bind_password="reader",  # noqa: S106
    )


@pytest.fixture(params=[by_name, by_search])
async def directory(
    request: pytest.FixtureRequest, server: LdapServer
) -> AsyncIterator[LdapDirectory]:
    found = LdapDirectory(request.param(server))
    yield found
    found.close()


async def ask(settings: LdapSettings, name: str, password: str) -> ProvedIdentity | None:
    directory = LdapDirectory(settings)
    try:
        return await directory.identify(name=name, password=password)
    finally:
        directory.close()


async def test_a_right_password_tells_who_it_is(
    directory: LdapDirectory, server: LdapServer
) -> None:
    found = await directory.identify(name="ann", password=PASSWORD)

    assert found == ProvedIdentity(
        issuer=server.url,
        subject="7c1f3c1e-0001",
        email="Ann@people.test",
        is_email_verified=True,
        name="Ann Lee",
    )


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD), ("ann", f"{PASSWORD} ")],
)
async def test_a_wrong_password_is_nobodys(
    directory: LdapDirectory, name: str, password: str
) -> None:
    assert await directory.identify(name=name, password=password) is None


@pytest.mark.parametrize(
    ("name", "password"), [("ann", ""), ("", PASSWORD), ("ann", "a\0b"), ("a" * 255, PASSWORD)]
)
async def test_an_empty_password_never_leaves(
    directory: LdapDirectory, server: LdapServer, name: str, password: str
) -> None:
    """Many servers answer it with success: RFC 4513 section 5.1.2."""
    assert await directory.identify(name=name, password=password) is None

    assert server.seen == []


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "ann)(uid=*",
        "ann,ou=people,dc=example,dc=org",
        "a*",
        "\\61nn",
        "ann)(|(uid=*",
        "ann+cn=x",
    ],
)
async def test_a_name_is_a_name_and_no_filter(directory: LdapDirectory, name: str) -> None:
    assert await directory.identify(name=name, password=PASSWORD) is None


async def test_a_name_arrives_as_one_value_of_the_filter(server: LdapServer) -> None:
    assert await ask(by_search(server), "ann)(uid=*", PASSWORD) is None

    assert server.seen == [
        f"bind {SEARCHER}",
        "search objectClass=inetOrgPerson & uid=ann)(uid=*",  # one value, as it was typed
    ]


async def test_a_name_that_two_entries_have_is_nobodys(server: LdapServer) -> None:
    assert await ask(by_search(server), "twin", "five slow storks") is None

    assert server.seen == [f"bind {SEARCHER}", "search objectClass=inetOrgPerson & uid=twin"]


async def test_an_entry_without_an_address_proves_no_address(server: LdapServer) -> None:
    found = await ask(by_search(server), "bob", "four noisy cranes")

    assert found is not None
    assert (found.subject, found.email) == ("7c1f3c1e-0002", "")


async def test_an_entry_that_has_no_name_for_good_is_an_error(server: LdapServer) -> None:
    settings = replace(by_name(server), id_attribute="objectGUID")

    with pytest.raises(DirectoryUnavailableError, match="LINKYARD_LDAP_ID_ATTRIBUTE"):
        await ask(settings, "ann", PASSWORD)


async def test_a_searcher_who_is_refused_is_an_error(server: LdapServer) -> None:
    settings = replace(by_search(server), bind_password="wrong")  # noqa: S106

    with pytest.raises(DirectoryUnavailableError, match="LINKYARD_LDAP_BIND_DN"):
        await ask(settings, "ann", PASSWORD)


async def test_a_search_that_fails_is_an_error(server: LdapServer) -> None:
    settings = replace(by_search(server), base="nonsense")

    with pytest.raises(DirectoryUnavailableError):
        await ask(settings, "ann", PASSWORD)


async def test_a_directory_that_is_away_is_an_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ldap://127.0.0.1:{closed.getsockname()[1]}"

        with pytest.raises(DirectoryUnavailableError):
            await ask(LdapSettings(url=url, user_dn=f"uid={{name}},{BASE}"), "ann", PASSWORD)


async def test_a_directory_that_starts_no_tls_gets_no_password(server: LdapServer) -> None:
    with pytest.raises(DirectoryUnavailableError):
        await ask(replace(by_name(server), starts_tls=True), "ann", PASSWORD)

    assert server.seen == []


async def test_several_ask_at_once_and_too_many_come_again(server: LdapServer) -> None:
    directory = LdapDirectory(by_name(server))

    results = await asyncio.gather(
        *(directory.identify(name="ann", password=PASSWORD) for _ in range(40)),
        return_exceptions=True,
    )

    directory.close()
    assert sum(isinstance(each, ProvedIdentity) for each in results) == 16
    assert sum(isinstance(each, DirectoryUnavailableError) for each in results) == 24


@pytest.mark.parametrize(("host", "is_let_in"), [("127.0.0.1", True), ("localhost", False)])
async def test_the_certificate_is_checked_with_its_name(
    tmp_path: Path,
    host: str,
    is_let_in: bool,  # noqa: FBT001
) -> None:
    certificate, key = make_certificate(tmp_path)
    with ldap_server(tmp_path, certificate=(certificate, key)) as server:
        settings = replace(
            by_name(server), url=f"ldaps://{host}:{server.port}", ca_file=str(certificate)
        )
        if is_let_in:
            found = await ask(settings, "ann", PASSWORD)
            assert found is not None
            assert found.subject == "7c1f3c1e-0001"
        else:
            with pytest.raises(DirectoryUnavailableError):
                await ask(settings, "ann", PASSWORD)
        with pytest.raises(DirectoryUnavailableError):
            await ask(replace(settings, ca_file=""), "ann", PASSWORD)
        came = [f"bind uid=ann,{BASE}", "search objectClass is there"]
        assert server.seen == (came if is_let_in else [])


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1 that is its own authority; return it and its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "directory")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths
