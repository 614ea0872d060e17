"""The slow hash of passwords: argon2id, in threads of its own.

argon2 leaves the interpreter lock alone while it works, so that one core goes on
answering; two at once and no more, so that a flood of sign-ins never has the
machine. Parameters: OWASP Password Storage Cheat Sheet, 2025.
"""

import asyncio
import os
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import RateLimitedError
from models.rules.passwords import normal_password
from resolvers.ports import PasswordVerdict

_THREADS: Final = 2
_MAX_WAITING: Final = 32  # at 0.1 s each, the last one waits under two seconds
_RETRY_S: Final = 2
_NICENESS: Final = 10
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

Result = TypeVar("Result")


class Argon2Hasher:
    """PasswordHasher."""

    def __init__(
        self,
        *,
        memory_kib: int,
        time_cost: int,
        parallelism: int,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        """Start no thread yet.

        Args:
            memory_kib: memory of one hash.
            time_cost: passes over it.
            parallelism: lanes; more than one is for machines with cores to spare.
            max_waiting: hashes under way and waiting, beyond which more are refused.
        """
        self._argon2 = Argon2(
            time_cost=time_cost,
            memory_cost=memory_kib,
            parallelism=parallelism,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._nobodys = _unknowable(memory_kib, time_cost, parallelism)
        self._threads = ThreadPoolExecutor(
            _THREADS, thread_name_prefix="argon2", initializer=_give_way
        )
        self._max_waiting = max_waiting
        self._waiting = 0
        self.hashes = 0

    async def hash(self, password: str) -> str:
        """See PasswordHasher.hash."""
        return await self._run(lambda: self._argon2.hash(normal_password(password)))

    async def verify(self, password: str, stored: str | None) -> PasswordVerdict:
        """See PasswordHasher.verify."""
        against = stored or self._nobodys
        is_right = await self._run(lambda: self._is_right(password, against))
        is_outdated = is_right and self._argon2.check_needs_rehash(against)
        return PasswordVerdict(is_right=is_right, is_outdated=is_outdated)

    def close(self) -> None:
        """End the threads once they have done what they began."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _is_right(self, password: str, stored: str) -> bool:
        try:
            return self._argon2.verify(stored, normal_password(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= self._max_waiting:
            raise RateLimitedError(retry_after_s=_RETRY_S)
        self._waiting += 1
        self.hashes += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _give_way() -> None:
    """Let every other thread of the machine go first: redirects before sign-ins."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _unknowable(memory_kib: int, time_cost: int, parallelism: int) -> str:
    """Return a hash of nothing, with our parameters: comparing with it takes as long as any."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")
        for size in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={memory_kib},t={time_cost},p={parallelism}${salt}${digest}"
