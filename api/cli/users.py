"""`users`: people with an account."""

import sys
from typing import Annotated

import typer

from api.cli import leaving
from api.cli.session import CommandError, Session, run
from models.organizations import Organization
from models.rules.passwords import check_password
from models.rules.roles import CUSTOMER
from models.users import User
from resolvers.api_keys import create_api_key, revoke_keys
from resolvers.organization_lists import organization_named, organizations_by_id
from resolvers.paging import MAX_PAGE_ROWS, PageWindow
from resolvers.passwords import first_way_in, set_password
from resolvers.second_factors import reset_second_factors
from resolvers.user_edits import activate_user, deactivate_user
from resolvers.user_lists import UserFilter, user_cursor, users_page
from resolvers.users import create_user, reset_administrator

app = typer.Typer(help="Accounts of people.", no_args_is_help=True)


@app.callback()
def users() -> None:
    """Accounts of people, and the way back in."""


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="Address of the person.")],
    name: Annotated[str, typer.Option(help="As others see it; the address if left out.")] = "",
    role: Annotated[str, typer.Option(help="What they may do.")] = CUSTOMER,
    organization: Annotated[
        str | None, typer.Option(help="Name of the organization they belong to.")
    ] = None,
    with_password: Annotated[
        bool, typer.Option("--password", help="Ask for a password to sign in by.")
    ] = False,
) -> None:
    """Make an account and print its address."""
    secret = _asked() if with_password else ""

    async def make(session: Session) -> str:
        if secret:  # before there is anything that would be left half made
            check_password(secret, field="password", own_words=(email, name))
        place = None if organization is None else await organization_named(organization)
        user = await create_user(
            session.context,
            email=email,
            name=name,
            role_name=role,
            organization_id=None if place is None else place.id,
        )
        if secret:
            await set_password(session.context, email=user.email, new=secret, is_first=True)
        return user.email

    typer.echo(run(make))


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Part of names or addresses.")] = "",
) -> None:
    """Print people, the newest first: address, role, organization, and whether they may come."""

    async def look(session: Session) -> list[str]:
        lines: list[str] = []
        window = PageWindow(first=MAX_PAGE_ROWS)
        while True:
            page = await users_page(
                session.context, filter=UserFilter(search=search), window=window
            )
            places = await organizations_by_id([user.organization_id or 0 for user in page.rows])
            lines += map(_line, page.rows, places)
            if not page.has_next:
                return lines
            window = PageWindow(first=MAX_PAGE_ROWS, after=user_cursor(page.rows[-1]))

    for line in run(look):
        typer.echo(line)


def _line(user: User, place: Organization | None) -> str:
    state = "active"
    if user.erased_at is not None:
        state = "erased"
    elif user.deactivated_at is not None:
        state = "deactivated"
    return "\t".join([user.email, user.role.name, place.name if place else "-", state])


@app.command()
def deactivate(
    email: Annotated[str, typer.Argument(help="Address of the person.")],
) -> None:
    """Let a person in no more; sessions and keys end at once, links go on leading."""

    async def end(session: Session) -> str:
        user = await session.user(email)
        await deactivate_user(session.context, user_id=user.id)
        return f"{user.email} cannot sign in any more."

    typer.echo(run(end))


@app.command()
def activate(
    email: Annotated[str, typer.Argument(help="Address of the person.")],
) -> None:
    """Let a person in again; the keys of before stay void."""

    async def begin(session: Session) -> str:
        user = await session.user(email)
        await activate_user(session.context, user_id=user.id)
        return f"{user.email} can sign in again."

    typer.echo(run(begin))


@app.command()
def password(
    email: Annotated[str, typer.Argument(help="Address of the person.")],
    *,
    link: Annotated[
        bool,
        typer.Option("--link", help="Print an address where they set it, for 24 hours, once."),
    ] = False,
) -> None:
    """Set a person's password, and end all of their sessions.

    The password is asked for on the terminal, or read as one line from standard input;
    it never stands on the command line, which others may see.
    """
    secret = "" if link else _asked()

    async def set_(session: Session) -> str:
        if link:
            path = await first_way_in(session.context, email=email)
            return f"{session.context.ports.access.public_url}{path}"
        user = await set_password(session.context, email=email, new=secret)
        return f"{user.email} signs in by the new password from now on."

    typer.echo(run(set_))


@app.command()
def reset(
    email: Annotated[
        str | None,
        typer.Argument(help="Address of the administrator; LINKYARD_ADMIN_EMAIL if left out."),
    ] = None,
    *,
    revoke: Annotated[
        bool, typer.Option("--revoke-keys", help="Make all other keys of the account void.")
    ] = False,
    create_account: Annotated[
        bool, typer.Option("--create", help="Make the account if there is none.")
    ] = False,
) -> None:
    """Let a lost administrator back in.

    Makes the account an active administrator, whatever became of it, and prints a
    new API key, alone, on standard output.
    """

    async def restore(session: Session) -> str:
        address = email or session.settings.admin_email
        if not create_account and await User.by_email(address) is None:
            raise CommandError(f"There is no user {address}; --create makes one.")
        user = await reset_administrator(session.context, email=address)
        if revoke:
            await revoke_keys(session.context, user_id=user.id)
        _, secret = await create_api_key(
            session.context, label="users reset", scopes=None, user_id=user.id
        )
        return secret

    typer.echo(run(restore))


@app.command("reset-factors")
def reset_factors(
    email: Annotated[str, typer.Argument(help="Address of the person.")],
) -> None:
    """Take all second factors, passkeys and sessions from a person who lost theirs.

    They get a letter, and sign in by their password alone until they make new ones.
    """

    async def take(session: Session) -> str:
        user = await session.user(email)
        await reset_second_factors(session.context, user_id=user.id)
        return f"{user.email} has no second factor any more."

    typer.echo(run(take))


def _asked() -> str:
    """Return a password that was typed twice, or the first line of what is piped in."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


app.registered_commands += leaving.app.registered_commands
