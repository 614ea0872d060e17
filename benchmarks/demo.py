"""`make demo`: shorten addresses, replay a log, and prove that every click is counted.

A server of its own, with a key, a domain and a proxy setting of its own, in a
folder of its own. The commands are the real ones, and the visitors come over HTTP.
"""

import argparse
import asyncio
import gzip
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.replica_folder import ReplicaFolder
from api.cli.session import SOME_REFUSED
from benchmarks import sample_data
from benchmarks.demo_pages import Pages
from benchmarks.proof import Proof, prove, stored_clicks
from benchmarks.replay import Replay, Visit
from benchmarks.service import Service, free_port
from models.rules.access_log import LogLine, parse_line
from resolvers.click_import import NumberedPaths, refusal_of

_SETTINGS: Final = {
    "PROCESSES": "2",
    "TRUSTED_PROXIES": "127.0.0.1",  # the replay presents its visitors by X-Forwarded-For
    "CLICK_RETENTION_DAYS": "36500",  # the log may be old, and its clicks are to be seen
    # One spool for each process, kept: the proof reads them.
    "SPOOL_FILE_BYTES": str(1 << 30),
    "SPOOL_MAX_BYTES": str(16 << 30),
    "SPOOL_FILE_S": "3600",
    "LOG_FORMAT": "json",
}
_WAIT_S: Final = 120.0  # for the worker to take in what was spooled
_POLL_S: Final = 0.2
_GZIP: Final = b"\x1f\x8b"
_REFUSED_LINK: Final = re.compile(r"^.*?:(\d+): (.+)$", re.MULTILINE)
_REFUSED_CLICK: Final = re.compile(r"^.*?:(\d+): ([^:]+): (.*) \((\d+) lines?\)$", re.MULTILINE)
_IMPORTED: Final = re.compile(r"(\d+) of them stored now")
_MAX_DAYS: Final = 92  # longer histories are shown by whatever interval the server chooses
_STATS: Final = """
query Demo($days: DayRangeInput!, $interval: StatsInterval) {
  stats(range: {period: {days: $days}, timeZone: "UTC", humansOnly: false}) {
    series(interval: $interval) { buckets { start human automated } }
    referrers: breakdown(by: REFERRER_HOST, top: 8) { rows { label clicks share } rest distinct }
    browsers: breakdown(by: BROWSER, top: 8) { rows { label clicks share } rest distinct }
    links: breakdown(by: LINK, top: 5) { rows { label clicks share } rest distinct }
  }
}
"""


class DemoError(Exception):
    """Ends the demo with one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 only if everything that was claimed holds."""
    options = _options(arguments)
    pages = Pages()
    try:
        with installation(keep=options.keep) as running:
            proof = Demo(running, pages).run(options.urls, options.log)
            pages.proof(proof)
            if options.keep:
                pages.line(
                    f"The folder stays. Serve it again: LINKYARD_DATA_DIR={running.data} "
                    f"LINKYARD_BIND=127.0.0.1:{running.port} make serve"
                )
            return 1 if proof.failures else 0
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; the server is stopped.\n")
        return 130


@contextmanager
def installation(*, keep: bool) -> Iterator[Service]:
    """Run a server in a new folder, stop it at the end, and remove the folder or not."""
    folder = Path(tempfile.mkdtemp(prefix="lkydemo", dir="/tmp"))
    running = Service(folder=folder, port=free_port(), settings=_SETTINGS)
    try:
        running.start()
        yield running
        running.stop()
    finally:
        running.kill()
        if not keep:
            running.destroy()


