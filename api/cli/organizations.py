"""`organizations`: companies whose people use the installation."""

from typing import Annotated

import typer

from api.cli.session import Session, counted, run
from models.organizations import Organization, OrganizationKind
from resolvers.organization_lists import (
    organization_cursor,
    organization_named,
    organizations_page,
)
from resolvers.organizations import (
    activate_organization,
    create_organization,
    deactivate_organization,
)
from resolvers.paging import MAX_PAGE_ROWS, PageWindow

app = typer.Typer(help="Companies and their quotas.", no_args_is_help=True)


@app.callback()
def organizations() -> None:
    """Companies whose people use the installation."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="As nobody else is called.")],
    kind: Annotated[
        OrganizationKind, typer.Option(help="What it is to us.", case_sensitive=False)
    ] = OrganizationKind.CUSTOMER,
    max_links: Annotated[
        int | None, typer.Option(help="Most links of all its people; no bound if left out.")
    ] = None,
    max_users: Annotated[
        int | None, typer.Option(help="Most active people; no bound if left out.")
    ] = None,
) -> None:
    """Make an organization and print its name."""

    async def make(session: Session) -> str:
        organization = await create_organization(
            session.context, name=name, kind=kind, max_links=max_links, max_users=max_users
        )
        return organization.name

    typer.echo(run(make))


@app.command("list")
def list_() -> None:
    """Print organizations, the newest first: name, kind, quotas, and whether they are active."""

    async def look(session: Session) -> list[str]:
        lines: list[str] = []
        window = PageWindow(first=MAX_PAGE_ROWS)
        while True:
            page = await organizations_page(session.context, search=None, window=window)
            lines += map(_line, page.rows)
            if not page.has_next:
                return lines
            after = organization_cursor(page.rows[-1])
            window = PageWindow(first=MAX_PAGE_ROWS, after=after)

    for line in run(look):
        typer.echo(line)


@app.command()
def deactivate(
    name: Annotated[str, typer.Argument(help="Of the organization.")],
) -> None:
    """Let nobody of an organization in until it is active again; links go on leading."""

    async def end(session: Session) -> str:
        found = await organization_named(name)
        await deactivate_organization(session.context, organization_id=found.id)
        return f"Nobody of {found.name} can sign in any more."

    typer.echo(run(end))


@app.command()
def activate(
    name: Annotated[str, typer.Argument(help="Of the organization.")],
) -> None:
    """Let the people of an organization in again."""

    async def begin(session: Session) -> str:
        found = await organization_named(name)
        await activate_organization(session.context, organization_id=found.id)
        return f"The people of {found.name} can sign in again."

    typer.echo(run(begin))


def _line(row: Organization) -> str:
    links = "any links" if row.max_links is None else counted(row.max_links, "link")
    people = "any people"
    if row.max_users is not None:
        people = counted(row.max_users, "person", "people")
    state = "active" if row.deactivated_at is None else "deactivated"
    return f"{row.name}\t{row.kind.value.lower()}\t{links}\t{people}\t{state}"
