"""The worker of a machine: feeds its replica, takes in its clicks, sends letters.

One at a time, by a lock of the data folder: a second one stands by and takes
over when the first one ends, however it ends.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
import uvloop

from api.adapters.audit_heads import HeadsFile
from api.adapters.daily_salts import DailySalts
from api.adapters.link_replica import LmdbLinkReplica
from api.adapters.replica_folder import ReplicaFolder
from api.child_process import is_orphan, obey
from api.data_folder import DataFolder, FolderInUseError, read_secret_keys
from api.ending_tasks import end_tasks
from api.file_ports import virus_scanner
from api.mail_desk import mail_desk_of
from api.mailboxes import mailboxes_of
from api.mailers import letterhead_of, mailer_of
from api.metrics import Metrics
from api.outbound import outbound_http
from api.ports import open_ports
from api.settings import Settings
from api.worker_status import WorkerStatus
from api.workers.audit import AuditWorker
from api.workers.clicks import ClickWorker
from api.workers.intake import IntakeWorker
from api.workers.mailboxes import MailboxWorker
from api.workers.mails import MailWorker
from api.workers.noted_clicks import NotedClickWorker
from api.workers.pacing import wait_for
from api.workers.replica import ReplicaWorker
from api.workers.retention import RetentionWorker
from api.workers.scans import ScanWorker
from api.workers.tickets import TicketWorker
from api.workers.titles import TitleWorker
from api.workers.visitors import VisitorWorker
from models.orm import open_database
from models.rules.addresses import parse_networks
from resolvers.audit_cuts import prune_audit
from resolvers.context import RequestContext, Viewer
from resolvers.file_deletions import PRUNES as FILE_PRUNES
from resolvers.ingestion import Ingestion

_log = structlog.stdlib.get_logger("linkyard.worker")

_STANDBY_S: Final = 0.25  # between two tries for the lock
_COMMAND_S: Final = 60.0  # of the store: no statement of the loops takes a tenth of it
_DRAIN_S: Final = 10.0  # for the clicks that the web processes left
_LOOPS_S: Final = 8.0  # longer than any loop takes to end what it has begun


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProcess:
    """What a forked child runs, see api.child_process.Run."""

    settings: Settings
    folder: DataFolder

    def __call__(self, announce: Callable[[], None]) -> int:
        """Work until told to stop."""
        uvloop.run(self._main(announce))
        return 0

    async def _main(self, announce: Callable[[], None]) -> None:
        stop = asyncio.Event()
        obey(asyncio.get_running_loop(), stop=stop.set, retire=stop.set)
        announce()  # standing by is as good as working for whoever waits for the start
        if await self._is_our_turn(stop):
            await self._work(stop)

    async def _is_our_turn(self, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            try:
                self.folder.lock("worker")
            except FolderInUseError:
                await wait_for(stop, _STANDBY_S)
            else:
                return True
        return False

    async def _work(self, stop: asyncio.Event) -> None:
        settings, folder = self.settings, self.folder
        status, metrics = WorkerStatus(folder.run), Metrics(folder.metrics)
        links_changed, mail_posted = asyncio.Event(), asyncio.Event()
        replicas = ReplicaFolder(folder.replica)
        replicas.recover()  # the worker before us may have been killed at any moment
        replica = LmdbLinkReplica(replicas)
        async with AsyncExitStack() as stack:
            stack.callback(replica.close)
            await stack.enter_async_context(
                open_database(settings.database_url, command_timeout_s=_COMMAND_S)
            )
            ports = await stack.enter_async_context(
                open_ports(
                    settings, folder, links_changed=links_changed.set, mail_posted=mail_posted.set
                )
            )
            context = RequestContext(Viewer(), ports)
            following = ReplicaWorker(replica, clock=ports.clock, status=status, metrics=metrics)
            salts = DailySalts(folder.salts, redis_url=settings.redis_url)
            clicks = NotedClickWorker(
                context,
                folder=folder.spool,
                ingestion=Ingestion(
                    trusted_proxies=parse_networks(settings.trusted_proxies), salts=salts
                ),
            )
            clicks.note_in(status, metrics)
            stack.callback(clicks.close)
            secrets = read_secret_keys(settings.secret_key_file)
            cut = partial(prune_audit, kept_days=settings.audit_days, secret=secrets[0])
            retention = RetentionWorker(
                context,
                click_days=settings.click_retention_days,
                folder=folder,
                prunes={"audit_entries": cut, **FILE_PRUNES},
            )
            mails = MailWorker(
                context,
                mailer=mailer_of(settings, folder),
                head=letterhead_of(settings),
                metrics=metrics,
                per_minute=settings.mail_per_minute,
            )
            heads = HeadsFile(folder.audit, secrets=secrets)
            loops = [
                asyncio.create_task(following.run(wake=links_changed)),
                asyncio.create_task(clicks.run(stop=stop, wake=asyncio.Event())),
                asyncio.create_task(retention.run(stop=stop)),
                asyncio.create_task(VisitorWorker(context, salts=salts).run()),
                asyncio.create_task(AuditWorker(heads, clock=ports.clock).run()),
                asyncio.create_task(mails.run(wake=mail_posted)),
                asyncio.create_task(TicketWorker(context).run()),
            ]
            intake = IntakeWorker(context, desk=mail_desk_of(settings, secrets), metrics=metrics)
            loops.append(asyncio.create_task(intake.run()))
            mailboxes = mailboxes_of(settings, clock=ports.clock)
            if mailboxes:
                reading = MailboxWorker(
                    context,
                    mailboxes=mailboxes,
                    intake=intake,
                    poll_s=settings.imap_poll_s,
                    metrics=metrics,
                )
                loops.append(asyncio.create_task(reading.run()))
            scanner = virus_scanner(settings)
            if scanner is not None:
                scans = ScanWorker(context, scanner=scanner, metrics=metrics)
                loops.append(asyncio.create_task(scans.run()))
            if settings.fetch_titles:
                http = outbound_http(settings)
                titles = TitleWorker(context, http=http, metrics=metrics)
                loops.append(asyncio.create_task(titles.run()))
            _log.info("working")
            await stop.wait()
            await end_tasks(loops, again_s=_LOOPS_S)
            if not is_orphan():  # else the worker of the next service takes the clicks in
                await _drain(clicks)


async def _drain(clicks: ClickWorker) -> None:
    """Store what lies in the spools; what cannot be stored now stays there."""
    try:
        async with asyncio.timeout(_DRAIN_S):
            await clicks.drain()
    except Exception as error:  # noqa: BLE001 - the next start stores it
        _log.warning("clicks stay in the spools", error=repr(error))
