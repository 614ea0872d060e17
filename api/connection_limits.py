"""How many connections a process holds, and how slowly they may speak: the numbers alone."""

import resource
from dataclasses import dataclass
from typing import Final

from models.rules.addresses import Network

FILE_RESERVE: Final = 256  # descriptors for the store, the replica, spools and logs
_FILES: Final = 65_536  # descriptors that a process asks for, where the system allows it


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of one web process.

    Attributes:
        head_s: from the first byte of a request to the end of its head.
        body_grace_s: how long a body may be slow.
        body_bytes_per_s: least average speed of a body after that.
        body_s: longest time of a body, however fast.
        write_s: how long a client may take no bytes at all of what waits for it.
        sweep_s: how often the clocks above are looked at.
        connections: how many at once; 0 for as many as come.
        per_address: how many of one address, an IPv6 network of 64 bits counting as one;
            0 for as many as come.
        proxies: their addresses, and those of this machine, speak for many and are not
            counted apart.
    """

    head_s: float = 10.0
    body_grace_s: float = 10.0
    body_bytes_per_s: int = 1024
    body_s: float = 120.0
    write_s: float = 60.0
    sweep_s: float = 1.0
    connections: int = 0
    per_address: int = 0
    proxies: tuple[Network, ...] = ()


def room_for_connections(wanted: int) -> int:
    """Ask the system for more files, and return how many connections there is room for.

    Args:
        wanted: the operator's own number; 0 for as many as there is room for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    else:
        soft = _FILES
    room = max(soft - FILE_RESERVE, soft // 2)
    return min(wanted, room) if wanted else room
