"""The server of a web process: fast redirects in front of the application, and draining."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from api.admission import Admission
from api.connection_limits import ConnectionLimits
from api.fast_path import RedirectProtocol, answer_arrivals, release
from api.redirect_turn import RedirectTurn
from api.request_heads import HeadReader
from api.slow_clients import SlowClients

NO_CAPS: Final = ConnectionLimits()
KEEPALIVE_S: Final = 75.0  # an idle connection is closed after it
_DRAIN_LOOK_S: Final = 0.02

RequestFactory = Callable[[Any, Any, Any, Any, Any], web.BaseRequest]


class RedirectServer(web.Server):
    """Makes the connections of a web process: hand it to loop.create_server.

    Attributes:
        is_draining: every further reply closes its connection.
    """

    def __init__(  # noqa: PLR0913 - each is chosen by the process
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        turn: RedirectTurn,
        *,
        request_factory: RequestFactory | None = None,
        is_fast: bool = True,
        keepalive_s: float = KEEPALIVE_S,
        limits: ConnectionLimits = NO_CAPS,
    ) -> None:
        """Serve what `handler` and `request_factory` serve, plain redirects faster.

        Args:
            handler: of the application, as AppRunner.server.request_handler has it.
            turn: of this process.
            request_factory: AppRunner.server.request_factory.
            is_fast: False leaves everything to the handler.
            keepalive_s: after it an idle connection is closed.
            limits: of connections.
        """
        super().__init__(
            handler,
            request_factory=request_factory,
            access_log=None,
            keepalive_timeout=keepalive_s,
        )
        self.turn = turn
        self._reader = HeadReader()
        self.slow = SlowClients(limits, self._loop, count=turn.count_ended)
        self.admission = Admission(limits)
        self.is_fast = is_fast
        self.is_draining = False
        self._make = self.request_factory
        self.request_factory = self._request
        turn.answer_arrivals = functools.partial(answer_arrivals, turn)
        turn.release = release
        turn.keepalive_s = keepalive_s

    @classmethod
    def of(
        cls,
        runner: web.AppRunner,
        turn: RedirectTurn,
        *,
        is_fast: bool = True,
        keepalive_s: float = KEEPALIVE_S,
        limits: ConnectionLimits = NO_CAPS,
    ) -> "RedirectServer":
        """Serve the application of a runner that was set up."""
        plain = runner.server
        if plain is None:
            raise RuntimeError("the runner is not set up")
        return cls(
            plain.request_handler,
            turn,
            request_factory=plain.request_factory,
            is_fast=is_fast,
            keepalive_s=keepalive_s,
            limits=limits,
        )

    def __call__(self) -> RedirectProtocol:
        """Make the protocol of a new connection."""
        return RedirectProtocol(
            self,
            turn=self.turn,
            reader=self._reader,
            slow=self.slow,
            admission=self.admission,
            is_fast=self.is_fast,
            loop=self._loop,
            **self._kwargs,
        )

    async def drain(self, *, timeout_s: float, idle_s: float = 1.0) -> None:
        """Answer what was accepted, then close all connections.

        Every reply from now on closes its connection. One that is idle may have a
        request on its way, so it is closed only after `idle_s` without any.

        Args:
            timeout_s: what is not done by then is cut off.
            idle_s: seconds.
        """
        self.is_draining, self.is_fast = True, False
        deadline = self._loop.time() + timeout_s
        began = self._loop.time()
        await self.turn.settled()
        for connection in self.connections:
            connection.turn_off()
        while self.connections and (now := self._loop.time()) < deadline:
            for connection in self.connections:
                since = connection.idle_since()
                if since is not None and now - max(since, began) >= idle_s:
                    connection.force_close()
            await asyncio.sleep(_DRAIN_LOOK_S)
        await self.turn.settled()
        await self.shutdown(max(deadline - self._loop.time(), 0.1))
        self.slow.close()

    @property
    def connections(self) -> list[RedirectProtocol]:  # type: ignore[override]  # made by __call__
        """The open connections."""
        return list(self._connections)  # type: ignore[arg-type]

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if self.is_draining:
            message = message._replace(should_close=True)
        return self._make(message, payload, protocol, writer, task)
