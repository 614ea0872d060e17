"""Small files that are on the disk when a call returns, readable by their owner alone.

A file is there only when its folder was synced, too: else a power cut takes the name of
a file whose contents are safe. Source: fsync(2).
"""

import os
import secrets
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_file(path: Path, content: bytes) -> bool:
    """Make a file that is whole for every reader; False, and nothing done, if there is one.

    Of several processes that try, one makes it.
    """
    draft = _drafted(path, content)
    try:
        os.link(draft, path)  # unlike a rename it never replaces what is there
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Make a file, or put it in the place of the one that is there: readers see either."""
    draft = _drafted(path, content)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _drafted(path: Path, content: bytes) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink()
        raise
    return draft
