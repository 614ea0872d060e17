"""The body of an answer, decompressed no further than is wanted."""

import zlib
from typing import Final, Protocol

_GZIP_WINDOW: Final = 31  # of zlib: a gzip header, and the largest window
_ZLIB_WINDOW: Final = 15
_RAW_WINDOW: Final = -15
_ZLIB_HEADER_BYTES: Final = 2
_DEFLATE: Final = 8  # the only method that RFC 1950 knows
ACCEPT_ENCODING: Final = "gzip, deflate"


class UnreadableBodyError(Exception):
    """The body is compressed in a way we did not ask for, or damaged."""


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class BoundedBody:
    """Collects a body as it comes. Never holds more than its bound and one chunk.

    Attributes:
        data: what is known of the body so far.
        is_cut: the bound was reached, and there is more.
    """

    def __init__(self, coding: str, *, max_bytes: int) -> None:
        """Begin an empty body.

        Args:
            coding: the header Content-Encoding; several codings are refused.
            max_bytes: of the decompressed body.

        Raises:
            UnreadableBodyError: a coding that we did not ask for.
        """
        self._coding = coding.strip().lower()
        if self._coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise UnreadableBodyError(f"content coding {self._coding[:40]}")
        self._is_plain = self._coding in {"", "identity"}
        self._max_bytes = max_bytes
        self._parts = bytearray()
        self._head = b""
        self._inflater: _Inflater | None = None
        self._came_bytes = 0
        self.is_cut = False

    @property
    def data(self) -> bytes:
        """What is known of the body so far."""
        return bytes(self._parts)

    def feed(self, data: bytes) -> bool:
        """Take a chunk as it came; return whether any more of them can be of use.

        Raises:
            UnreadableBodyError: it is not compressed as was said.
        """
        self._came_bytes += len(data)
        room = self._max_bytes - len(self._parts)
        plain = data if self._is_plain else self._inflated(data, room + 1)
        self._parts += plain[:room]
        self.is_cut = len(plain) > room
        if self._inflater is not None and self._inflater.eof:
            return False
        if not self._is_plain and self._came_bytes > self._max_bytes:  # inflates to nothing
            self.is_cut = True
        return not self.is_cut

    def _inflated(self, data: bytes, max_length: int) -> bytes:
        if self._inflater is None:
            self._head += data
            if len(self._head) < _ZLIB_HEADER_BYTES:
                return b""
            data = self._head
            self._inflater = zlib.decompressobj(_window(self._coding, data))
        try:
            return self._inflater.decompress(data, max_length)
        except zlib.error as error:
            raise UnreadableBodyError(str(error)) from None


def _window(coding: str, head: bytes) -> int:
    """Return how zlib should read a body: some servers send deflate without its header."""
    if coding != "deflate":
        return _GZIP_WINDOW
    has_header = head[0] & 15 == _DEFLATE and int.from_bytes(head[:2], "big") % 31 == 0
    return _ZLIB_WINDOW if has_header else _RAW_WINDOW