class Demo:
    """One run on one installation."""

    def __init__(self, running: Service, pages: Pages) -> None:
        self._running = running
        self._pages = pages
        self._targets: list[tuple[str, str]] = []  # slug and target, oldest link first

    def run(self, urls: Path | None, log: Path | None) -> Proof:
        """Take all steps; None stands for generated input."""
        folder = self._running.folder
        if urls is None:
            sample_data.write_addresses(urls := folder / "urls.txt.gz")
        if log is None:
            sample_data.write_log(log := folder / "access.log.gz")
        self.shorten(urls)
        imported = self.import_history(log)
        replayed, days = self.replay(log)
        self._wait_for_clicks(imported + len(replayed.answered))
        self.show(days)
        self._pages.heading("The count")
        return prove(self._running, imported=imported, answered=replayed.answered)

    def shorten(self, urls: Path) -> None:
        """Make a link of every address by the import command."""
        self._pages.heading(f"Shortening {urls.name}")
        started = time.monotonic()
        lines = list(_opened(urls))
        done = self._command("links", "import", str(urls), total=len(lines), count=self._links)
        self._pages.line(f"{done.stdout.strip()} ({time.monotonic() - started:.1f} s)")
        refused: dict[str, list[str]] = defaultdict(list)
        for number, why in _REFUSED_LINK.findall(done.stderr):
            text = lines[int(number) - 1].decode("utf-8", "replace").strip()
            refused[why].append(f"line {number}: {text}")
        for why, examples in refused.items():
            self._pages.refusal(why, len(examples), examples)
        if blank := sum(1 for line in lines if not line.strip()):
            self._pages.refusal("blank lines, passed over", blank, ())
        rows = self._running.rows("SELECT slug, target FROM link ORDER BY id")
        self._targets = [(str(slug), str(target)) for slug, target in rows]
        if not self._targets:
            raise DemoError(f"No line of {urls} could be shortened.")
        for slug, target in (self._targets[0], self._targets[-1]):
            self._pages.line(f"http://{self._running.host}/{slug} leads to {target}")

    def import_history(self, log: Path) -> int:
        """Take the log in as clicks of its own time; return how many were stored."""
        self._pages.heading(f"Importing {log.name} as history")
        total = sum(1 for _ in _opened(log))
        done = self._command(
            "clicks", "import", "--map", "numbered", str(log), total=total, count=self._clicks
        )
        self._pages.line(done.stdout.strip())
        counts: Counter[str] = Counter()
        examples: dict[str, list[str]] = defaultdict(list)
        for number, why, detail, count in _REFUSED_CLICK.findall(done.stderr):
            counts[why] += int(count)
            times = "" if count == "1" else f", {count} times"
            examples[why].append(f"line {number}: {detail}{times}")
        for why, count in counts.most_common():
            self._pages.refusal(why, count, examples[why])
        stored = _IMPORTED.search(done.stdout)
        return int(stored[1]) if stored else 0

    def replay(self, log: Path) -> tuple[Replay, list[date]]:
        """Send the visitors of the log again; return what came back and the log's days."""
        self._pages.heading(f"Replaying {log.name} over HTTP")
        visits, days = self._visits(log)
        self._wait_for_links()
        history = self._running.folder / "answers.txt"
        replay = Replay(port=self._running.port, host=self._running.host, history=history)
        started = time.monotonic()
        with _progress() as progress:
            task = progress.add_task("Visitors", total=len(visits))
            asyncio.run(replay.send(visits, advance=lambda: progress.advance(task)))
        took_s = time.monotonic() - started
        self._pages.line(f"{len(visits):,} visits sent in {took_s:.1f} s, 32 at a time")
        self._pages.line(f"{len(replay.answered):,} were led to the right target")
        for outcome, count in replay.wrong.most_common():
            self._pages.line(f"{count:,} were answered with {outcome}")
        return replay, days

    def show(self, days: list[date]) -> None:
        """Read the statistics back through GraphQL and write them."""
        self._pages.heading(f"Clicks by day, {days[0]} to {days[-1]}, read through GraphQL")
        history = self._stats(days[0], days[-1])
        self._pages.days(history["series"]["buckets"])
        self._pages.breakdown("referrer", history["referrers"])
        self._pages.breakdown("browser", history["browsers"])
        today = datetime.now(UTC).date()
        self._pages.heading(f"The live replay, {today}, read through GraphQL")
        live = self._stats(today, today)
        self._pages.days(live["series"]["buckets"])
        self._pages.breakdown("link", live["links"])

    def _stats(self, first: date, last: date) -> dict[str, Any]:
        interval = "DAY" if (last - first).days < _MAX_DAYS else None
        days = {"from": first.isoformat(), "to": last.isoformat()}
        found = self._running.graphql(_STATS, {"days": days, "interval": interval})
        stats: dict[str, Any] = found["stats"]
        return stats

    def _visits(self, log: Path) -> tuple[list[Visit], list[date]]:
        """Path number i is link number i, as in the import of the same log."""
        numbers, visits, days = NumberedPaths(), [], set[date]()
        for line_number, line in enumerate(_opened(log), 1):
            entry = parse_line(line)
            if entry is None or refusal_of(entry) is not None:
                continue
            number = numbers.number_of(entry.path)
            if number < len(self._targets):
                visits.append(_visit(entry, f"visit-{line_number}", *self._targets[number]))
                days.add(entry.at.date())
        if not visits:
            raise DemoError(f"No line of {log} is a click.")
        return visits, sorted(days)

    def _links(self) -> int:
        count: int = self._running.rows("SELECT COUNT(*) FROM link")[0][0]
        return count

    def _clicks(self) -> int:
        return stored_clicks(self._running)

    def _command(
        self, *arguments: str, total: int, count: Callable[[], int]
    ) -> subprocess.CompletedProcess[str]:
        """Run a real command; a bar shows how far the store has come."""
        errors = self._running.folder / "stderr.txt"
        with errors.open("w") as stderr, _progress() as progress:
            task = progress.add_task(" ".join(arguments[:2]), total=total)
            process = subprocess.Popen(
                [sys.executable, "-m", "api", *arguments],
                env={**self._running.environment, "COLUMNS": "4096"},  # one line for each refusal
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
            try:
                while process.poll() is None:
                    progress.update(task, completed=count())
                    time.sleep(_POLL_S)
            finally:
                process.terminate()
                output = process.communicate()[0]
            progress.update(task, completed=total)
        said = errors.read_text("utf-8")
        if process.returncode not in {0, SOME_REFUSED}:
            raise DemoError(f"python -m api {' '.join(arguments)}: {said or process.returncode}")
        return subprocess.CompletedProcess(arguments, process.returncode, output, said)

    def _wait_for_links(self) -> None:
        """Return when the replica has the newest link. Asking over HTTP would be a click."""
        reader = LmdbReplicaReader(ReplicaFolder(self._running.data / "replica"))
        slug = self._targets[-1][0].encode()
        host = self._running.host.encode()

        def is_there() -> bool:
            try:
                domain = reader.domain_id(host) if reader.refresh() else None
                return domain is not None and reader.entry(domain, slug) is not None
            finally:
                reader.release()

        try:
            _wait("the links in the replica", is_there)
        finally:
            reader.close()

    def _wait_for_clicks(self, total: int) -> None:
        with _progress() as progress:
            task = progress.add_task("Counting", total=total)

            def is_there() -> bool:
                found = stored_clicks(self._running)
                progress.update(task, completed=found)
                return found >= total

            _wait(f"{total:,} clicks in the store", is_there)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--urls", type=Path, help="addresses, one a line, also gzipped (URLS=)")
    parser.add_argument("--log", type=Path, help="access log, combined, also gzipped (LOG=)")
    parser.add_argument("--keep", action="store_true", help="leave the folder when all is done")
    options = parser.parse_args(arguments)
    for file in (options.urls, options.log):
        if file is not None and not file.is_file():
            parser.error(f"there is no file {file}")
    return options


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _opened(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file, unpacked if it is gzipped."""
    with file.open("rb") as start:
        is_packed = start.read(len(_GZIP)) == _GZIP
    with gzip.open(file) if is_packed else file.open("rb") as lines:
        yield from lines


def _visit(entry: LogLine, request_id: str, slug: str, target: str) -> Visit:
    return Visit(
        request_id=request_id,
        method=entry.method,
        slug=slug,
        target=target,
        address=entry.address,
        referrer=_sendable(entry.referer),
        agent=_sendable(entry.user_agent),
    )


def _sendable(value: bytes) -> str:
    """Return a header value as a client may send it: without control characters."""
    return "".join(c for c in value.decode("utf-8", "replace") if c.isprintable())


def _wait(what: str, is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not is_there():
        if time.monotonic() > deadline:
            raise DemoError(f"After {_WAIT_S:.0f} s there are still not {what}.")
        time.sleep(_POLL_S)


if __name__ == "__main__":
    sys.exit(main())
