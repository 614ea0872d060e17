"""Changes of the secret key file: at once or not at all, and one at a time."""

import fcntl
import os
import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from api.data_folder import DataFolderError, read_secret_keys

_KEY_BYTES: Final = 32
_MODE: Final = 0o600

Keys = Sequence[bytes]


def add_secret_key(path: Path, *, is_last: bool = False) -> int:
    """Add a new key to the file and return how many it holds now.

    Whoever reads the file meanwhile sees the old one or the new one, each whole.

    Args:
        path: of the file; it is made if it is missing.
        is_last: the key opens from now on, and seals nothing yet.

    Raises:
        DataFolderError: the file cannot be read or written, or holds no key.
    """
    fresh = secrets.token_bytes(_KEY_BYTES)
    return _change(path, lambda keys: [*keys, fresh] if is_last else [fresh, *keys])


def promote_last_key(path: Path) -> int:
    """Move the last key to the top, where it seals; return how many there are.

    Raises:
        DataFolderError: as above.
    """
    return _change(path, lambda keys: [keys[-1], *keys[:-1]])


def _change(path: Path, change: Callable[[Keys], Keys]) -> int:
    target = path.resolve()  # what a link points to is replaced, and not the link
    read_secret_keys(target)
    try:
        with _alone(target.parent):
            keys = change(read_secret_keys(target))
            _replace(target, keys)
    except OSError as error:
        raise DataFolderError(
            f"The secret key file {path} cannot be written: {error.strerror}."
        ) from error
    return len(keys)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the folder, so that of two changes at a time neither is lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, keys: Keys) -> None:
    """Write another file beside it, for the same owner, and put it in its place."""
    owner = path.stat()
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        os.fchmod(descriptor, _MODE)
        if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        os.write(descriptor, "".join(f"{key.hex()}\n" for key in keys).encode())
        os.fsync(descriptor)
        draft.replace(path)
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
