"""How many requests a minute a key, a person or an address may send to /graphql.

Source of the headers: draft-ietf-httpapi-ratelimit-headers (2025): `RateLimit-Policy` says
what is allowed, `RateLimit` what is left and for how many seconds that holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, NamedTuple

from aiohttp import hdrs

from api.graphql_http import RequestRefusedError
from models.errors import RateLimitedError
from models.rules.rate_limits import RULES, RateLimit, Spending, WindowRule
from models.texts import message_of
from resolvers.context import RequestContext, Viewer

_NAMES: Final = {
    RateLimit.API_KEY: "key",
    RateLimit.API_PERSON: "person",
    RateLimit.API_ADDRESS: "address",
}


class _Charged(NamedTuple):
    limit: RateLimit
    subject: str
    most: int


class TooManyRequestsError(RequestRefusedError):
    """The limit of requests is reached; nothing was executed."""

    def __init__(self, spending: Spending, *, headers: Mapping[str, str], locale: str) -> None:
        error = RateLimitedError(spending.retry_after_s)
        super().__init__(
            message_of(locale, error), status=HTTPStatus.TOO_MANY_REQUESTS, code=error.code
        )
        self.extensions["retryAfter"] = error.retry_after_s
        self.headers = {**headers, hdrs.RETRY_AFTER: str(error.retry_after_s)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Requests a minute; an operation on a socket counts as one. 0 sets no limit.

    Attributes:
        per_key: of an API key that has no number of its own.
        per_person: of all sessions of a person.
        per_address: of everybody at an address who is nobody, or whose credential is bad.
    """

    per_key: int = 0
    per_person: int = 0
    per_address: int = 0

    async def charge(self, context: RequestContext, *, locale: str) -> dict[str, str]:
        """Count a request, and return the headers of its answer.

        Raises:
            TooManyRequestsError: it was one too many.
        """
        charged = self._charged(context.viewer, context.origin.address)
        if not charged.most:
            return {}
        rule = RULES[charged.limit]
        assert isinstance(rule, WindowRule)  # noqa: S101 - by the table
        spending = await context.ports.rates.spend(
            charged.limit,
            replace(rule, most=charged.most),
            charged.subject,
            cost=1,
            now=context.ports.clock.now(),
        )
        headers = _headers(_NAMES[charged.limit], spending)
        if not spending.is_allowed:
            raise TooManyRequestsError(spending, headers=headers, locale=locale)
        return headers

    def _charged(self, viewer: Viewer, address: str) -> _Charged:
        if viewer.api_key_id is not None:
            most = viewer.per_minute or self.per_key
            return _Charged(RateLimit.API_KEY, str(viewer.api_key_id), most)
        if viewer.user_id is not None:
            return _Charged(RateLimit.API_PERSON, str(viewer.user_id), self.per_person)
        return _Charged(RateLimit.API_ADDRESS, address, self.per_address)


def _headers(name: str, spending: Spending) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{name}";q={spending.most};w={spending.window_s}',
        "RateLimit": f'"{name}";r={spending.remaining};t={spending.reset_s}',
    }
