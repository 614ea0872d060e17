"""Passwords of links: set by who may change the link, typed by its visitors.

A guess is counted before it is looked at, and a wrong one costs exactly one slow hash. So does
a right one, once in a process: then it is known, see resolvers.right_passwords. Right ones are
taken back from the counts, since hundreds of people may know the password; only the slow hash
stays counted by address, so that nobody keeps the threads from those who sign in.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from models.errors import RateLimitedError
from models.links import Link
from models.replica_rows import entry_of, opened_entry_of
from models.rules.passwords import may_be_password
from models.rules.rate_limits import RateLimit, network_of
from models.rules.replica_format import Entry, EntryKind
from models.store_failures import is_store_failure, is_too_slow
from resolvers.context import Origin, RequestContext, Viewer
from resolvers.limits import give_back, spend
from resolvers.ports import PasswordVerdict, Ports, StoreUnavailableError
from resolvers.redirects import stored_link
from resolvers.right_passwords import RightPasswords

_MAX_WAITING: Final = 64  # guesses of this process; more would only wait longer
_RETRY_S: Final = 2


class StoredPasswords:
    """LinkUnlock on the tables, bounded in number. One for each process."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._right = RightPasswords()
        self._waiting = 0

    async def __call__(
        self, hosts: Sequence[str], slug: str, /, *, password: str, address: str
    ) -> Entry | None:
        """See LinkUnlock."""
        if self._waiting >= _MAX_WAITING:
            raise RateLimitedError(_RETRY_S)
        context = RequestContext(Viewer(), self._ports, Origin(address=address))
        self._waiting += 1
        try:
            return await try_password(
                context, hosts=hosts, slug=slug, password=password, right=self._right
            )
        except Exception as error:
            if is_store_failure(error) or is_too_slow(error):
                raise StoreUnavailableError from error
            raise
        finally:
            self._waiting -= 1


async def try_password(
    context: RequestContext,
    *,
    hosts: Sequence[str],
    slug: str,
    password: str,
    right: RightPasswords,
) -> Entry | None:
    """Return what a slug leads to for who typed a password; see LinkUnlock.

    The slow hash takes its time, so the link is read again after it: what was changed
    meanwhile is in force.

    Args:
        context: of the visitor.
        hosts: see LinkUnlock, as the others.
        slug: as there.
        password: as there.
        right: what this process has found right before.
    """
    row = await stored_link(hosts, slug)
    if row is None or entry_of(row).kind is not EntryKind.ORDINARY:
        return None if row is None else entry_of(row)
    link_id, stored = row["id"], row["password_hash"]
    limits = _limits(context, link_id)
    await _spend(context, limits)
    checked = password if may_be_password(password) else ""
    is_known = right.knows(checked, stored)
    verdict = PasswordVerdict(is_right=True)
    if not is_known:
        try:
            verdict = await context.ports.passwords.verify(checked, stored)
        except RateLimitedError:  # too many are hashed just now: nobody looked at this one
            await _give_back(context, limits)
            raise
    if not verdict.is_right:
        return entry_of(row)
    right.note(checked, stored)
    await _give_back(context, limits if is_known else _but_slow_hashes(limits))
    row = await stored_link(hosts, slug)
    if row is None:
        return None
    if row["password_hash"] != stored:  # another password, or the same one hashed anew
        still = row["password_hash"]
        is_right = still and (await context.ports.passwords.verify(checked, still)).is_right
        return opened_entry_of(row) if is_right else entry_of(row)
    if verdict.is_outdated:
        await _hash_again(context, link_id, password=password, stored=stored)
    return opened_entry_of(row)


async def hash_for_link(context: RequestContext, password: str) -> str:
    """Return what is stored of a link's password that check_password has passed.

    Call it before the transaction: it takes its time.

    Raises:
        RateLimitedError: the person sets passwords too often, or too many are hashed just now.
    """
    await spend(context, RateLimit.LINK_PASSWORD_SET, f"{context.viewer.user_id}")
    return await context.ports.passwords.hash(password)


def _limits(context: RequestContext, link_id: int) -> list[tuple[RateLimit, str]]:
    """Return what a guess is counted as, the narrowest limit first: one person's first."""
    address = context.origin.address
    return [
        (RateLimit.LINK_PASSWORD, f"{link_id} {network_of(address)}"),
        (RateLimit.LINK_PASSWORD_ADDRESS, address),
        (RateLimit.LINK_PASSWORD_ALL, f"{link_id}"),
    ]


def _but_slow_hashes(limits: Sequence[tuple[RateLimit, str]]) -> list[tuple[RateLimit, str]]:
    """Return the limits without the one that a right password uses up, too."""
    return [each for each in limits if each[0] is not RateLimit.LINK_PASSWORD_ADDRESS]


async def _spend(context: RequestContext, limits: Sequence[tuple[RateLimit, str]]) -> None:
    """Count a guess by all limits, or by none of them."""
    for number, (limit, subject) in enumerate(limits):
        try:
            await spend(context, limit, subject)
        except RateLimitedError:
            await _give_back(context, limits[:number])
            raise


async def _give_back(context: RequestContext, limits: Sequence[tuple[RateLimit, str]]) -> None:
    for limit, subject in limits:
        await give_back(context, limit, subject)


async def _hash_again(context: RequestContext, link_id: int, *, password: str, stored: str) -> None:
    """Store a hash with today's parameters, unless the password was changed meanwhile."""
    with suppress(RateLimitedError):  # another time
        fresh = await context.ports.passwords.hash(password)
        await Link.filter(id=link_id, password_hash=stored).update(password_hash=fresh)
