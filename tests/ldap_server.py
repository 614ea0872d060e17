"""A real LDAP server on loopback: ldaptor, in a process of its own, which Twisted needs.

Run as `python -m tests.ldap_server LDIF [CERTIFICATE KEY]`: it prints its port, then serves. It
notes each operation on standard output, so that a test sees what reached it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO, Any

PEOPLE = """\
dn: dc=example,dc=org
objectClass: dcObject
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann Lee
mail: Ann@people.test
entryUUID: 7c1f3c1e-0001
userPassword: three quiet herons

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
userPassword: four noisy cranes
entryUUID: 7c1f3c1e-0002

dn: uid=twin,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin
cn: Twin
mail: twin@people.test
entryUUID: 7c1f3c1e-0003
userPassword: five slow storks

dn: cn=other twin,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: other twin
uid: twin
mail: twin2@people.test
entryUUID: 7c1f3c1e-0004
userPassword: five slow storks

dn: cn=search,dc=example,dc=org
objectClass: person
cn: search
userPassword: reader

"""
BASE = "ou=people,dc=example,dc=org"
SEARCHER = "cn=search,dc=example,dc=org"


@dataclass
class LdapServer:
    """A running server; `seen` grows by a line for each operation."""

    port: int
    log: Path
    _forgotten: int = 1

    @property
    def url(self) -> str:
        """Where it is, in the clear."""
        return f"ldap://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Begin `seen` anew."""
        self._forgotten = len(self.log.read_text().splitlines())

    @property
    def seen(self) -> list[str]:
        """What reached the server: `bind DN`, `search PARTS`, in the order of time."""
        return self.log.read_text().splitlines()[self._forgotten :]


@contextmanager
def ldap_server(
    folder: Path, *, certificate: tuple[Path, Path] | None = None
) -> Iterator[LdapServer]:
    """Serve PEOPLE on a free port of loopback; with a certificate and its key, by ldaps."""
    ldif, log = folder / "people.ldif", folder / "ldap.log"
    ldif.write_text(PEOPLE)
    command = [sys.executable, "-W", "ignore", "-m", "tests.ldap_server", os.fspath(ldif)]
    command += [os.fspath(path) for path in certificate or ()]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stdin=subprocess.PIPE) as process,
    ):
        try:
            yield LdapServer(_port(log, process), log)
        finally:
            process.kill()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(1000):
        lines = log.read_text().splitlines()
        if lines:
            return int(lines[0])
        if process.poll() is not None:
            break
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    sys.exit("The LDAP server did not start.")


def _told(wanted: Any) -> str:  # noqa: ANN401 - of ldaptor
    """Return the parts of a filter as the server understood them, with & between."""
    if hasattr(wanted, "assertionValue"):
        return f"{wanted.attributeDesc.value.decode()}={wanted.assertionValue.value.decode()}"
    if isinstance(getattr(wanted, "value", None), bytes):
        return f"{wanted.value.decode()} is there"
    return " & ".join(map(_told, wanted))


def _serve(ldif: str, *certificate: str) -> None:
    # Here, and not at the top: only the server's own process may load Twisted.
    internet, components = map(import_module, ("twisted.internet", "twisted.python.components"))
    import_module("twisted.internet.protocol")
    reactor = import_module("twisted.internet.reactor")
    ssl = import_module("twisted.internet.ssl")
    inmemory = import_module("ldaptor.inmemory")
    interfaces = import_module("ldaptor.interfaces")
    ldapserver = import_module("ldaptor.protocols.ldap.ldapserver")

    def say(text: object, out: IO[str] = sys.stdout) -> None:
        out.write(f"{text}\n")
        out.flush()

    class Server(ldapserver.LDAPServer):  # type: ignore[misc, name-defined]
        def handle_LDAPBindRequest(self, request: Any, *rest: Any) -> Any:  # noqa: ANN401, N802 - Twisted
            say(f"bind {request.dn.decode()}")
            return super().handle_LDAPBindRequest(request, *rest)

        def handle_LDAPSearchRequest(self, request: Any, *rest: Any) -> Any:  # noqa: ANN401, N802 - Twisted
            say(f"search {_told(request.filter)}")
            return super().handle_LDAPSearchRequest(request, *rest)

    class Factory(internet.protocol.ServerFactory):  # type: ignore[misc, name-defined]
        protocol = Server
        root: object = None

    def listen(root: object) -> None:
        factory = Factory()
        factory.root = root
        if certificate:
            context = ssl.DefaultOpenSSLContextFactory(certificate[1], certificate[0])
            port = reactor.listenSSL(0, factory, context, interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        say(port.getHost().port)

    components.registerAdapter(lambda made: made.root, Factory, interfaces.IConnectedLDAPEntry)
    inmemory.fromLDIFFile(BytesIO(Path(ldif).read_bytes())).addCallback(listen)
    reactor.run()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
