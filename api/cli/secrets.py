"""`secrets`: another secret key, and what the old one sealed is moved to it.

How they belong together is in docs/runbooks/secret-key.md.
"""

import fcntl
import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer

from api.adapters.audit_heads import read_heads
from api.cli.session import CommandError, Session, counted, ended, run
from api.data_folder import DataFolder, read_secret_keys
from api.secret_keys import add_secret_key, promote_last_key
from api.settings import Settings, load_settings
from resolvers.audit_cuts import chain_start
from resolvers.sealed_values import Resealed, SealedKind, SealedRow, reseal, sealed_rows

app = typer.Typer(help="The secret key, and what it seals.", no_args_is_help=True)

_MAX_LISTED: Final = 100  # unreadable rows; further ones are counted
_HOLDERS: Final = ("serve-api", "serve-worker")  # locks of those that seal


@app.callback()
def secrets() -> None:
    """Change the secret key, and move what it seals to the newest one."""


@app.command()
def rotate(
    last: Annotated[
        bool,
        typer.Option("--last", help="Put the new line last: it opens, and seals nothing yet."),
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make no key: move the last line to the top.")
    ] = False,
) -> None:
    """Put a new key on top of the secret key file, where it seals and signs; the others stay.

    The service uses it after its next start. With several machines: `--last`, copy the file,
    restart all; then `--promote`, copy, restart all.
    """
    if last and promote:
        raise typer.BadParameter("takes --last or --promote, not both")
    if promote:
        count = run(_promote)
    else:
        count = ended(lambda: add_secret_key(load_settings().secret_key_file, is_last=last))
    typer.echo(f"The file has {counted(count, 'key')} now. Restart the service.")


@app.command("reseal")
def reseal_all() -> None:
    """Seal everything in the store by the newest key; runs beside the service.

    Restart the service first, on every machine: a process that does not know the newest
    key cannot read what is sealed by it.
    """
    done = run(_reseal)
    for kind in SealedKind:
        typer.echo(f"{counted(done.moved[kind], kind.value)} resealed.")
    unreadable = done.unreadable.total()
    if unreadable:
        typer.echo(
            f"{counted(unreadable, 'value is', 'values are')} sealed by a key that is gone:"
            " `python -m api secrets check` lists them.",
            err=True,
        )
        raise typer.Exit(1)


@app.command()
def check() -> None:
    """Say what each line of the secret key file is needed for, and what none of them opens.

    The exit code is 1 if something is sealed or signed by a key that is gone.
    """
    found = run(_check)
    for line in found.said:
        typer.echo(line)
    for line in found.faults:
        typer.echo(line, err=True)
    if found.faults:
        raise typer.Exit(1)


class _Found:
    """What a check has to say."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.faults: list[str] = []


async def _promote(session: Session) -> int:
    path = session.settings.secret_key_file
    last = len(read_secret_keys(path)) - 1
    async for rows in sealed_rows(session.context):
        if last and any(row.key == last for row in rows):
            raise CommandError("The last key has sealed before: it is an old one, not a new one.")
    return promote_last_key(path)


async def _reseal(session: Session) -> Resealed:
    _require_restarted(session.settings)
    return await reseal(session.context)


def _require_restarted(settings: Settings) -> None:
    """Refuse while the service of this machine may not know the newest key."""
    if len(read_secret_keys(settings.secret_key_file)) == 1:
        return  # there is nothing to move, and a first start makes the file while it runs
    folder = DataFolder(settings.data_dir.absolute())
    changed_at = settings.secret_key_file.stat().st_mtime
    for name in _HOLDERS:
        lock = folder.root / f"{name}.lock"
        if lock.exists() and _is_held(lock) and lock.stat().st_mtime < changed_at:
            raise CommandError(
                "The service was started before the secret key file was changed: restart it,"
                " on every machine, and try again."
            )


def _is_held(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


async def _check(session: Session) -> _Found:
    path = session.settings.secret_key_file
    keys = read_secret_keys(path)
    found, uses = _Found(), [Counter[str]() for _ in keys]
    unreadable = 0
    async for rows in sealed_rows(session.context):
        for row in rows:
            if row.key is not None:
                uses[row.key][row.kind.value] += 1
            elif (unreadable := unreadable + 1) <= _MAX_LISTED:
                found.faults.append(f"{_named(row)} is sealed by a key that is gone.")
    if unreadable > _MAX_LISTED:
        found.faults.append(f"And {counted(unreadable - _MAX_LISTED, 'further value')}.")
    _count_heads(session.settings, keys, uses, found)
    for each, key in zip(uses, keys, strict=True):
        if (await chain_start(secrets=[key])).seq:
            each["cut of the audit log"] = 1
    for number, each in enumerate(uses, 1):
        needs = ", ".join(counted(count, name) for name, count in each.items() if count)
        role = "seals and signs; " if number == 1 else ""
        found.said.append(f"line {number} of {path}: {role}needed for {needs or 'nothing'}")
    return found


def _count_heads(
    settings: Settings, keys: tuple[bytes, ...], uses: list[Counter[str]], found: _Found
) -> None:
    heads = DataFolder(settings.data_dir.absolute()).audit / "heads.jsonl"
    if not heads.exists():
        return
    for each, key in zip(uses, keys, strict=True):
        each["signed head"] = len(read_heads(heads, secrets=[key]).heads)
    bad = len(read_heads(heads, secrets=keys).bad)
    if bad:
        found.faults.append(f"{counted(bad, 'line')} of {heads}: signed by no key that is there.")


def _named(row: SealedRow) -> str:
    whose = "" if row.user_id is None else f" of user {row.user_id}"
    return f"{row.kind.value} {row.id}{whose}"
