"""A web process of `serve` alone on a port: the class that serve forks, with its settings.

So whatever serve gives a web process is measured: limits of connections, the look for
slow clients, security headers, metrics, spool, rate limits, audit log and wake-ups. What
is missing are the supervisor and the worker, which would share the core.
"""

import os
from pathlib import Path
from typing import Final

from api.data_folder import DataFolder
from api.listeners import open_listeners
from api.logs import configure_logs
from api.roles import Role
from api.settings import load_settings
from api.web_process import WebProcess, load_portal

_PREFIX: Final = "LINKYARD_"
_LOOPBACK: Final = "127.0.0.1"


def serve_alone(port: int, *, data: Path, role: Role, **settings: str | int) -> None:
    """Answer on the loopback until SIGTERM.

    Args:
        port: to listen on.
        data: the data folder; its replica is served as it is.
        role: which part of the service.
        settings: those that are not the defaults, LINKYARD_ variables without the prefix.
            The caller's own do not count.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    os.environ.clear()
    os.environ.update(own)
    settings |= {"BIND": f"{_LOOPBACK}:{port}", "DATA_DIR": os.fspath(data), "PROCESSES": 1}
    os.environ.update({_PREFIX + name: str(value) for name, value in settings.items()})
    loaded = load_settings()
    configure_logs(log_format=loaded.log_format, level="ERROR")
    if role.has_portal:
        load_portal().served_schema()
    folder = DataFolder.open(loaded.data_dir)
    [listener] = open_listeners(_LOOPBACK, port, count=1)
    WebProcess(settings=loaded, role=role, folder=folder, listener=listener)(lambda: None)
