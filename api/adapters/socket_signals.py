"""Wake-ups and live clicks between the processes of one machine, as datagrams.

Sockets lie in the data folder, which only its owner can enter. Addresses of Unix
sockets hold 107 bytes at most and data folders may be deeper, so every address
goes through /proc/self/fd and a descriptor of the folder.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from api.adapters.click_watchers import ClickWatchers, encode_events
from resolvers.ports import ClickEvent, ClickWatcher

_WORKER: Final = "worker.sock"
_FEED_PREFIX: Final = "feed-"
_MAX_DATAGRAM_BYTES: Final = 65_536
_LINKS: Final = b"links"
_MAILS: Final = b"mails"


class SocketFolder:
    """A folder of datagram sockets. Use it in one process: open it after the fork."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def bind(self, name: str) -> socket.socket:
        """Return a socket that receives under a name, taking it from a dead process."""
        (self.path / name).unlink(missing_ok=True)
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        receiver.bind(self._address(name))
        return receiver

    def send(self, name: str, message: bytes) -> bool:
        """Send and forget; False if nobody receives under the name any more."""
        try:
            self._sender.sendto(message, self._address(name))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            pass  # the receiver's queue is full: it is awake, or it is slow and loses some
        return True

    def close(self) -> None:
        """Give the descriptors back."""
        self._sender.close()
        os.close(self._folder)

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder}/{name}"


class SocketLinkSignal:
    """LinkSignal and MailSignal to the worker of this machine."""

    def __init__(self, folder: SocketFolder) -> None:
        self._folder = folder

    async def links_changed(self) -> None:
        """See LinkSignal.links_changed."""
        self._folder.send(_WORKER, _LINKS)

    async def mail_posted(self) -> None:
        """See MailSignal.mail_posted."""
        self._folder.send(_WORKER, _MAILS)


class SocketInbox:
    """The worker's end: calls back for each wake-up. One worker on a machine at a time."""

    def __init__(
        self,
        folder: SocketFolder,
        *,
        links_changed: Callable[[], None],
        mail_posted: Callable[[], None] | None = None,
    ) -> None:
        self._calls = {_LINKS: links_changed, _MAILS: mail_posted}
        self._receiver = folder.bind(_WORKER)
        asyncio.get_running_loop().add_reader(self._receiver, self._read)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._receiver)
        self._receiver.close()

    def _read(self) -> None:
        for message in _received(self._receiver):
            if (call := self._calls.get(message)) is not None:
                call()


class SocketClickFeed:
    """ClickFeed from the worker to the processes of this machine that watch."""

    def __init__(self, folder: SocketFolder) -> None:
        self._folder = folder
        self._watchers = ClickWatchers()
        self._receiver: socket.socket | None = None
        self._name = ""

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""
        names = [path.name for path in self._folder.path.glob(f"{_FEED_PREFIX}*")]
        if not names:
            return
        for message in encode_events(events):
            for name in names:
                if not self._folder.send(name, message):
                    (self._folder.path / name).unlink(missing_ok=True)

    def watch(self) -> ClickWatcher:
        """See ClickFeed.watch."""
        watcher = self._watchers.add()
        if self._receiver is None:
            self._name = f"{_FEED_PREFIX}{os.getpid()}-{secrets.token_hex(4)}.sock"
            self._receiver = self._folder.bind(self._name)
            asyncio.get_running_loop().add_reader(self._receiver, self._read, self._receiver)
        return watcher

    def close(self) -> None:
        """Stop receiving; watchers get nothing more."""
        if self._receiver is not None:
            asyncio.get_running_loop().remove_reader(self._receiver)
            self._receiver.close()
            self._receiver = None
            (self._folder.path / self._name).unlink(missing_ok=True)

    def _read(self, receiver: socket.socket) -> None:
        for message in _received(receiver):
            if not self._watchers:
                self.close()  # the last watcher is gone
                return
            self._watchers.offer(message)


def _received(receiver: socket.socket) -> list[bytes]:
    messages: list[bytes] = []
    while len(messages) < 64:  # noqa: PLR2004 - then let the loop do other work
        try:
            messages.append(receiver.recv(_MAX_DATAGRAM_BYTES))
        except OSError:
            break
    return messages
