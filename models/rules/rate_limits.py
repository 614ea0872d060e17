"""How often things may be tried: the table, and the counting in a sliding window.

A window is cut into PARTS parts of the same length, and hits are counted by part. The
oldest part counts whole as long as any moment of it lies in the window. So no window,
wherever it begins, sees more than `most` hits, and a refusal lasts an eighth of the window
longer than a list of all moments would make it. (The usual estimate, which weighs the
previous window by how much of it is left, lets nearly twice as many through when they come
at the end of one window and the beginning of the next.)
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

PARTS: Final = 8
SECOND_US: Final = 1_000_000
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_SLACK_SHARE: Final = 50  # a fiftieth of a limit may be let through between two looks
_KEPT_V6: Final = 64  # bits of an address that one customer of a provider has


class RateLimit(StrEnum):
    """What is limited. Subjects are named as the caller of `spend` hands them in."""

    SIGN_IN_ACCOUNT = "sign-in-account"  # e-mail address as typed, in its normal form
    SIGN_IN_DEVICE = "sign-in-device"  # account and a device it has signed in on before
    SIGN_IN_DEVICES = "sign-in-devices"  # account: all such devices together
    SIGN_IN_ADDRESS = "sign-in-address"  # address
    PROVIDER_START = "provider-start"  # address: departures to the organization's provider
    PROVIDER_RETURN = "provider-return"  # address: returns from there
    SECOND_FACTOR = "second-factor"  # account: codes, recovery codes, passkeys
    STEP_UP = "step-up"  # account: proofs of somebody who has a session already
    ONE_TIME_TOKEN = "one-time-token"  # noqa: S105 - address: tokens that were none
    TOKEN_NOTE = "token-note"  # noqa: S105 - address: entries of the audit log about those
    PASSWORD_RESET_ACCOUNT = "password-reset-account"  # noqa: S105 - e-mail address
    PASSWORD_RESET_ADDRESS = "password-reset-address"  # noqa: S105 - address
    SIGN_UP_ACCOUNT = "sign-up-account"  # e-mail address
    SIGN_UP_ADDRESS = "sign-up-address"  # address
    EMAIL_CHANGE_PERSON = "email-change-person"  # person who wants another address
    EMAIL_CHANGE_ACCOUNT = "email-change-account"  # the address they want
    INVITATION = "invitation"  # person who invites
    LINK_PASSWORD = "link-password"  # noqa: S105 - link and network of the address
    LINK_PASSWORD_ALL = "link-password-all"  # noqa: S105 - link, by whomever
    LINK_PASSWORD_ADDRESS = "link-password-address"  # noqa: S105 - address, on whatever links
    LINK_PASSWORD_SET = "link-password-set"  # noqa: S105 - person who sets passwords of links
    FILE_UPLOAD = "file-upload"  # person who sends files
    FILE_FETCH = "file-fetch"  # person who fetches files
    FILE_ADDRESS = "file-address"  # signed address of a file
    TICKET_WRITE = "ticket-write"  # person: tickets and replies of a customer
    API_KEY = "api-key"  # key, per request
    API_PERSON = "api-person"  # person through sessions, per request
    API_ADDRESS = "api-address"  # address of who is nobody, per request


class Place(StrEnum):
    """Where hits are counted. No place multiplies a limit by the number of processes."""

    STORE = "store"  # always and exactly: survives Redis and the whole service
    SHARED = "shared"  # in Redis; without it, or while it fails, in the store


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule:
    """At most `most` hits in any `window_s` seconds; what is refused does not count.

    Attributes:
        most: hits, at least 1.
        window_s: length of the window in seconds.
        place: where it is counted.
        by_address: the subject is an address; of an IPv6 one the /64 counts.
        is_eager: without Redis, each process may let some hits through before it tells the
            store of them, see `slack`: for limits that every request has.
    """

    most: int
    window_s: int
    place: Place = Place.STORE
    by_address: bool = False
    is_eager: bool = False

    @property
    def part_us(self) -> int:
        """Length of a part in microseconds."""
        return self.window_s * SECOND_US // PARTS

    @property
    def slack(self) -> int:
        """Hits that one process may keep to itself: the bound of what goes over, per process."""
        return max(1, self.most // _SLACK_SHARE) if self.is_eager else 0

    def part_of(self, at_us: int) -> int:
        """Return the number of the part of a moment."""
        return at_us // self.part_us

    def expires_at_us(self, part: int) -> int:
        """Return from when on a part is in no window any more."""
        return (part + PARTS + 1) * self.part_us


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffRule:
    """Free tries at first, then each failure doubles how long the next try has to wait.

    Always counted in the store. What comes too early is refused and does not count, so
    that nobody can be locked out for longer than `longest_s` after a real try. A success
    is told by resolvers.limits.forgive.

    Attributes:
        free: this many failures cost no waiting but the last one.
        first_s: to be waited after failure number `free`.
        longest_s: no wait is longer.
        forgotten_s: after this long without a try all is forgotten.
    """

    free: int = 5
    first_s: int = 4
    longest_s: int = 900
    forgotten_s: int = _DAY_S
    by_address: bool = False

    def wait_s(self, failures: int) -> int:
        """Return how long the next try waits after so many failures in a row."""
        if failures < self.free:
            return 0
        doublings = min(failures - self.free, self.longest_s.bit_length())
        return min(self.first_s << doublings, self.longest_s)


Rule: TypeAlias = WindowRule | BackoffRule
RULES: Final[Mapping[RateLimit, Rule]] = {
    RateLimit.SIGN_IN_ACCOUNT: BackoffRule(),
    RateLimit.SIGN_IN_DEVICE: BackoffRule(),
    RateLimit.SIGN_IN_DEVICES: BackoffRule(free=15),
    RateLimit.SIGN_IN_ADDRESS: WindowRule(most=30, window_s=10 * _MINUTE_S, by_address=True),
    RateLimit.PROVIDER_START: WindowRule(most=30, window_s=10 * _MINUTE_S, by_address=True),
    RateLimit.PROVIDER_RETURN: WindowRule(most=60, window_s=10 * _MINUTE_S, by_address=True),
    RateLimit.SECOND_FACTOR: BackoffRule(),
    RateLimit.STEP_UP: BackoffRule(),
    RateLimit.ONE_TIME_TOKEN: WindowRule(most=30, window_s=10 * _MINUTE_S, by_address=True),
    RateLimit.TOKEN_NOTE: WindowRule(most=1, window_s=10 * _MINUTE_S, by_address=True),
    RateLimit.PASSWORD_RESET_ACCOUNT: WindowRule(most=3, window_s=_HOUR_S),
    RateLimit.PASSWORD_RESET_ADDRESS: WindowRule(most=20, window_s=_HOUR_S, by_address=True),
    RateLimit.SIGN_UP_ACCOUNT: WindowRule(most=3, window_s=_HOUR_S),
    RateLimit.SIGN_UP_ADDRESS: WindowRule(most=10, window_s=_HOUR_S, by_address=True),
    RateLimit.EMAIL_CHANGE_PERSON: WindowRule(most=5, window_s=_HOUR_S),
    RateLimit.EMAIL_CHANGE_ACCOUNT: WindowRule(most=3, window_s=_HOUR_S),
    RateLimit.INVITATION: WindowRule(most=100, window_s=_HOUR_S),
    RateLimit.LINK_PASSWORD: WindowRule(most=5, window_s=15 * _MINUTE_S),
    RateLimit.LINK_PASSWORD_ALL: WindowRule(most=50, window_s=_HOUR_S),
    RateLimit.LINK_PASSWORD_ADDRESS: WindowRule(most=60, window_s=10 * _MINUTE_S, by_address=True),
    RateLimit.LINK_PASSWORD_SET: WindowRule(most=300, window_s=10 * _MINUTE_S),
    RateLimit.FILE_UPLOAD: WindowRule(most=600, window_s=_HOUR_S),
    RateLimit.FILE_FETCH: WindowRule(most=3000, window_s=_HOUR_S, place=Place.SHARED),
    # The window is longer than an address lives: so often it works, and no more.
    RateLimit.FILE_ADDRESS: WindowRule(most=20, window_s=10 * _MINUTE_S),
    RateLimit.TICKET_WRITE: WindowRule(most=60, window_s=_HOUR_S),
    RateLimit.API_KEY: WindowRule(most=600, window_s=_MINUTE_S, place=Place.SHARED, is_eager=True),
    RateLimit.API_PERSON: WindowRule(
        most=1200, window_s=_MINUTE_S, place=Place.SHARED, is_eager=True
    ),
    RateLimit.API_ADDRESS: WindowRule(
        most=300, window_s=_MINUTE_S, place=Place.SHARED, is_eager=True, by_address=True
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What became of one try.

    Attributes:
        is_allowed: whether it was let through, and counted.
        most: the limit.
        window_s: of the limit.
        remaining: further hits at this moment, at least 0.
        reset_s: whole seconds until more than `remaining` are to be had, at least 1.
        retry_after_s: whole seconds until the same try passes; 0 when it did.
    """

    is_allowed: bool
    most: int
    window_s: int
    remaining: int
    reset_s: int
    retry_after_s: int


