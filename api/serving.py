"""The processes of `serve`, and what they share.

Not a part of the command's own module: this loads the whole service, for which
neither the help nor a mistyped command should have to wait.
"""

import gc
import os
import resource
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
import typer

from api.adapters.replica_folder import ReplicaFolder
from api.data_folder import DataFolder, DataFolderError
from api.ended_counters import fold_dead
from api.listeners import open_listeners
from api.metrics import start_over
from api.replica_warden import ReplicaWarden
from api.roles import Role
from api.settings import Settings
from api.setup import Setup
from api.supervisor import Plan, Service, Supervisor
from api.web_process import WebProcess, load_portal
from api.worker_process import WorkerProcess

_log = structlog.stdlib.get_logger("linkyard.serve")

_LOCK_WAIT_S: Final = 3.0  # a predecessor that ends just now
_ORPHANS_WAIT_S: Final = 15.0  # one that was killed leaves children, which end soon
_FIRST_SETUP_S: Final = 30.0  # without a replica there is nothing to serve before the setup
_LATER_SETUP_S: Final = 3.0
_STOP_MARGIN_S: Final = 15.0  # for what comes after the connections: clicks, files


def serve_role(settings: Settings, role: Role) -> int:
    """Serve until a signal ends it; return the exit code.

    Raises:
        DataFolderError: the folder is not ours to use, or another server uses it.
        AddressInUseError: somebody else listens there.
    """
    _allow_many_files()
    folder = DataFolder.open(settings.data_dir)
    for name in role.locks:
        folder.lock(name, wait_s=_LOCK_WAIT_S, orphans_wait_s=_ORPHANS_WAIT_S)
    if role is Role.ALL:
        with suppress(DataFolderError):  # a worker of its own goes on counting
            os.close(folder.lock("serve-worker"))
            start_over(folder.metrics)
    fold_dead(folder.metrics)
    count = settings.web_processes if role.has_web else 0
    listeners = open_listeners(settings.bind_host, settings.bind_port, count=count)
    gc.disable()  # what is loaded now stays, as what the command loaded
    if role.has_portal:
        load_portal().served_schema()  # made here, so that the children share it, too
    has_replica = (folder.replica / "current").exists()
    plan = Plan(
        setup=Setup(settings=settings),
        services=_services(settings, role, folder, listeners),
        listeners=listeners,
        setup_grace_s=_LATER_SETUP_S if has_replica else _FIRST_SETUP_S,
        stop_timeout_s=settings.drain_timeout_s + _STOP_MARGIN_S,
        ended=_bury(folder),
        ready=_announce(settings, listeners),
    )
    gc.collect()
    gc.freeze()  # the children share these pages as long as nobody touches them
    gc.enable()
    return Supervisor(plan).run()


def _allow_many_files() -> None:
    """Every connection is an open file, and the usual limit of 1024 is for programs of old."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _services(
    settings: Settings, role: Role, folder: DataFolder, listeners: list[socket.socket]
) -> list[Service]:
    services = [
        Service(
            name=f"web-{number}",
            run=WebProcess(settings=settings, role=role, folder=folder, listener=listener),
            is_web=True,
        )
        for number, listener in enumerate(listeners, start=1)
    ]
    if role.has_worker:
        worker = WorkerProcess(settings=settings, folder=folder)
        services.append(Service(name="worker", run=worker, is_web=False))
    return services


def _bury(folder: DataFolder) -> Callable[[int, int], None]:
    warden = ReplicaWarden(ReplicaFolder(folder.replica))

    def ended(pid: int, code: int) -> None:
        fold_dead(folder.metrics)
        warden.ended(pid, code)

    return ended


def _announce(settings: Settings, listeners: list[socket.socket]) -> Callable[[], None]:
    def ready() -> None:
        if listeners:
            host, port = listeners[0].getsockname()[:2]
            _log.info("ready", address=f"{host}:{port}", public_url=settings.public_url)
            if sys.stdout.isatty():
                typer.echo(f"Linkyard serves on {settings.public_url} (Ctrl-C ends it).")
        _tell_systemd()

    return ready


def _tell_systemd() -> None:
    """Say READY=1 where somebody waits for it. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.sendto(b"READY=1", address.replace("@", "\0", 1))
