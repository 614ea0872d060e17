"""A web process: one event loop on one of the supervisor's listening sockets."""

import asyncio
import importlib
import math
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Final

import structlog
import uvloop
from aiohttp import web

from api import static_answers
from api.adapters.file_spool import FileSpool, SpoolLimits
from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.replica_folder import ReplicaFolder
from api.child_process import is_orphan, obey
from api.connection_limits import ConnectionLimits, room_for_connections
from api.data_folder import DataFolder
from api.draining import accept_the_queue
from api.ending_tasks import end_tasks
from api.health import Health
from api.listeners import BACKLOG, refuse_new_connections
from api.metrics import Metrics
from api.own_hosts import default_host, local_names
from api.ports import open_ports
from api.redirect import Redirect
from api.redirect_server import RedirectServer
from api.redirect_turn import RedirectConfig, RedirectTurn
from api.roles import Role
from api.security_headers import HEADERS, all_but_redirects, headers_with, hsts, security_headers
from api.server_log import quiet_server_log
from api.settings import Settings
from api.version import VERSION
from api.watchers import Watchers
from api.worker_status import WorkerStatus
from models.orm import open_database
from models.rules.addresses import parse_networks
from models.rules.origins import parse_origins
from models.rules.slugs import RESERVED_WORDS
from resolvers.key_uses import uses_written
from resolvers.link_passwords import StoredPasswords
from resolvers.ports import Ports
from resolvers.redirects import StoredLinks
from resolvers.session_lookup import session_uses_written

_log = structlog.stdlib.get_logger("linkyard.web")

