"""The salts by which visitors are told apart: a file for each UTC day, shared over Redis.

The file decides for its machine, so that its processes always agree. Redis is asked
once a day, by the process that makes the file: machines that reach it share a salt, and
one that does not counts its visitors apart for that day. The files belong in no backup.
"""

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from api.durable_files import make_file
from models.rules.visitors import SALT_BYTES
from resolvers.visitor_salts import SALT_LIFE, ProcessSalts

_log = structlog.stdlib.get_logger("linkyard.salts")

_TIMEOUT_S: Final = 2.0
_FIRST_DAY: Final = date(1970, 1, 1)
_SUFFIX: Final = ".salt"


class DailySalts:
    """VisitorSalts of an installation. Each process has its own; they agree."""

    def __init__(self, folder: Path, *, redis_url: str = "") -> None:
        """Make nothing yet.

        Args:
            folder: made when it is missing, for its owner alone.
            redis_url: of all machines of the installation; "" for a single one.
        """
        self._folder = folder
        self._redis_url = redis_url
        self._known: dict[int, bytes] = {}
        self._own = ProcessSalts()

    async def salt_of(self, day: int, *, now: datetime) -> bytes:
        """See VisitorSalts.salt_of. The folder is not looked at twice for one day."""
        if not timedelta(0) <= now - _start_of(day) < SALT_LIFE:
            self._known.pop(day, None)
            return await self._own.salt_of(day, now=now)
        if day not in self._known:
            self._known[day] = await self._found_or_made(day, now)
        return self._known[day]

    async def forget_old(self, *, now: datetime) -> None:
        """See VisitorSalts.forget_old."""
        await self._own.forget_old(now=now)
        for day in [day for day in self._known if now - _start_of(day) >= SALT_LIFE]:
            del self._known[day]
        try:
            await asyncio.to_thread(_delete_old, self._folder, now)
        except OSError as error:
            _log.warning("old salts could not be deleted", error=str(error))

    async def _found_or_made(self, day: int, now: datetime) -> bytes:
        path = self._folder / f"{_start_of(day):%Y-%m-%d}{_SUFFIX}"
        salt = secrets.token_bytes(SALT_BYTES)
        try:
            found = await asyncio.to_thread(_read, path)
            if found is not None:
                return found
        except OSError as error:
            _log.warning("a salt cannot be read: visitors may count twice", error=str(error))
            return salt
        if self._redis_url:
            left = _start_of(day) + SALT_LIFE - now
            try:
                salt = await _shared(self._redis_url, f"linkyard:salt:{day}", salt, left=left)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                _log.warning("redis is away: this machine counts by itself today", error=str(error))
        try:
            return await asyncio.to_thread(_keep, path, salt)
        except OSError as error:
            _log.warning("a salt cannot be kept: visitors may count twice", error=str(error))
            return salt


def _start_of(day: int) -> datetime:
    return datetime.combine(_FIRST_DAY, datetime.min.time(), UTC) + timedelta(days=day)


async def _shared(redis_url: str, key: str, salt: bytes, *, left: timedelta) -> bytes:
    """Offer a salt and return the one that was offered first."""
    client: Any = aioredis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped
        redis_url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S
    )
    try:
        # In hexadecimal digits, whatever encoding the address asks the client for.
        await client.set(key, salt.hex(), nx=True, px=max(1, left // timedelta(milliseconds=1)))
        found = await client.get(key)
    finally:
        with suppress(RedisError, OSError, TimeoutError):
            await client.aclose()
    shared = bytes.fromhex(found.decode() if isinstance(found, bytes) else found or "")
    if len(shared) != SALT_BYTES:
        raise ValueError(f"{key} holds no salt")
    return shared


def _read(path: Path) -> bytes | None:
    try:
        salt = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(salt) == SALT_BYTES:
        return salt
    path.unlink(missing_ok=True)  # damaged
    return None


def _keep(path: Path, salt: bytes) -> bytes:
    """Store a salt unless another process was faster; return the one that is stored."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not make_file(path, salt):
        return _read(path) or salt
    return salt


def _delete_old(folder: Path, now: datetime) -> None:
    """Delete files whose day began 48 hours ago, drafts of killed processes included."""
    for path in folder.glob(f"*{_SUFFIX}*"):
        try:
            day = datetime.strptime(path.name.partition(".")[0], "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            continue  # not ours
        if now - day >= SALT_LIFE:
            path.unlink(missing_ok=True)
