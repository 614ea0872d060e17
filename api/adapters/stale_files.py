"""Local files whose time is over: they hold whole addresses, and nobody reads them any more.

Stretches of spools that were set aside as damaged are for whoever looks into the
damage. Drafts are what a killed process was making; a finished one has another name.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from api.data_folder import DataFolder, FolderInUseError

DAMAGED_KEPT_S: Final = 48 * 3600.0
DRAFTS_KEPT_S: Final = 3600.0  # to make a spool takes milliseconds


def delete_stale_files(folder: DataFolder) -> int:
    """Delete what is due and return how many files. Blocking; safe beside a working service."""
    now = time.time()
    due = [
        *_older(folder.spool / "damaged", "*.bin", than=now - DAMAGED_KEPT_S),
        *_older(folder.spool, "*.new", than=now - DRAFTS_KEPT_S),
        *_older(folder.mail, "*.new", than=now - DRAFTS_KEPT_S),
    ]
    for path in due:
        path.unlink(missing_ok=True)
    return len(due) + _delete_import_draft(folder)


def _older(folder: Path, pattern: str, *, than: float) -> Iterator[Path]:
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < than:
                yield path


def _delete_import_draft(folder: DataFolder) -> int:
    """Delete the draft of an import unless one is running, which holds the lock."""
    draft = folder.imports / "draft.new"
    if not draft.exists():
        return 0
    try:
        with folder.locked("imports"):
            draft.unlink(missing_ok=True)
    except FolderInUseError:
        return 0
    return 1
