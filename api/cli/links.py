"""`links`: take links in and give them out."""

import asyncio
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from api.cli.files import Source, created, opened, progress
from api.cli.session import SOME_REFUSED, CommandError, Session, counted, run
from models.errors import DomainError, InputInvalidError, LineInvalidError
from models.links import Link
from models.rules.link_files import BadLine, LinkLine, read_links
from models.texts import message_of
from resolvers.context import RequestContext
from resolvers.link_exports import EXPORTED, export_links
from resolvers.link_imports import import_links

app = typer.Typer(help="Links in files.", no_args_is_help=True)

_BATCH_LINES: Final = 1000
_JSON: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"


@app.callback()
def links() -> None:
    """Take links in from files and give them out."""


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="UTF-8, also gzipped: one address a line, or CSV (commas, semicolons or "
            "tabs) whose first line names its columns: url, and any of slug, title, domain, "
            "starts_at, expires_at, disabled, password. A list may begin with a line #, which "
            "says that it is no table. - is standard input."
        ),
    ],
    user: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Owner of the links; the administrator if left out."),
    ] = None,
    from_line: Annotated[
        int, typer.Option(min=1, help="Line to begin with, to continue an import that stopped.")
    ] = 1,
) -> None:
    """Make a link for every line of a file.

    Lines that cannot be links are listed on standard error with their number and
    the reason, and the rest goes in; the exit code is then 3. Batches go in whole.
    An import that was stopped says with which line to continue; from the beginning
    it would make the links again.
    """
    tally = _Tally(from_line)
    run(lambda session: _import(session, file, user, tally))
    typer.echo(f"{tally}.")
    if tally.refused:
        raise typer.Exit(SOME_REFUSED)


@app.command()
def export(
    format: Annotated[ExportFormat, typer.Option(help="CSV, or a JSON object on each line.")] = (
        ExportFormat.CSV
    ),
    output: Annotated[
        Path | None, typer.Option(help="File to write; standard output if left out.")
    ] = None,
) -> None:
    """Write every link: what it is, where it leads and how often it was followed.

    `links import` reads the CSV again.
    """
    count = run(lambda session: _export(session, format, output))
    typer.echo(f"{counted(count, 'link')} exported.", err=True)


@dataclass(slots=True)
class _Tally:
    """How far an import is: each line before `line` is in, or was refused."""

    line: int
    made: int = 0
    refused: int = 0

    def __str__(self) -> str:
        return f"{counted(self.made, 'link')} imported, {counted(self.refused, 'line')} refused"


async def _import(session: Session, file: Path, user: str | None, tally: _Tally) -> None:
    context = session.on_behalf_of(await session.user(user))
    first_line = tally.line
    try:
        with opened(file) as source, progress() as bar:
            task = bar.add_task("Importing", total=source.size, done=0)
            lines = _lines(source, file, first_line)
            while batch := list(islice(lines, _BATCH_LINES)):
                storing = asyncio.ensure_future(_results(context, batch))
                try:
                    await asyncio.shield(storing)
                finally:  # Ctrl-C comes here, too: the batch goes in whole, and is counted
                    for line, result in zip(batch, await storing, strict=True):
                        if isinstance(result, DomainError):
                            tally.refused += 1
                            bar.console.print(f"{file}:{line.number}: {_why(result)}")
                        else:
                            tally.made += 1
                    tally.line = batch[-1].number + 1
                    bar.update(task, completed=source.position(), done=tally.made)
    except BaseException:
        if tally.line > first_line:
            typer.echo(f"{tally}; continue with --from-line {tally.line}.", err=True)
        raise


async def _results(
    context: RequestContext, batch: Sequence[LinkLine | BadLine]
) -> list[Link | DomainError]:
    made = iter(await import_links(context, [each for each in batch if isinstance(each, LinkLine)]))
    return [each.error if isinstance(each, BadLine) else next(made) for each in batch]


def _lines(source: Source, file: Path, first: int) -> Iterator[LinkLine | BadLine]:
    try:
        yield from read_links(source.lines, from_line=first)
    except LineInvalidError as error:
        raise CommandError(f"{file}: {message_of('en', error)}") from None


async def _export(session: Session, format: ExportFormat, output: Path | None) -> int:
    count = 0
    with created(output) as file:
        writer: csv.DictWriter[str] = csv.DictWriter(file, EXPORTED, lineterminator="\n")
        if format is ExportFormat.CSV:
            writer.writeheader()
        async for batch in export_links(session.context):
            count += len(batch)
            if format is ExportFormat.CSV:
                writer.writerows(map(_as_text, batch))
            else:
                file.writelines(orjson.dumps(row, option=_JSON).decode() for row in batch)
    return count


def _why(error: DomainError) -> str:
    """Say in one line what is wrong with which fields."""
    problems = error.problems if isinstance(error, InputInvalidError) else (error,)
    return " ".join(": ".join([*problem.path, message_of("en", problem)]) for problem in problems)


def _as_text(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
