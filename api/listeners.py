"""Listening sockets: one for each web process, held by the supervisor.

The kernel spreads new connections over the sockets of one port (SO_REUSEPORT).
Because the supervisor never closes them, a connection that waits in the queue
of a dead process is taken by its successor.
"""

import ctypes
import select
import socket
import struct
from collections.abc import Sequence
from typing import Final

BACKLOG: Final = 4096  # connections; the kernel lowers it to net.core.somaxconn
_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h; Python has no name for it
# Classic BPF, see Documentation/networking/filter.rst of the kernel. A filter of a TCP
# socket sees the TCP header first: byte 13 has the flags, and 2 is SYN.
_NO_NEW_CONNECTIONS: Final = (
    (0x30, 0, 0, 13),  # load the byte at 13
    (0x45, 0, 1, 0x02),  # is SYN set?
    (0x06, 0, 0, 0),  # then drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
)


class AddressInUseError(Exception):
    """Somebody else listens there. The message is one sentence."""


def open_listeners(host: str, port: int, *, count: int) -> list[socket.socket]:
    """Return listening sockets on one address.

    Args:
        host: address without brackets.
        port: 0 lets the system choose one for all of them.
        count: how many, at least 1.

    Raises:
        AddressInUseError: the address is taken, or is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # With SO_REUSEPORT alone we would silently share the port with another server.
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        opened: list[socket.socket] = []
        for _ in range(count):
            listener = socket.socket(family, kind, protocol)
            opened.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(opened[0].getsockname() if len(opened) > 1 else address)
        for listener in opened:  # after the last bind: none may fail once the first one listens
            listener.listen(BACKLOG)
            listener.settimeout(0)  # does not block
    except OSError as error:
        raise AddressInUseError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    return opened


def refuse_new_connections(listeners: Sequence[socket.socket]) -> None:
    """Let nobody connect any more, while connections in the queues can still be accepted.

    Closing a listening socket resets what waits in its queue, requests and all;
    so the service first stops new handshakes, then empties the queues, then closes.
    """
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _NO_NEW_CONNECTIONS)
    instructions = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_NO_NEW_CONNECTIONS), ctypes.addressof(instructions))
    for listener in listeners:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def has_waiting_connections(listener: socket.socket) -> bool:
    """Tell whether a finished handshake waits to be accepted."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