def fits(rule: WindowRule, counts: Mapping[int, int], *, cost: int, at_us: int) -> bool:
    """Tell whether `cost` more hits may come at a moment, by the hits of each part."""
    return spent_in_window(rule, counts, at_us=at_us) + cost <= rule.most


def spent_in_window(rule: WindowRule, counts: Mapping[int, int], *, at_us: int) -> int:
    """Add up the parts of the window; also those of a clock that goes before ours."""
    oldest = rule.part_of(at_us) - PARTS
    return sum(hits for part, hits in counts.items() if part >= oldest)


def spending_of(
    rule: WindowRule, counts: Mapping[int, int], *, is_allowed: bool, cost: int, at_us: int
) -> Spending:
    """Say what a caller is told.

    Args:
        rule: of the limit.
        counts: hits by part, with those of this try if it was allowed.
        is_allowed: what was decided.
        cost: of this try.
        at_us: moment of it.
    """
    spent = spent_in_window(rule, counts, at_us=at_us)
    room = max(0, rule.most - spent)
    return Spending(
        is_allowed=is_allowed,
        most=rule.most,
        window_s=rule.window_s,
        remaining=room,
        reset_s=_wait_s(rule, counts, freed=1, at_us=at_us),
        retry_after_s=0
        if is_allowed
        else _wait_s(rule, counts, freed=spent + cost - rule.most, at_us=at_us),
    )


def _wait_s(rule: WindowRule, counts: Mapping[int, int], *, freed: int, at_us: int) -> int:
    """Return after how many whole seconds so many of the hits have left the window."""
    oldest = rule.part_of(at_us) - PARTS
    gone = 0
    for part in sorted(part for part in counts if part >= oldest):
        gone += counts[part]
        if gone >= freed:
            return seconds_until(rule.expires_at_us(part), at_us=at_us)
    return rule.window_s  # more than the limit at once: never


def seconds_until(moment_us: int, *, at_us: int) -> int:
    """Return the whole seconds until a moment, rounded up, at least 1."""
    return max(1, -((at_us - moment_us) // SECOND_US))


def subject_of(rule: Rule, subject: str) -> str:
    """Return what is counted as one: of an address its network."""
    return network_of(subject) if rule.by_address else subject


def network_of(text: str) -> str:
    """Return what is counted as one address: of an IPv6 one the network of a household."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return str(ipaddress.ip_network((int(address), _KEPT_V6), strict=False))
        address = mapped
    return str(address)
