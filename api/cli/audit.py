"""`audit`: check that nobody changed the audit log, and give it out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from api.adapters.audit_heads import (
    HEADS_NAME,
    LATEST_NAME,
    HeadsRead,
    read_heads,
    read_latest,
)
from api.cli.files import created, progress
from api.cli.session import CommandError, Session, counted, run
from api.data_folder import DataFolder, read_secret_keys
from models.rules.audit_check import Finding
from models.rules.audit_heads import HeadInvalidError
from resolvers.audit_entries import (
    AuditFilter,
    AuditRow,
    audit_cursor,
    audit_page,
    export_entries,
)
from resolvers.audit_verify import ChainReport, verify_chain
from resolvers.paging import MAX_PAGE_ROWS, PageWindow
from resolvers.users import addresses_by_id

app = typer.Typer(help="The audit log.", no_args_is_help=True)

_MOMENTS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
_JSON: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


@app.callback()
def audit() -> None:
    """Check that nobody changed the audit log, and give it out."""


@app.command()
def verify(
    heads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Signed heads, best a copy that was kept elsewhere; the file of this data "
            "folder if left out.",
        ),
    ] = None,
) -> None:
    """Compare every entry with its hash, and the chain with its signed heads.

    Runs beside the service, with no more memory for a long log than for a short one.
    Every finding is a line with the numbers of the entries; the exit code is then 1.
    """
    report, read = run(lambda session: _verify(session, heads))
    for number, why in read.bad:
        typer.echo(f"line {number} of the heads: {why}")
    for finding in report.findings:
        typer.echo(_told(finding))
    if report.more:
        typer.echo(f"and {counted(report.more, 'further finding')}")
    typer.echo(
        f"{counted(report.checked, 'entry', 'entries')} checked against"
        f" {counted(len(read.heads), 'signed head')};"
        f" {counted(report.waiting, 'entry is', 'entries are')} not chained yet."
    )
    if report.uncovered and read.heads:
        typer.echo(
            f"No head covers the last {counted(report.uncovered, 'entry', 'entries')}:"
            " cut off, nobody would miss them."
        )
    if report.checked and not read.heads:
        typer.echo("Without a signed head nobody can tell whether the end was cut off.", err=True)
    findings = len(report.findings) + report.more + len(read.bad)
    if findings:
        typer.echo(f"{counted(findings, 'finding')}.", err=True)
        raise typer.Exit(1)
    typer.echo("Nothing was changed.")


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - one for each filter
    actor: Annotated[str | None, typer.Option(help="Address of who did it.")] = None,
    action: Annotated[str | None, typer.Option(help="What, as in session.create.")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="TYPE[:ID]", help="To what, as in link:4711 or user.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=_MOMENTS, metavar="MOMENT", help="Not before 2026-12-31[T23:59:00], UTC."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=_MOMENTS, metavar="MOMENT", help="Only before it, UTC."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most entries.")] = 100,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object on each line, not a table.")
    ] = False,
) -> None:
    """Print entries, the newest first: when, what, who, how, where from, and to what."""
    kind, _, number = (subject or "").partition(":")
    if number and not number.isdecimal():
        raise typer.BadParameter("must be TYPE or TYPE:ID", param_hint="--subject")

    async def look(session: Session) -> list[str]:
        person = None if actor is None else await session.user(actor)
        filter_ = AuditFilter(
            actor_id=None if person is None else person.id,
            action=action,
            subject_type=kind or None,
            subject_id=int(number) if number else None,
            since=None if since is None else since.replace(tzinfo=UTC),
            until=None if until is None else until.replace(tzinfo=UTC),
        )
        return await _listed(session, filter_, limit=limit, as_json=as_json)

    for line in run(look):
        typer.echo(line)


async def _listed(
    session: Session, filter_: AuditFilter, *, limit: int, as_json: bool
) -> list[str]:
    lines: list[str] = []
    after: str | None = None
    while len(lines) < limit:
        window = PageWindow(first=min(MAX_PAGE_ROWS, limit - len(lines)), after=after)
        page = await audit_page(session.context, filter=filter_, window=window)
        names = await addresses_by_id([row.actor_id for row in page.rows if row.actor_id])
        show = _json_line if as_json else _table_line
        lines += [show(row, names.get(row.actor_id or 0)) for row in page.rows]
        if not page.has_next:
            break
        after = audit_cursor(page.rows[-1])
    return lines


def _table_line(row: AuditRow, actor: str | None) -> str:
    subject = f"{row.subject_type}:{row.subject_id}" if row.subject_id else "-"
    who = actor or (str(row.actor_id) if row.actor_id else "-")
    parts = [f"{row.at:%Y-%m-%d %H:%M:%S}", row.action, who, row.via.value.lower()]
    return "\t".join([*parts, row.address or "-", subject])


def _json_line(row: AuditRow, actor: str | None) -> str:
    told = {**asdict(row), "actor": actor}
    return orjson.dumps(told, option=orjson.OPT_UTC_Z).decode()


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option(help="File to write; standard output if left out.")
    ] = None,
) -> None:
    """Write every entry as a JSON object on a line of its own, the oldest first."""
    count = run(lambda session: _export(session, output))
    typer.echo(f"{counted(count, 'entry', 'entries')} exported.", err=True)


async def _verify(session: Session, path: Path | None) -> tuple[ChainReport, HeadsRead]:
    secrets = read_secret_keys(session.settings.secret_key_file)
    read = _heads(session, path, secrets)
    with progress() as bar:
        task = bar.add_task("Checking", total=None, done=0)

        def show(checked: int, last: int) -> None:
            bar.update(task, completed=checked, total=max(last, checked), done=checked)

        report = await verify_chain(
            session.context, heads=read.heads, secrets=secrets, progress=show
        )
    return report, read


def _heads(session: Session, path: Path | None, secrets: Sequence[bytes]) -> HeadsRead:
    """Read the signed heads; those of this machine may be missing, a named file may not."""
    folder = DataFolder(session.settings.data_dir.absolute()).audit
    own = folder / HEADS_NAME
    try:
        if path is not None:
            return read_heads(path, secrets=secrets)
        read = read_heads(own, secrets=secrets) if own.exists() else HeadsRead([], [])
        latest = read_latest(folder / LATEST_NAME, secrets=secrets)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None
    except HeadInvalidError as error:
        raise CommandError(f"{folder / LATEST_NAME}: {error}") from None
    if latest is not None and all(
        (each.seq, each.hash) != (latest.seq, latest.hash) for each in read.heads
    ):
        read.heads.append(latest)
    return read


async def _export(session: Session, output: Path | None) -> int:
    count = 0
    with created(output) as file:
        async for batch in export_entries(session.context):
            count += len(batch)
            file.writelines(orjson.dumps(_exported(row), option=_JSON).decode() for row in batch)
    return count


def _exported(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put `before` and `after` in as the very texts that were hashed, where they are JSON."""
    return {**row, "before": _fragment(row["before"]), "after": _fragment(row["after"])}


def _fragment(text: str) -> orjson.Fragment | str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:  # somebody wrote it there, and verify tells
        return text
    return orjson.Fragment(text)


def _told(finding: Finding) -> str:
    one, many = f"entry {finding.first}", f"entries {finding.first} to {finding.last}"
    return f"{one if finding.first == finding.last else many}: {finding.damage.value}"
