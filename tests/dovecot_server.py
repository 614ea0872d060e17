"""A real Dovecot of our own on loopback, without touching the system.

It is Debian's, version 2.3: the one that is installed, else dovecot-core and dovecot-imapd with
the libraries that are missing, which apt fetches and checks, unpacked below the folder of the
Python environment. It runs as whoever runs the tests; for root, whose mail Dovecot would not
serve, as `nobody`.
"""

import fcntl
import grp
import imaplib
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.mail_servers import make_certificate

PACKAGES = ("dovecot-core", "dovecot-imapd")
PASSWORD = "three-quiet-herons"  # noqa: S105 - of servers that live for a test
TOKEN_KEY = bytes(32)  # signs access tokens (HS256); `sub` says whose they are
_HOST = "127.0.0.1"
_STORE = Path(sys.prefix) / "dovecot"
_BUILT_IN = {  # paths in libdovecot: of its TLS, and of the program that reads settings
    "m": (b"/usr/lib/dovecot/modules", "usr/lib/dovecot/modules"),
    "c": (b"/usr/bin/doveconf", "usr/bin/doveconf"),
}
_PORTS = range(20_000, 30_000)  # nobody gets one of these by chance, as clients do


class DovecotMissingError(Exception):
    """There is no Dovecot, and none can be fetched; the message says so in one line."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the programs are. `root` is / for an installed Dovecot."""

    root: Path

    @property
    def is_systems(self) -> bool:
        """Whether it is installed."""
        return self.root == Path("/")

    @property
    def programs(self) -> Path:
        """What the master starts."""
        return self.root / "usr/lib/dovecot"

    @property
    def master(self) -> Path:
        """The program that starts the others."""
        return self.root / "usr/sbin/dovecot"

    def version(self) -> str:
        """Return what the master says of itself, "" where it or dovecot-imapd is missing."""
        if not self.master.exists() or not (self.programs / "imap").exists():
            return ""
        environment = {"LD_LIBRARY_PATH": ":".join(map(str, self.libraries()))}
        return _run([os.fspath(self.master), "--version"], Path("/"), environment)

    def libraries(self) -> list[Path]:
        """Folders of libraries that the system does not know."""
        if self.is_systems:
            return []
        return sorted({path.parent for path in self.root.rglob("*.so*")})


