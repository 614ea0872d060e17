"""The one HTTP client for all that leaves the machine: resolvers.ports.HttpFetch on aiohttp.

A name is resolved once, every address that comes back is checked, and the
connection goes to a checked address, while Host and the name of the certificate
stay what the URL says. So an answer that changes between check and use changes
nothing. The socket itself is checked once more, which also covers addresses that
are written into the URL.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from api.adapters.bounded_body import ACCEPT_ENCODING, BoundedBody, UnreadableBodyError
from models.rules.outbound_addresses import is_public
from models.rules.outbound_urls import OutboundUrl, follow, read_url
from resolvers.ports import FetchFailedError, FetchRefusedError, HttpAnswer

Addresses: TypeAlias = Callable[[str, int], Awaitable[Sequence[bytes]]]
TOTAL_S: Final = 5.0  # from the first look at a name to the last byte, redirects and all
_V4_BYTES: Final = 4
_MAX_LINE_BYTES: Final = 8190  # of the status line and of one header
_MAX_HEADERS: Final = 100
_REDIRECTS: Final = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_FOLLOWED: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


class _Request(NamedTuple):
    """What stays the same from one redirect to the next, but for the headers."""

    method: str
    headers: Mapping[str, str]
    content: bytes | None
    max_bytes: int


async def system_addresses(host: str, port: int) -> list[bytes]:
    """Ask the system for the packed addresses of a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    packed = [
        socket.inet_pton(family, str(address[0]).partition("%")[0])
        for family, _, _, _, address in found
        if family in {socket.AF_INET, socket.AF_INET6}
    ]
    return list(dict.fromkeys(packed))


