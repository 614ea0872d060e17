"""The connection below an IMAP client: bytes with bounds, and an end that anybody may put to it.

imaplib reads through a file object, which is unusable after its first time-out, believes
every size that a server names, and waits for ever. This reads from the socket itself.
"""

import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Final

_CHUNK: Final = 1 << 16
_CONNECT_S: Final = 15.0  # for each address of the server
_SILENCE_S: Final = 60.0  # without a byte, while an answer is awaited
MAX_LINE_BYTES: Final = 16 << 20  # a search that finds a million messages says so in 11 MB


class LineBrokenError(OSError):
    """The connection ended, or what comes over it cannot be an answer."""


class ImapLine:
    """One connection. All but `kill` belongs to the thread of the client."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()  # between the socket's exchange and its end
        self._is_killed = False
        self._buffer = bytearray()
        self._until = 0.0
        self._bytes_left = 0

    def kill(self) -> None:
        """Break the connection, from any thread: what waits for it fails at once."""
        with self._lock:
            self._is_killed = True
            if self._socket is not None:
                _shut(self._socket)

    def allow(self, seconds: float, *, size_bytes: int) -> None:
        """Say how long the next steps may take in all, and how much the server may say."""
        self._until = time.monotonic() + seconds
        self._bytes_left = size_bytes

    def connect(self, host: str, port: int) -> None:
        """Connect to the first address of the host that answers."""
        self._take(socket.create_connection((host, port), min(_CONNECT_S, self._seconds_left())))

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in secret, with a server whose certificate is for that host.

        Raises:
            LineBrokenError: the server, or somebody between, said more before TLS than it may.
        """
        if self._buffer:
            raise LineBrokenError("the server said more before TLS than it may")
        plain = self._connected()
        plain.settimeout(min(_SILENCE_S, self._seconds_left()))
        secret = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self._take(secret)
        secret.do_handshake()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        connected = self._connected()
        connected.settimeout(min(_SILENCE_S, self._seconds_left()))
        connected.sendall(data)

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        if size > self._bytes_left + len(self._buffer):
            raise LineBrokenError(f"the server wants to send {size} bytes: too many")
        while len(self._buffer) < size:
            self._receive()
        return self._cut(size)

    def read_line(self) -> bytes:
        """Return a line that ends with CRLF, whichever line end the server sent."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE_BYTES:
                raise LineBrokenError(f"a line has more than {MAX_LINE_BYTES} bytes")
            self._receive()
        return self._cut(end + 1).rstrip(b"\r\n") + b"\r\n"

    def has_more(self, seconds: float) -> bool:
        """Wait until there is something to read, at most so many seconds."""
        until = time.monotonic() + seconds
        while not self._buffer:
            left = until - time.monotonic()
            if left <= 0:
                return False
            connected = self._connected()
            poll = select.poll()
            poll.register(connected, select.POLLIN)
            poll.poll(left * 1000)
            self._receive_some(connected)
        return True

    def close(self) -> None:
        """Close the socket; once it is closed nothing else works."""
        with self._lock:
            self._is_killed = True
            if self._socket is not None:
                _shut(self._socket)
                self._socket.close()
                self._socket = None

    def _take(self, found: socket.socket) -> None:
        with self._lock:
            self._socket = found
            if self._is_killed:
                found.close()
                self._socket = None
                raise LineBrokenError("the connection was ended")

    def _connected(self) -> socket.socket:
        if self._socket is None or self._is_killed:
            raise LineBrokenError("the connection was ended")
        return self._socket

    def _seconds_left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _receive(self) -> None:
        connected = self._connected()
        connected.settimeout(min(_SILENCE_S, self._seconds_left()))
        self._keep(connected.recv(_CHUNK))

    def _receive_some(self, connected: socket.socket) -> None:
        """Take what is there, if anything: TLS may have had something to say for itself."""
        connected.settimeout(0)
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            self._keep(connected.recv(_CHUNK))

    def _keep(self, data: bytes) -> None:
        if not data:
            raise LineBrokenError("the server ended the connection")
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise LineBrokenError("the server says more than it was asked for")
        self._buffer += data

    def _cut(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[:size]
        return data


def _shut(connected: socket.socket) -> None:
    """End both directions. Not by the method of an SSLSocket, which drops TLS under its reader."""
    with suppress(OSError):  # it has ended already
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
