"""`audit`: check that nobody changed the audit log, and give it out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from api.adapters.audit_heads import HeadsRead, read_heads
from api.cli.files import created, progress
from api.cli.session import CommandError, Session, counted, run
from api.data_folder import DataFolder, read_secret_keys
from models.rules.audit_check import Finding
from resolvers.audit_entries import export_entries
from resolvers.audit_verify import ChainReport, verify_chain

app = typer.Typer(help="The audit log.", no_args_is_help=True)

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
    if report.checked and not read.heads:
        typer.echo("Without a signed head nobody can tell whether the end was cut off.", err=True)
    findings = len(report.findings) + report.more + len(read.bad)
    if findings:
        typer.echo(f"{counted(findings, 'finding')}.", err=True)
        raise typer.Exit(1)
    typer.echo("Nothing was changed.")


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
    own = DataFolder(session.settings.data_dir.absolute()).audit / "heads.jsonl"
    if path is None and not own.exists():
        return HeadsRead([], [])
    try:
        return read_heads(path or own, secrets=secrets)
    except OSError as error:
        raise CommandError(f"{path or own}: {error.strerror}") from None


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
