"""`invitations`: asking people by letter to make an account."""

from typing import Annotated

import typer

from api.cli.session import CommandError, Session, counted, run
from models.invitations import Invitation
from models.organizations import Organization
from models.rules.roles import CUSTOMER
from models.texts import DEFAULT_LOCALE, LOCALES
from resolvers.invitation_lists import invitation_cursor, invitations_page, open_invitations_of
from resolvers.invitations import create_invitation, revoke_invitation
from resolvers.organization_lists import organization_named, organizations_by_id
from resolvers.paging import MAX_PAGE_ROWS, PageWindow

app = typer.Typer(help="Letters that ask people to come.", no_args_is_help=True)


@app.callback()
def invitations() -> None:
    """Letters that ask people to make an account."""


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="Address of the person.")],
    role: Annotated[str, typer.Option(help="What they may do.")] = CUSTOMER,
    organization: Annotated[
        str | None, typer.Option(help="Name of the organization they will belong to.")
    ] = None,
    locale: Annotated[str, typer.Option(help="Language of the letter.")] = DEFAULT_LOCALE,
) -> None:
    """Send an invitation, good for seven days; an open one of the address becomes void."""
    if locale not in LOCALES:
        raise typer.BadParameter(f"must be one of {', '.join(LOCALES)}", param_hint="--locale")

    async def ask(session: Session) -> str:
        place = None if organization is None else await organization_named(organization)
        made = await create_invitation(
            session.context,
            email=email,
            role=role,
            organization_id=None if place is None else place.id,
            locale=locale,
        )
        return f"{made.email} is invited until {made.expires_at:%Y-%m-%d %H:%M} UTC."

    typer.echo(run(ask))


@app.command("list")
def list_(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also accepted, revoked and expired ones.")
    ] = False,
) -> None:
    """Print open invitations, the newest first: address, role, organization, end and state."""

    async def look(session: Session) -> list[str]:
        lines: list[str] = []
        window = PageWindow(first=MAX_PAGE_ROWS)
        while True:
            page = await invitations_page(session.context, only_open=not everything, window=window)
            places = await organizations_by_id([row.organization_id or 0 for row in page.rows])
            now = session.context.ports.clock.now()
            for row, place in zip(page.rows, places, strict=True):
                state = "expired" if row.expires_at <= now else "open"
                lines.append(_line(row, place, state))
            if not page.has_next:
                return lines
            window = PageWindow(first=MAX_PAGE_ROWS, after=invitation_cursor(page.rows[-1]))

    for line in run(look):
        typer.echo(line)


@app.command()
def revoke(
    email: Annotated[str, typer.Argument(help="Address that was invited.")],
) -> None:
    """Let the open invitations of an address open nothing any more."""

    async def end(session: Session) -> str:
        found = await open_invitations_of(session.context, email)
        if not found:
            raise CommandError(f"There is no open invitation of {email}.")
        for each in found:
            await revoke_invitation(session.context, invitation_id=each.id)
        return f"{counted(len(found), 'invitation')} revoked."

    typer.echo(run(end))


def _line(row: Invitation, place: Organization | None, state: str) -> str:
    if row.accepted_at is not None:
        state = "accepted"
    elif row.revoked_at is not None:
        state = "revoked"
    end = f"{row.expires_at:%Y-%m-%d %H:%M}"
    return "\t".join([row.email, row.role.name, place.name if place else "-", end, state])