class OutboundHttp:
    """See HttpFetch. Every request has a connection of its own, and nothing is remembered."""

    def __init__(  # noqa: PLR0913 - the rules are arguments, so that no setting can switch them off
        self,
        *,
        user_agent: str,
        trusted: Collection[str] = (),
        addresses: Addresses = system_addresses,
        may_reach: Callable[[bytes], bool] = is_public,
        ports: Collection[int] = (80, 443),
        total_s: float = TOTAL_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect to nobody yet.

        Args:
            user_agent: tells the other side who we are and where to complain.
            trusted: `host` or `host:port`, as hosts.normal_host returns them, of services
                that the operator has configured: any address and port is right for them.
            addresses: asks for the packed addresses of a name.
            may_reach: decides about each of them.
            ports: of all other URLs.
            total_s: seconds.
            tls: None trusts what the system trusts.
        """
        self._user_agent = user_agent
        self._trusted = frozenset(trusted)
        self._addresses = addresses
        self._may_reach = may_reach
        self._ports = frozenset(ports)
        self._total_s = total_s
        self._tls: ssl.SSLContext | bool = True if tls is None else tls

    async def __call__(  # noqa: PLR0913 - of HTTP
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_redirects: int = 0,
        max_bytes: int = 512 << 10,
    ) -> HttpAnswer:
        """See HttpFetch.__call__."""
        target = read_url(url)
        if target is None:
            raise FetchRefusedError("no URL that may be called")
        request = _Request(method, headers or {}, content, max_bytes)
        left = max_redirects if method in _FOLLOWED else 0
        try:
            async with asyncio.timeout(self._total_s):
                while True:
                    answer = await self._ask(target, request)
                    location = answer.headers.get("location")
                    if not left or answer.status not in _REDIRECTS or location is None:
                        return answer
                    left -= 1
                    before, target = target, follow(target, location)
                    if target is None:
                        raise FetchRefusedError("redirected to no URL that may be called")
                    if target.authority != before.authority:
                        request = request._replace(headers={})  # secrets of the first server
        except TimeoutError:
            raise FetchFailedError(f"no whole answer in {self._total_s:g} s") from None
        except (aiohttp.ClientError, UnreadableBodyError, OSError, ValueError) as error:
            raise FetchFailedError(f"{type(error).__name__}: {error}"[:300]) from error

    async def _ask(self, target: OutboundUrl, request: _Request) -> HttpAnswer:
        pinned = await self._checked(target)
        is_trusted = target.authority in self._trusted
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(target.host, pinned),
            socket_factory=_gate(frozenset(pinned) if is_trusted else None, self._may_reach),
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                max_line_size=_MAX_LINE_BYTES,
                max_field_size=_MAX_LINE_BYTES,
                max_headers=_MAX_HEADERS,
            ) as session,
            session.request(
                request.method,
                _same(target),
                allow_redirects=False,
                data=request.content,
                headers={
                    **request.headers,
                    hdrs.USER_AGENT: self._user_agent,
                    hdrs.ACCEPT_ENCODING: ACCEPT_ENCODING,
                },
            ) as response,
        ):
            return await _read(response, target, max_bytes=request.max_bytes)

    async def _checked(self, target: OutboundUrl) -> list[bytes]:
        """Return the addresses of a host, all of which may be reached.

        Raises:
            FetchRefusedError: one of them may not, or the port is none of ours.
        """
        literal, is_trusted = target.packed, target.authority in self._trusted
        if not is_trusted and target.port not in self._ports:
            raise FetchRefusedError("the port is not allowed")
        if literal is None:
            addresses = list(await self._addresses(target.host, target.port))
        else:
            addresses = [literal]
        if not addresses:
            raise FetchFailedError("the name has no address")
        if not is_trusted and not all(map(self._may_reach, addresses)):
            raise FetchRefusedError("the address is not one of the open internet")
        return addresses


class _Pinned(AbstractResolver):
    """Knows one name and its checked addresses."""

    def __init__(self, host: str, addresses: Sequence[bytes]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See AbstractResolver.resolve."""
        if host.removesuffix(".") != self._host.removesuffix("."):
            raise OSError(f"the name {host} was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=socket.inet_ntop(_family(address), address),
                port=port,
                family=_family(address),
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
            if family in {socket.AF_UNSPEC, _family(address)}
        ]

    async def close(self) -> None:
        """See AbstractResolver.close."""


def _gate(
    allowed: frozenset[bytes] | None, may_reach: Callable[[bytes], bool]
) -> Callable[[Any], socket.socket]:
    """Return what makes sockets for allowed addresses, None: for those that may be reached."""

    def make(info: Any) -> socket.socket:  # noqa: ANN401 - of aiohappyeyeballs
        family, kind, protocol, _, address = info
        packed = socket.inet_pton(family, str(address[0]).partition("%")[0])
        if not (may_reach(packed) if allowed is None else packed in allowed):
            raise PermissionError("the address was not checked")
        made = socket.socket(family, kind, protocol)
        made.settimeout(0)  # does not block
        return made

    return make


def _same(target: OutboundUrl) -> URL:
    """Return the URL for aiohttp, which must read it as our parser did.

    Raises:
        ValueError: it does not.
    """
    url = URL(target.href, encoded=True)
    if url.raw_host != target.host.strip("[]") or url.port != target.port:
        raise ValueError("two parsers read the URL in two ways")
    return url


async def _read(
    response: aiohttp.ClientResponse, target: OutboundUrl, *, max_bytes: int
) -> HttpAnswer:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        headers.setdefault(name.lower(), value)
    body = BoundedBody(headers.get("content-encoding", ""), max_bytes=max_bytes)
    async for chunk in response.content.iter_any():
        if not body.feed(chunk):
            break
    response.close()  # the rest of the body is not read
    return HttpAnswer(
        url=target.href,
        status=response.status,
        headers=headers,
        body=body.data,
        is_cut=body.is_cut,
    )


def _family(address: bytes) -> socket.AddressFamily:
    return socket.AF_INET if len(address) == _V4_BYTES else socket.AF_INET6
