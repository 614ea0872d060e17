"""`search`: what tickets and articles are found by."""

from typing import Final

import typer

from api.cli.session import Session, counted, run
from resolvers.search_rebuild import rebuild_search

_EVERY: Final = 5_000  # between two lines that tell how far it is

app = typer.Typer(help="The full-text search.", no_args_is_help=True)


@app.callback()
def search() -> None:
    """What tickets and articles are found by."""


@app.command()
def rebuild() -> None:
    """Index every ticket and every article anew, beside the running service.

    Needed after an upgrade whose notes say so; search answers meanwhile.
    """

    async def work(session: Session) -> int:
        done = told = 0
        async for done in rebuild_search(session.context):
            if done >= told + _EVERY:
                told = done
                typer.echo(f"{done:,} so far", err=True)
        return done

    typer.echo(f"{counted(run(work), 'ticket or article', 'tickets and articles')} indexed anew.")
