"""`links`: take links in and give them out."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from api.cli.files import Source, created, opened, progress
from api.cli.session import SOME_REFUSED, CommandError, Session, run
from models.errors import DomainError, InputInvalidError, LineInvalidError
from models.rules.link_files import BadLine, LinkLine, read_links
from models.texts import message_of
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
            "starts_at, expires_at, disabled. "
            "- is standard input."
        ),
    ],
    user: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Owner of the links; the administrator if left out."),
    ] = None,
) -> None:
    """Make a link for every line of a file.

    Lines that cannot be links are listed on standard error with their number and
    the reason, and the rest goes in; the exit code is then 3. Batches go in whole:
    Ctrl-C leaves no half of one.
    """
    made, refused = run(lambda session: _import(session, file, user))
    typer.echo(f"{made} links imported, {refused} lines refused.")
    if refused:
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
    typer.echo(f"{count} links exported.", err=True)


async def _import(session: Session, file: Path, user: str | None) -> tuple[int, int]:
    context = session.on_behalf_of(await session.user(user))
    made = refused = 0
    with opened(file) as source, progress() as bar:
        task = bar.add_task("Importing", total=source.size, done=0)
        lines = _lines(source, file)
        while batch := list(islice(lines, _BATCH_LINES)):
            good = [line for line in batch if isinstance(line, LinkLine)]
            results = iter(await import_links(context, good))
            for line in batch:
                result = line.error if isinstance(line, BadLine) else next(results)
                if isinstance(result, DomainError):
                    refused += 1
                    bar.console.print(f"{file}:{line.number}: {_why(result)}")
                else:
                    made += 1
            bar.update(task, completed=source.position(), done=made)
    return made, refused


def _lines(source: Source, file: Path) -> Iterator[LinkLine | BadLine]:
    try:
        yield from read_links(source.lines)
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
