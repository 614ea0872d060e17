"""`clicks`: check that they add up, and take history in."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from api.adapters.click_history import history_draft
from api.adapters.spool_folder import spool_sizes
from api.cli.click_sources import sources
from api.cli.files import opened, progress
from api.cli.session import SOME_REFUSED, CommandError, Session, counted, run
from api.data_folder import DataFolder, DataFolderError, FolderInUseError
from api.workers.clicks import ClickWorker
from models.rules.click_facts import moment_of
from models.rules.moments import microseconds_of
from resolvers.click_audit import Audit, Difference, audit_clicks
from resolvers.click_import import (
    LinkOfPath,
    LogReading,
    NoClick,
    links_by_map,
    links_by_number,
    links_by_slug,
)
from resolvers.clicks import BUCKET_US
from resolvers.domains import hosts
from resolvers.ingestion import Ingestion, positions

app = typer.Typer(help="Clicks: check them, import history.", no_args_is_help=True)
app.command()(sources)

NUMBERED: Final = "numbered"
_BAD: Final = frozenset({NoClick.NOT_A_LOG_LINE, NoClick.NO_SUCH_LINK, NoClick.FUTURE})


@dataclass(frozen=True, slots=True)
class _Imported:
    reading: LogReading
    stored: int
    was_known: bool


@app.callback()
def clicks() -> None:
    """Check that clicks add up, and import history."""


@app.command()
def verify() -> None:
    """Compare counters, rollups, single clicks and spool positions, beside a running service.

    Prints what was compared; every difference is a line that says where, and the
    exit code is then 1.
    """
    audit = run(_verify)
    for difference in audit.differences:
        typer.echo(_told(difference))
    typer.echo(
        f"{audit.spooled} spooled, {_kept(audit)}, {audit.counted} counted;"
        f" {counted(audit.damaged, 'damaged stretch', 'damaged stretches')} set aside;"
        f" {counted(audit.waiting_bytes, 'byte waits', 'bytes wait')}."
    )
    if audit.differences:
        typer.echo(f"{counted(len(audit.differences), 'difference')}.", err=True)
        raise typer.Exit(1)
    typer.echo("No difference.")


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="Access log in the combined format of Apache or nginx, also gzipped. "
            "- is standard input."
        ),
    ],
    domain: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Domain of the links; the default one if left out."),
    ] = None,
    map: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|numbered",
            help="Which links the paths mean. FILE: a path and a slug on each line, with a tab "
            "or a comma between. numbered: the first path of the log means the domain's oldest "
            "link, the second path the next one, and so on. Left out: a path is a slug.",
        ),
    ] = None,
) -> None:
    """Count the requests of a web server's log as clicks, at the times they were made.

    What is no click is listed on standard error: the first line of each kind, why,
    and how many there are. The same log is counted once: the command may be stopped
    and repeated. The exit code is 3 when lines could not be read, meant no link or lie
    in the future.
    """
    done = run(lambda session: _import(session, file, domain, map))
    reading = done.reading
    for (why, detail), count in sorted(
        reading.refused.items(), key=lambda item: reading.first_line[item[0]]
    ):
        number = reading.first_line[why, detail]
        typer.echo(f"{file}:{number}: {why}: {detail} ({counted(count, 'line')})", err=True)
    by_reason: Counter[NoClick] = Counter()
    for (why, _), count in reading.refused.items():
        by_reason[why] += count
    told = ", ".join(f"{count} {why}" for why, count in by_reason.most_common())
    typer.echo(
        f"{counted(reading.lines, 'line')}: {counted(reading.clicks, 'click')},"
        f" {done.stored} of them stored now"
        f"{' (this log was imported before)' if done.was_known else ''}."
        f" No clicks: {told or 'none'}."
    )
    if _BAD & by_reason.keys():
        raise typer.Exit(SOME_REFUSED)


async def _verify(session: Session) -> Audit:
    root = session.settings.data_dir
    return await audit_clicks(lambda: spool_sizes(root / "spool") | spool_sizes(root / "imports"))


async def _import(session: Session, file: Path, domain: str | None, map_: str | None) -> _Imported:
    domain_id = (await hosts(session.context)).domain_id(domain)
    with _only_import(session.settings.data_dir) as folder:
        link_of = await _link_of_path(domain_id, map_)
        reading = LogReading()
        now = session.context.ports.clock.now()
        with history_draft(folder) as draft, opened(file) as source, progress() as bar:
            task = bar.add_task("Reading", total=source.size, done=0)
            draft.mix(repr((domain_id, _map_text(map_))).encode())
            for click in reading.clicks_of(draft.mixed(source.lines), link_of, now=now):
                draft.add(click)
                if reading.clicks % 1000 == 0:
                    bar.update(task, completed=source.position(), done=reading.clicks)
            bar.update(task, completed=source.position(), done=reading.clicks)
            position = (await positions([draft.file_id]))[draft.file_id]
            if reading.clicks and not position and not draft.path.exists():
                draft.keep(created_us=microseconds_of(now))
        stored = await _store(session, folder)
    return _Imported(reading, stored, was_known=position > 0)


async def _store(session: Session, folder: Path) -> int:
    """Store what lies in the folder, also what an import left that was stopped."""
    worker = ClickWorker(session.context, folder=folder, ingestion=Ingestion(), is_live=False)
    try:
        with progress() as bar:
            total = sum(spool_sizes(folder).values())
            task = bar.add_task("Storing", total=total, done=0)
            while await worker.step():
                waiting = worker.progress.waiting_bytes
                bar.update(task, completed=total - waiting, done=worker.progress.stored)
            bar.update(task, completed=total)
    finally:
        worker.close()
    return worker.progress.stored


@contextmanager
def _only_import(root: Path) -> Generator[Path]:
    try:
        folder = DataFolder.open(root)
        folder.lock("imports")  # until the command ends
    except FolderInUseError:
        raise CommandError("Another import is running on this data folder.") from None
    except DataFolderError as error:
        raise CommandError(str(error)) from None
    yield folder.imports


async def _link_of_path(domain_id: int, map_: str | None) -> LinkOfPath:
    if map_ is None:
        return await links_by_slug(domain_id)
    if map_ == NUMBERED:
        return await links_by_number(domain_id)
    slugs: dict[str, str] = {}
    for number, line in enumerate(_map_text(map_).splitlines(), 1):
        path, separator, slug = line.partition("\t" if "\t" in line else ",")
        if not separator:
            raise CommandError(f"{map_}:{number}: neither a tab nor a comma between path and slug.")
        slugs[path.strip()] = slug.strip()
    return await links_by_map(domain_id, slugs)


def _map_text(map_: str | None) -> str:
    """Return the content of the map, for reading and for the identity of the import."""
    if map_ is None or map_ == NUMBERED:
        return map_ or ""
    try:
        return Path(map_).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"{map_}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{map_}: not UTF-8.") from None


def _kept(audit: Audit) -> str:
    """Say how many clicks are rows, and where the others are that were counted."""
    gone = audit.counted - audit.stored
    if not audit.kept_since_us or not gone:
        return f"{audit.stored} stored"
    edge = f"{moment_of(audit.kept_since_us):%Y-%m-%d %H:%M} UTC"
    if audit.differences:
        return f"{audit.stored} stored (those before {edge} may be gone)"
    return f"{audit.stored} stored, {gone} deleted past the retention (before {edge})"


def _told(difference: Difference) -> str:
    places: list[str] = []
    if difference.link_id is not None:
        places.append(f"link {difference.link_id}")
    if difference.click_class is not None:
        places.append(difference.click_class.name.lower())
    if difference.bucket is not None:
        moment = moment_of(difference.bucket * BUCKET_US)
        places.append(f"quarter of an hour from {moment:%Y-%m-%d %H:%M} UTC")
    if difference.file_id is not None:
        places.append(f"spool {difference.file_id}")
    where = f" [{', '.join(places)}]" if places else ""
    return f"{difference.kind}{where}: {difference.found}, expected {difference.expected}"
