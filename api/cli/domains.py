"""`domains`: the hosts that links live on."""

from typing import Annotated

import typer

from api.cli.session import Session, counted, run
from resolvers.domains import domain_uses, rename_domain

app = typer.Typer(help="Hosts of links.", no_args_is_help=True)


@app.callback()
def domains() -> None:
    """Hosts that links live on."""


@app.command("list")
def list_() -> None:
    """Print every domain and how many links it has, the oldest first."""

    async def look(_: Session) -> list[str]:
        return [f"{use.host}\t{counted(use.links, 'link')}" for use in await domain_uses()]

    typer.echo("\n".join(run(look)))


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="Host of the domain, with its port if it has one.")],
    new: Annotated[str, typer.Argument(help="The host from now on.")],
) -> None:
    """Let all links of a domain live under another host, also while the service runs.

    For an installation that moved: afterwards only the new host answers, so keep
    LINKYARD_PUBLIC_URL or LINKYARD_DEFAULT_DOMAIN at the new one.
    """

    async def move(session: Session) -> str:
        return (await rename_domain(session.context, host=old, new_host=new)).host

    typer.echo(run(move))
