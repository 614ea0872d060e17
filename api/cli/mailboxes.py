"""`mailboxes`: whether the mail of the desk can be read."""

import asyncio
from collections.abc import Sequence

import typer

from api.adapters.clock import SystemClock
from api.adapters.imap_mailbox import ImapMailbox
from api.cli.session import CommandError, counted, ended
from api.mailboxes import mailboxes_of
from api.settings import load_settings
from resolvers.mailboxes import MailboxUnavailableError

app = typer.Typer(help="Mailboxes that the desk reads.", no_args_is_help=True)


@app.callback()
def mailboxes() -> None:
    """Mailboxes that the desk reads: LINKYARD_IMAP_URL."""


@app.command()
def check() -> None:
    """Sign in to each mailbox and print how many messages wait there, or why it cannot be read.

    Nothing is fetched or marked. The exit code is 1 if one cannot be read.
    """
    found = ended(_look)
    for line, _ in found:
        typer.echo(line)
    if not all(is_readable for _, is_readable in found):
        raise typer.Exit(1)


def _look() -> Sequence[tuple[str, bool]]:
    found = mailboxes_of(load_settings(), clock=SystemClock())
    if not found:
        raise CommandError("LINKYARD_IMAP_URL names no mailbox.")

    async def look_at_all() -> Sequence[tuple[str, bool]]:
        return await asyncio.gather(*map(_look_at, found))

    return asyncio.run(look_at_all())


async def _look_at(mailbox: ImapMailbox) -> tuple[str, bool]:
    try:
        waiting = await mailbox.waiting()
    except MailboxUnavailableError as error:
        return f"{mailbox.name}\t{error}", False
    finally:
        await mailbox.close()
    return f"{mailbox.name}\t{counted(len(waiting.uids), 'message')} to take", True
