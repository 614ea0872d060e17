"""The folder of all local files: its layout, its locks and its secret.

Memory-mapped files and file locks are what keeps clicks and replicas whole, and
neither can be relied on over a network. So such a folder is refused, and so is
a second server on the same one.
"""

import fcntl
import hmac
import os
import secrets
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from api.durable_files import make_file

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)
_LOCK_RETRY_S: Final = 0.05


class DataFolderError(Exception):
    """The folder cannot be used. The message is one sentence for the person who started us."""


class FolderInUseError(DataFolderError):
    """Another server holds the folder."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where each kind of local file lies. Made by `open`, readable by its owner alone."""

    root: Path

    @classmethod
    def open(cls, root: Path, *, mounts: Path = _MOUNTS) -> Self:
        """Make the folder and its parts where they are missing.

        Raises:
            DataFolderError: it lies on a network file system, or cannot be made or written.
        """
        folder = cls(root.absolute())
        kind = file_system_of(folder.root.resolve(), mounts.read_text() if mounts.exists() else "")
        if kind in _NETWORK_FILE_SYSTEMS:
            raise DataFolderError(
                f"The data folder {root} lies on a network file system ({kind}); "
                "set LINKYARD_DATA_DIR to a folder on a local disk."
            )
        try:
            for path in (folder.root, folder.replica, folder.spool, folder.metrics, folder.run):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.chmod(0o700)
        except OSError as error:
            raise DataFolderError(
                f"The data folder {root} cannot be used: {error.strerror}."
            ) from error
        return folder

    @property
    def replica(self) -> Path:
        """Local copies of the link table, see api.adapters.lmdb_replica."""
        return self.root / "replica"

    @property
    def spool(self) -> Path:
        """Clicks on their way to the store, see models.rules.spool_format."""
        return self.root / "spool"

    @property
    def metrics(self) -> Path:
        """Counters of every process, also of the dead ones, see api.metrics."""
        return self.root / "metrics"

    @property
    def run(self) -> Path:
        """Sockets and status of the running processes."""
        return self.root / "run"

    @property
    def imports(self) -> Path:
        """Spools of `clicks import`, and its draft; missing until the first one."""
        return self.root / "imports"

    @property
    def mail(self) -> Path:
        """Letters of development mode; missing until the first one."""
        return self.root / "mail"

    @property
    def salts(self) -> Path:
        """Salts of the last two days, see api.adapters.daily_salts. Never part of a backup."""
        return self.root / "salts"

    @property
    def audit(self) -> Path:
        """Signed heads of the audit log; missing until the first one."""
        return self.root / "audit"

    @contextmanager
    def locked(self, name: str) -> Generator[None]:
        """Hold the lock of that name for a block.

        Raises:
            FolderInUseError: another process holds it.
        """
        descriptor = self.lock(name)
        try:
            yield
        finally:
            os.close(descriptor)

    def lock(self, name: str, *, wait_s: float = 0.0, orphans_wait_s: float = 0.0) -> int:
        """Take the lock of that name and return its descriptor, which is the lock.

        A forked child shares it: the folder stays locked until the last of them is gone.

        Args:
            name: what is locked, for example "redirect".
            wait_s: how long to wait for another holder; 0 asks once.
            orphans_wait_s: how long to wait for the children of a holder that died,
                which are on their way out.

        Raises:
            FolderInUseError: another process holds it.
        """
        descriptor = os.open(self.root / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                is_dead = _is_dead(holder)
                limit_s = max(wait_s, orphans_wait_s) if is_dead else wait_s
                if time.monotonic() - began < limit_s:
                    time.sleep(_LOCK_RETRY_S)
                    continue
                os.close(descriptor)
                raise FolderInUseError(
                    f"Processes of a server that died (process {holder}) still use the data folder"
                    f" {self.root}; start again when they are gone."
                    if is_dead
                    else f"Another server (process {holder}) already uses the data folder"
                    f" {self.root}."
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor


def _is_dead(holder: str) -> bool:
    """Tell whether a process is certainly gone, or only waits for its parent to notice."""
    if not holder.isdecimal():
        return False
    try:
        stat = Path("/proc", holder, "stat").read_text("ascii", "replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}  # Source: proc(5), section stat


def file_system_of(path: Path, mountinfo: str) -> str:
    """Return the type of the file system that holds a resolved path; "" if unknown.

    Args:
        path: absolute, without symbolic links.
        mountinfo: text of /proc/self/mountinfo. Source: proc(5), section mountinfo.
    """
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) <= 4:  # noqa: PLR2004 - the fifth is the mount point
            continue
        point = Path(_unescaped(fields[4]))
        depth = len(point.parts)
        if path.is_relative_to(point) and depth >= best:  # a later mount hides an earlier one
            best, kind = depth, right.split(" ")[0]
    return kind


def _unescaped(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def read_secret_keys(path: Path) -> tuple[bytes, ...]:
    """Return the installation's secret keys, newest first; make the first one if there is none.

    The file has one key in hex on each line. The first one signs, all of them
    verify: to rotate, put a new line on top and drop the last one later. Of two
    processes that both find no file, one makes it and both read it.

    Raises:
        DataFolderError: the file cannot be made or read, or holds no key.
    """
    try:
        if not path.exists():
            make_file(path, secrets.token_hex(32).encode() + b"\n")
        keys = tuple(bytes.fromhex(line) for line in path.read_text("ascii").split())
    except (OSError, ValueError) as error:
        raise DataFolderError(f"The secret key file {path} cannot be read: {error}.") from error
    if not keys or min(map(len, keys)) < 32:  # noqa: PLR2004 - bytes, as we make them
        raise DataFolderError(f"The secret key file {path} holds no key of 32 bytes in hex.")
    return keys


def rate_key(secret_keys: Sequence[bytes]) -> bytes:
    """Return what makes the subjects of rate limits unreadable; a new secret counts anew."""
    return hmac.digest(secret_keys[0], b"linkyard rate limits", "sha256")