_STATEMENT_S: Final = 10.0  # of the store: no page of a front end needs a tenth of it
_IDLE_S: Final = 0.5  # how long an idle connection may stay when the service ends
_ORPHAN_S: Final = 1.0  # to finish what was begun, when a new service may wait for our locks
_LEAST_FILE_BYTES: Final = 1 << 16  # a file for each of a few turns would cost more than it frees
# A redirect must not wait for the 3 ms that Linux lets another process of the core finish.
_BEHIND: Final = 10  # steps of priority, for who redirects nothing
_HARD_LIMIT_S: Final = 10.0  # beyond the drain time; a process that hangs must not stay


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProcess:
    """What a forked child runs, see api.child_process.Run."""

    settings: Settings
    role: Role
    folder: DataFolder
    listener: socket.socket

    def __call__(self, announce: Callable[[], None]) -> int:
        """Serve until told to stop, and finish what was begun."""
        if not self.role.redirects:
            os.nice(_BEHIND)
        uvloop.run(self._main(announce))
        return 0

    async def _main(self, announce: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        leave: asyncio.Future[bool] = loop.create_future()

        def go(*, is_end: bool) -> None:
            if not leave.done():
                leave.set_result(is_end)
            elif is_orphan():  # it was leaving already, and takes its time
                signal.setitimer(signal.ITIMER_REAL, _ORPHAN_S)

        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                open_database(self.settings.database_url, statement_timeout_s=_STATEMENT_S)
            )
            stack.push_async_callback(uses_written)
            stack.push_async_callback(session_uses_written)
            ports = await stack.enter_async_context(open_ports(self.settings, self.folder))
            turn = self._turn(stack)
            runner = web.AppRunner(self._app(ports, turn), access_log=None)
            await runner.setup()
            quiet_server_log()
            stack.push_async_callback(runner.cleanup)
            server = RedirectServer.of(
                runner,
                turn,
                is_fast=self.settings.fast_path and self.role.redirects,
                limits=ConnectionLimits(
                    connections=room_for_connections(self.settings.max_connections),
                    per_address=self.settings.max_connections_per_address,
                    proxies=parse_networks(self.settings.trusted_proxies),
                ),
            )
            accepting = await loop.create_server(server, sock=self.listener, backlog=BACKLOG)
            obey(loop, stop=lambda: go(is_end=True), retire=lambda: go(is_end=False))
            announce()
            is_end = await leave
            drain_s = min(self.settings.drain_timeout_s, _ORPHAN_S if is_orphan() else math.inf)
            signal.setitimer(signal.ITIMER_REAL, drain_s + _HARD_LIMIT_S)
            if is_orphan():
                refuse_new_connections([self.listener])  # as the supervisor would have done
            if is_end:
                await accept_the_queue(self.listener)
            accepting.close()
            await runner.shutdown()  # live sockets are told to come again
            idle_s = _IDLE_S if is_end else drain_s
            await server.drain(timeout_s=drain_s, idle_s=min(idle_s, drain_s))
        _log.debug("drained")

    def _turn(self, stack: AsyncExitStack) -> RedirectTurn:
        settings, folder = self.settings, self.folder
        replica = LmdbReplicaReader(ReplicaFolder(folder.replica))
        stack.callback(replica.close)
        metrics = Metrics(folder.metrics)
        spool = FileSpool(
            folder.spool,
            _spool_limits(settings),
            reading=WorkerStatus(folder.run),
            note_sync=_sync_noted_in(metrics),
        )
        config = RedirectConfig(
            reserved=RESERVED_WORDS | {""},  # and the front page
            default_host=default_host(settings) if settings.default_domain else "",
            local=local_names(settings, port=self.listener.getsockname()[1]),
            sync_before_reply=settings.spool_sync_before_reply,
            hsts=self._hsts,
        )
        turn = RedirectTurn(config, replica=replica, spool=spool, metrics=metrics)
        syncing = asyncio.create_task(
            spool.keep_synced(
                every_ms=settings.spool_sync_ms,
                note_room=partial(turn.note_spool, is_failing=False),
            )
        )

        async def close_spool() -> None:
            await end_tasks([syncing])
            await spool.close()

        stack.push_async_callback(close_spool)
        return turn

    @property
    def _hsts(self) -> str:
        settings = self.settings
        return hsts(scheme=settings.public_scheme, is_preloaded=settings.hsts_preload)

    def _app(self, ports: Ports, turn: RedirectTurn) -> web.Application:
        if self.role.has_portal:
            app = self._portal(ports)
        else:
            app = web.Application(middlewares=[all_but_redirects(security_headers)])
            app[HEADERS] = headers_with(self._hsts)
            app.add_routes(static_answers.routes)
        replicas = ReplicaFolder(self.folder.replica)
        health = Health(
            folder=self.folder,
            status=WorkerStatus(self.folder.run),
            clock=ports.clock,
            needs_store=self.role.has_portal,
            redirects=self.role.redirects,
            has_replica=lambda: replicas.current() is not None,
            spool_max_bytes=self.settings.spool_max_bytes,
            watchers=Watchers(
                networks=parse_networks(self.settings.metrics_networks),
                trusted_proxies=parse_networks(self.settings.trusted_proxies),
            ),
        )
        app.add_routes(health.routes())
        if self.role.redirects:
            redirect = Redirect(
                turn,
                fallback=StoredLinks(),
                unlock=StoredPasswords(ports),
                proxies=parse_networks(self.settings.trusted_proxies),
            )
            redirect.add_to(app)
        return app

    def _portal(self, ports: Ports) -> web.Application:
        portal = load_portal()
        facts = importlib.import_module("schema.context").PortalFacts(
            name=self.settings.portal_name,
            version=VERSION,
            public_url=self.settings.public_url.rstrip("/"),
            provider=self.settings.oidc_label,
            tells_schema=self.settings.tells_schema,
            trusts_documents_only=self.settings.trusted_documents_only,
        )
        app: web.Application = portal.create_app(
            portal.Parts(
                ports=ports,
                portal=facts,
                trusted_proxies=parse_networks(self.settings.trusted_proxies),
                cors_origins=parse_origins(self.settings.cors_origins),
                hsts=self._hsts,
                oidc=importlib.import_module("api.oidc_ports").oidc_routes(self.settings),
                limits=portal.RequestLimits(
                    per_key=self.settings.key_per_minute,
                    per_person=self.settings.person_per_minute,
                    per_address=self.settings.anonymous_per_minute,
                ),
            )
        )
        return app


def _spool_limits(settings: Settings) -> SpoolLimits:
    # What is stored lies in files until they are closed: all of that in a quarter of the bound,
    # which is on what waits, so that the disk holds little more than that.
    share = settings.spool_max_bytes // (4 * settings.web_processes)
    return SpoolLimits(
        file_bytes=min(settings.spool_file_bytes, max(share, _LEAST_FILE_BYTES)),
        waiting_bytes=settings.spool_max_bytes,
        read_file_age_s=settings.spool_file_s,
    )


def _sync_noted_in(metrics: Metrics) -> Callable[[bool], None]:
    failures = metrics.counter("linkyard_spool_sync_failures_total")
    failing = metrics.gauge("linkyard_spool_sync_failing")
    was_well = True

    def note(is_well: bool) -> None:  # noqa: FBT001 - the only argument of a callback
        nonlocal was_well
        if not is_well:
            failures.inc()
        if is_well != was_well:
            failing.set(int(not is_well))
            was_well = is_well

    return note


def load_portal() -> ModuleType:
    """Return api.app. Where only redirects run nobody calls this, and GraphQL stays unloaded."""
    return importlib.import_module("api.app")