def dovecot() -> Installation:
    """Return a Dovecot that can be started, fetched if there is none.

    Raises:
        DovecotMissingError: see there.
    """
    for found in (Installation(Path("/")), Installation(_STORE)):
        if found.version().startswith("2.3."):
            return found
    with Path(f"{_STORE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two runs one fetches
        if not _STORE.exists():
            _fetch(_STORE)
    found = Installation(_STORE)
    if not found.version().startswith("2.3."):  # the configuration of 2.4 is another language
        raise DovecotMissingError(f"Debian's is {found.version() or 'none'}: 2.3 is needed")
    return found


def _fetch(store: Path) -> None:
    wish = f"install Debian's packages {' and '.join(PACKAGES)}"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise DovecotMissingError(f"there is no apt here: {wish}")
    with tempfile.TemporaryDirectory(prefix="dovecot", dir=store.parent) as name:
        folder = Path(name)
        try:
            debs = _download(folder, [])
        except subprocess.CalledProcessError:  # the lists are missing or old: get our own
            try:
                debs = _download(folder, _own_lists(folder))
            except subprocess.CalledProcessError as error:
                told = (error.stderr or "").strip().splitlines()[-1:] or ["no reason told"]
                raise DovecotMissingError(f"apt fails ({told[0]}): {wish}") from error
        unpacked = folder / "unpacked"
        for deb in debs:
            subprocess.run(["dpkg-deb", "-x", deb, unpacked], check=True)
        unpacked.chmod(0o755)
        unpacked.rename(store)


def _download(folder: Path, options: Sequence[str]) -> list[Path]:
    """Fetch the packages, and what they need and the system lacks."""
    apt = ["apt-get", "--quiet", "--quiet", "-oAcquire::http::Timeout=20", *options]
    plan = _run([*apt, "--simulate", "--no-install-recommends", "install", *PACKAGES], folder)
    names = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    _run([*apt, "download", *names], folder)
    return sorted(folder.glob("*.deb"))


def _own_lists(folder: Path) -> list[str]:
    state = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    options = [
        f"-oDir::State::lists={state / 'lists'}",
        f"-oDir::Cache={state / 'cache'}",
        "-oAPT::Sandbox::User=",
    ]
    _run(["apt-get", "--quiet", "--quiet", *options, "update"], folder)
    return options


def _run(command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(more or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@dataclass(slots=True)
class Dovecot:
    """A running server. Whatever name somebody signs in with, the password is PASSWORD.

    Attributes:
        port: in the clear, and STARTTLS.
        secret_port: TLS from the first byte.
        certificate: what clients have to believe.
    """

    port: int
    secret_port: int
    certificate: Path
    _start: "_Start"
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start; returns when connections are taken."""
        self._process = self._start.process()
        for port in (self.port, self.secret_port):
            self._start.await_port(port, self._process)

    def kill(self) -> None:
        """Kill every process of it at once, as a crash of its machine would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop the clock of every process: connections stay, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo freeze."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    @contextmanager
    def client(self, user: str) -> Iterator[imaplib.IMAP4]:
        """Be somebody else who looks into a mailbox."""
        client = imaplib.IMAP4(_HOST, self.port, timeout=10)
        try:
            client.login(user, PASSWORD)
            yield client
        finally:
            client.shutdown()


@dataclass(frozen=True, slots=True)
class _Start:
    installation: Installation
    folder: Path
    user: pwd.struct_passwd

    def process(self) -> subprocess.Popen[bytes]:
        """Start the master, in a group of its own that all the others belong to."""
        changed = os.geteuid() != self.user.pw_uid
        setpriv = shutil.which("setpriv")  # of util-linux: it goes when the tests are killed
        ends_with_us = [] if setpriv is None else [setpriv, "--pdeathsig", "TERM"]
        return subprocess.Popen(
            [*ends_with_us, self.installation.master, "-F", "-c", self.folder / "dovecot.conf"],
            env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": self.libraries()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=self.folder,
            user=self.user.pw_uid if changed else None,
            group=self.user.pw_gid if changed else None,
            extra_groups=[] if changed else None,
        )

    def libraries(self) -> str:
        """Return the search path of libraries, with the one that was made to fit in front."""
        return ":".join(map(str, [self.folder / "fit", *self.installation.libraries()]))

    def await_port(self, port: int, process: subprocess.Popen[bytes]) -> None:
        for _ in range(1000):
            with suppress(ConnectionRefusedError), socket.create_connection((_HOST, port), 5):
                return
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
            if process.returncode is not None:
                break
        log = self.folder / "dovecot.log"
        told = log.read_text(errors="replace") if log.exists() else ""
        sys.exit(f"Dovecot did not start. {told}")


@contextmanager
def dovecot_server() -> Iterator[Dovecot]:
    """Run a Dovecot of our own until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))  # short: see _BUILT_IN
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    try:
        start = _Start(_reachable(dovecot(), folder, user), folder, user)
        server = _prepared(start)
        server.start()
        try:
            yield server
        finally:
            with suppress(ProcessLookupError):
                server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reachable(found: Installation, folder: Path, user: pwd.struct_passwd) -> Installation:
    """Return an installation that the server's user can read, and whose TLS is found."""
    if found.is_systems:
        return found
    open_to_all = all(path.stat().st_mode & 1 for path in found.root.parents)
    if os.geteuid() != user.pw_uid and not open_to_all:
        shutil.copytree(found.root, folder / "copy", symlinks=True)
        found = Installation(folder / "copy")
    library = (found.programs / "libdovecot.so.0").read_bytes()
    for name, (built_in, real) in _BUILT_IN.items():
        (folder / name).symlink_to(found.root / real)
        own = os.fsencode(folder / name)
        assert len(own) <= len(built_in)
        library = library.replace(built_in + b"\0", own.ljust(len(built_in) + 1, b"\0"))
    (folder / "fit").mkdir()
    (folder / "fit" / "libdovecot.so.0").write_bytes(library)
    return found


def _prepared(start: _Start) -> Dovecot:
    folder, user = start.folder, start.user
    make_certificate(folder)
    ports = _free_ports(2)
    for name in ("run", "homes"):
        (folder / name).mkdir()
    (folder / "dovecot.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            user=user.pw_name,
            uid=user.pw_uid,
            gid=user.pw_gid,
            group=grp.getgrgid(user.pw_gid).gr_name,
            programs=start.installation.programs,
            libraries=start.libraries(),
            host=_HOST,
            port=ports[0],
            secret_port=ports[1],
            password=PASSWORD,
        )
    )
    (folder / "tokens.conf").write_text(
        "introspection_mode = local\nusername_attribute = sub\n"
        f"local_validation_key_dict = fs:posix:prefix={folder}/\n"
    )
    keys = folder / "default" / "HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_bytes(b64encode(TOKEN_KEY))
    folder.chmod(0o755)
    if os.geteuid() != user.pw_uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return Dovecot(ports[0], ports[1], folder / "mail.pem", start)


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as tried, suppress(OSError):
            tried.bind((_HOST, port))
            found.append(port)
        if len(found) == count:
            break
    return found


_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/run
libexec_dir = {programs}
mail_plugin_dir = {programs}/modules
log_path = {folder}/dovecot.log
import_environment = LD_LIBRARY_PATH={libraries}
protocols = imap
listen = {host}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
ssl = yes
ssl_cert = <{folder}/mail.pem
ssl_key = <{folder}/mail.key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_username_chars =
auth_failure_delay = 0
auth_cache_size = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/tokens.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/homes/%u
}}
mail_location = maildir:~/Maildir
mail_fsync = never
mailbox_list_index = yes
namespace inbox {{
  inbox = yes
  separator = /
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {secret_port}
    ssl = yes
  }}
}}
"""
