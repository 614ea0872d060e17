"""The reader's side of the spool: files in, slices out, finished files away.

A writer holds an exclusive flock on its file for as long as it lives, so a file
whose lock is free gets no more bytes. What is no record is copied to the folder
`damaged` beside the spools before a slice moves past it; the copy is named by
file and place, so that reading again after a crash copies nothing twice.

What a newer version of Linkyard wrote is no damage: such a file is read up to there, and
the rest is left for that version.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from api.adapters.spool_backlog import record_bytes
from api.durable_files import sync_folder
from models.rules.click_record import (
    ClickRecordError,
    ClickTooNewError,
    RawClick,
    decode_click,
)
from models.rules.spool_format import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Damage,
    SpoolHeaderError,
    SpoolTooNewError,
    decode_header,
    scan,
)
from resolvers.ingestion import SpoolSlice

_log = structlog.stdlib.get_logger("linkyard.worker")
_NAME: Final = re.compile(r"([0-9a-f]{32})\.spool")
_CHUNK_BYTES: Final = 2 << 20
_MAX_SET_ASIDE_BYTES: Final = 256 << 20  # of the folder; more is only counted
_MAX_TURNED_BITS: Final = 24  # of 128; two ids differ in 64, give or take
_MAX_LINK_ID: Final = (1 << 63) - 1


@dataclass(slots=True)
class _Spool:
    """One open file. `position` is what the store has, None until it was asked."""

    file_id: str
    path: Path
    descriptor: int
    position: int | None = None
    has_writer: bool = True
    is_too_new: bool = False  # goes on with what only a newer version can read

    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def lost_its_writer(self) -> bool:
        """Tell whether the writer is gone; from then on the lock is ours until we close."""
        if self.has_writer:
            with suppress(BlockingIOError):
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.has_writer = False
        return not self.has_writer


class SpoolFolder:
    """The spools of this machine. Used by one reader, whose process holds the worker's lock.

    A round: `discover`, `place` what it returned, `read`, store the slices,
    `confirm` them, note what is `finished`, `remove` it. After a failure call `close` and
    begin anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spools: dict[str, _Spool] = {}
        self._is_read_to_the_end = False
        self._told_too_new: set[str] = set()

    @property
    def too_new(self) -> int:
        """How many files go on with what only a newer version of Linkyard can read."""
        return sum(spool.is_too_new for spool in self._spools.values())

    @property
    def is_read_to_the_end(self) -> bool:
        """Whether the last `read` returned all that lay in the files when it began."""
        return self._is_read_to_the_end

    def source(self) -> str:
        """Return the name of this folder among those of all machines, made once."""
        path = self._folder / "source"
        with suppress(FileExistsError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(secrets.token_hex(16))
            try:
                os.link(draft, path)
            finally:
                draft.unlink()
        return path.read_text()

    def discover(self) -> list[str]:
        """Open files that are new in the folder; return the ids without a position."""
        known = {spool.path.name for spool in self._spools.values()}
        for path in spool_files(self._folder):
            if path.name not in known:
                self._open(path)
        return [name for name, spool in self._spools.items() if spool.position is None]

    def place(self, positions: Mapping[str, int]) -> None:
        """Say how many bytes of files are stored already."""
        for file_id, position in positions.items():
            self._spools[file_id].position = position

    def read(self, limit: int) -> list[SpoolSlice]:
        """Return what goes on from the positions, `limit` records at most over all files.

        Files take turns in being first, so that none waits for a busy one.
        """
        slices: list[SpoolSlice] = []
        self._is_read_to_the_end = True
        for file_id in list(self._spools):
            if limit <= 0:
                self._is_read_to_the_end = False
                break
            spool = self._spools.pop(file_id)
            self._spools[file_id] = spool  # last in the next round
            size = spool.size()
            part = self._read_one(spool, limit)
            if part is not None:
                slices.append(part)
                limit -= len(part.clicks)
                self._is_read_to_the_end &= part.end >= size
            self._is_read_to_the_end &= not spool.is_too_new
        return slices

    def confirm(self, slices: Sequence[SpoolSlice]) -> None:
        """Say that the slices are stored."""
        self.place({part.file_id: part.end for part in slices})

    def finished(self) -> list[str]:
        """Return the ids of the files that are stored to their end and have no writer."""
        return [spool.file_id for spool in self._spools.values() if self._is_finished(spool)]

    def remove(self, file_ids: Sequence[str]) -> None:
        """Delete files that are finished, which nobody writes any more."""
        for spool in [self._spools[file_id] for file_id in file_ids]:
            spool.path.unlink(missing_ok=True)
            self._forget(spool)
        if file_ids:
            sync_folder(self._folder)

    def waiting_bytes(self) -> int:
        """Return how many bytes of records are not stored yet; of files never placed, all."""
        return sum(
            max(0, spool.size() - max(spool.position or 0, HEADER_BYTES))
            for spool in self._spools.values()
        )

    def stored_bytes(self) -> int:
        """Return how many bytes of records are stored of the files that are there."""
        return sum(
            max(0, spool.position - HEADER_BYTES)
            for spool in self._spools.values()
            if spool.position is not None
        )

    def record_bytes(self) -> int:
        """Return how many bytes of records, stored or not, lie in the folder."""
        with suppress(FileNotFoundError):
            return record_bytes(self._folder)
        return 0

    def oldest_us(self) -> int:
        """Return the moment of the first click that waits; 0 if none can be read."""
        found = [_first_moment(spool) for spool in self._spools.values()]
        return min([at_us for at_us in found if at_us], default=0)

    def close(self) -> None:
        """Let go of all files; their positions are asked for again."""
        for spool in list(self._spools.values()):
            self._forget(spool)

    def _open(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            file_id = _file_id(descriptor, path)
            if file_id in self._spools:  # a copy: its turn comes when the first one is gone
                os.close(descriptor)
            else:
                spool = self._spools[file_id] = _Spool(file_id, path, descriptor)
                if _has_new_header(descriptor):
                    self._leave_to_newer(spool)

    def _forget(self, spool: _Spool) -> None:
        del self._spools[spool.file_id]
        os.close(spool.descriptor)

    def _is_finished(self, spool: _Spool) -> bool:
        position = spool.position
        if position is None or max(position, HEADER_BYTES) < spool.size():
            return False
        return spool.lost_its_writer() and max(position, HEADER_BYTES) >= spool.size()

    def _read_one(self, spool: _Spool, limit: int) -> SpoolSlice | None:
        position = spool.position
        if position is None or max(position, HEADER_BYTES) >= spool.size() or spool.is_too_new:
            return None
        part = self._next_slice(spool, position, limit)
        if part is None and spool.lost_its_writer():
            part = self._next_slice(spool, position, limit)
        return part

    def _next_slice(self, spool: _Spool, position: int, limit: int) -> SpoolSlice | None:
        """Read one slice; None when there is less than one whole record so far."""
        base = max(position, HEADER_BYTES)
        wanted = _CHUNK_BYTES
        while True:
            size = spool.size()
            buffer = os.pread(spool.descriptor, wanted, base)
            is_whole = base + len(buffer) >= size
            clicks: list[RawClick] = []
            damages = [] if position or _has_header(spool) else [Damage(-HEADER_BYTES, 0)]
            end = 0
            for found, behind in scan(buffer, is_final=is_whole and not spool.has_writer):
                try:
                    click = _click(found)
                except ClickTooNewError:
                    self._leave_to_newer(spool)
                    break
                if click is None:
                    damages.append(Damage(end, behind))
                else:
                    clicks.append(click)
                end = behind
                if len(clicks) >= limit:
                    break
            if end or is_whole or spool.is_too_new:
                break
            wanted *= 2  # damage that is longer than the chunk
        if not end:
            return None
        for damage in damages:
            self._set_aside(spool, base + damage.start, base + damage.end)
        return SpoolSlice(
            file_id=spool.file_id,
            start=position,
            end=base + end,
            clicks=clicks,
            damaged=len(damages),
        )

    def _leave_to_newer(self, spool: _Spool) -> None:
        spool.is_too_new = True
        if spool.file_id not in self._told_too_new:
            self._told_too_new.add(spool.file_id)
            _log.error(
                "a newer version wrote clicks that this one cannot read; they wait for it",
                file=os.fspath(spool.path),
            )

    def _set_aside(self, spool: _Spool, start: int, end: int) -> None:
        folder = self._folder / "damaged"
        # A full disk must not stop the clicks behind the damage: it is counted all the same.
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            if sum(entry.stat().st_size for entry in os.scandir(folder)) < _MAX_SET_ASIDE_BYTES:
                content = os.pread(spool.descriptor, end - start, start)
                (folder / f"{spool.file_id}-{start}.bin").write_bytes(content)


def spool_files(folder: Path) -> list[Path]:
    """Return the spools of a folder, oldest name first; [] when there is no folder."""
    with suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return []


def spool_sizes(folder: Path) -> dict[str, int]:
    """Return the ids of the spools of a folder with their lengths in bytes."""
    sizes: dict[str, int] = {}
    for path in spool_files(folder):
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                sizes[_file_id(descriptor, path)] = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
    return sizes


def _file_id(descriptor: int, path: Path) -> str:
    """Return the id in the header, or in the name while there is no sound header."""
    return _sound_id(descriptor, path) or path.name.partition(".")[0]


def _has_header(spool: _Spool) -> bool:
    return _sound_id(spool.descriptor, spool.path) is not None


def _sound_id(descriptor: int, path: Path) -> str | None:
    """Return the id in the header; None if the header is damaged.

    The header has no checksum of its own, and the file is named after the id. A wholly
    different name is that of a copy; one that is nearly the same tells of a turned bit,
    and under the wrong id all clicks would be counted again.
    """
    try:
        file_id = decode_header(os.pread(descriptor, HEADER_BYTES, 0)).file_id
    except SpoolHeaderError:
        return None
    turned = (int(file_id, 16) ^ int(path.name.partition(".")[0], 16)).bit_count()
    is_damaged = 0 < turned <= _MAX_TURNED_BITS or not file_id.strip("0")
    return None if is_damaged else file_id


def _has_new_header(descriptor: int) -> bool:
    try:
        decode_header(os.pread(descriptor, HEADER_BYTES, 0))
    except SpoolTooNewError:
        return True
    except SpoolHeaderError:
        return False
    return False


def _first_moment(spool: _Spool) -> int:
    base = max(spool.position or 0, HEADER_BYTES)
    for found, _ in scan(os.pread(spool.descriptor, FRAME_BYTES + MAX_PAYLOAD_BYTES, base)):
        with suppress(ClickTooNewError):
            click = _click(found)
            if click is not None:
                return click.at_us
    return 0


def _click(found: bytes | Damage) -> RawClick | None:
    """Return the click, None for damage.

    Raises:
        ClickTooNewError: only a newer version can read it.
    """
    if isinstance(found, Damage):
        return None
    try:
        click = decode_click(found)
    except ClickTooNewError:
        raise
    except ClickRecordError:
        return None
    return click if click.link_id <= _MAX_LINK_ID else None
