"""What a visitor feels while a thousand connections stand there with half a request.

`python -m benchmarks.slow_clients` prints its part of the table. Each of the thousand
sends a head that never ends, one more line every second, for as long as it is let. The
service has one core to itself, visitors and crowd share the other; quiet and crowded
seconds take turns.
"""

import argparse
import itertools
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.attack import fill, one_service, p99, visitors
from benchmarks.report import Figure, at_most, ratio, table
from benchmarks.service import Service

_CROWD: Final = 1_000
_HEAD_LIMIT_S: Final = 10.0  # see api.connection_limits
_PATIENCE_S: Final = 30.0
_PARTS: Final = 50  # of the crowd; each second they speak one after the other
_SETTLED_S: Final = 0.5  # until all are accepted
_FILES: Final = 4_096  # this process needs one for each of the crowd


def figures(rounds: int) -> list[Figure]:
    """Measure the wait for a redirect beside the crowd, and how long the crowd stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(_FILES, hard)), hard))
    quiet: list[float] = []
    crowded: list[float] = []
    with one_service([]) as served, tempfile.TemporaryDirectory(prefix="lky") as folder:
        fill(served)
        script = visitors(Path(folder), served)
        p99(served, script)
        for _ in range(rounds):
            quiet.append(p99(served, script))
            with _crowd(served):
                crowded.append(p99(served, script))
        stayed_s = _stay(served)
    return [
        at_most(
            f"redirect p99 beside {_CROWD:,} half-sent requests, against its own p99",
            ratio(crowded, quiet),
            2.0,
            note=f"{median(crowded):.1f} ms against {median(quiet):.1f} ms; one process. Each of "
            "them sends one more line of its head every second.",
        ),
        at_most(
            "seconds until the last of them is closed",
            stayed_s,
            _HEAD_LIMIT_S + 2.0,
            unit=" s",
            note=f"A head gets {_HEAD_LIMIT_S:.0f} s, and the clock is looked at once a second.",
        ),
    ]


@contextmanager
def _crowd(served: Service) -> Iterator[list[socket.socket]]:
    """Open the connections, and let each say a little every second until the block is left."""
    crowd = [socket.create_connection(served.address) for _ in range(_CROWD)]
    over = threading.Event()

    def drip() -> None:
        for number in itertools.count():
            for some in range(_PARTS):
                if over.wait(1.0 / _PARTS):
                    return
                for each in crowd[some::_PARTS]:
                    with suppress(OSError):
                        each.send(b"X-%d: y\r\n" % number)

    for each in crowd:
        each.sendall(b"GET /s1 HTTP/1.1\r\nHost: localhost\r\n")
    time.sleep(_SETTLED_S)
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        yield crowd
    finally:
        over.set()
        dripping.join()
        for each in crowd:
            each.close()


def _stay(served: Service) -> float:
    """Return after how many seconds the last of the crowd is closed by the service."""
    began = time.monotonic()
    with _crowd(served) as crowd:
        for each in crowd:
            each.settimeout(_PATIENCE_S)
            with suppress(ConnectionError):
                while each.recv(1024):
                    pass
        return time.monotonic() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(table(figures(parser.parse_args().rounds)))
