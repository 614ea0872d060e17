"""Commands of `users` for people who move on: another address or role, and what they leave."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from api.cli.files import created
from api.cli.session import Session, counted, run
from api.person_json import person_json
from resolvers.erasures import erase_user
from resolvers.link_transfers import transfer_links
from resolvers.personal_data import open_person, person_parts
from resolvers.ticket_transfers import TicketTransfer, transfer_tickets
from resolvers.user_edits import UserChanges, update_user

app = typer.Typer()

Email = Annotated[str, typer.Argument(help="Address of the person.")]


@app.command()
def email(
    old: Annotated[str, typer.Argument(help="Present address of the person.")],
    new: Annotated[str, typer.Argument(help="Address to sign in by from now on.")],
) -> None:
    """Give a person another address; both get a letter, and all sessions end."""

    async def change(session: Session) -> str:
        user = await session.user(old)
        changed = await update_user(
            session.context, user_id=user.id, changes=UserChanges(email=new)
        )
        return f"{changed.email} is the address to sign in by."

    typer.echo(run(change))


@app.command()
def role(
    email: Email,
    role: Annotated[str, typer.Argument(help="Name of the role: customer, partner, ...")],
) -> None:
    """Give a person another role; their sessions end, so that nobody keeps former rights."""

    async def change(session: Session) -> str:
        user = await session.user(email)
        changed = await update_user(
            session.context, user_id=user.id, changes=UserChanges(role=role)
        )
        return f"{changed.email} is {changed.role.name}."

    typer.echo(run(change))


@app.command()
def transfer(
    giver: Annotated[str, typer.Argument(metavar="FROM", help="Who has them.")],
    taker: Annotated[str, typer.Argument(metavar="TO", help="Who gets them.")],
    *,
    links_only: Annotated[
        bool, typer.Option("--links-only", help="Leave the tickets where they are.")
    ] = False,
) -> None:
    """Give all links and tickets of one person to another one.

    Tickets go first: where the other person may not have some of them, nothing goes.
    """

    async def move(session: Session) -> str:
        old, new = await session.user(giver), await session.user(taker)
        ids = {"from_user_id": old.id, "to_user_id": new.id}
        parts = [] if links_only else _told(await transfer_tickets(session.context, **ids))
        parts.insert(0, counted(await transfer_links(session.context, **ids), "link"))
        return f"{', '.join(parts)} of {old.email} went to {new.email}."

    typer.echo(run(move))


@app.command()
def export(
    email: Email,
    output: Annotated[
        Path | None, typer.Option(help="File to write; standard output if left out.")
    ] = None,
) -> None:
    """Write everything that is stored about a person as one JSON document."""

    async def write(session: Session) -> None:
        user = await session.user(email)
        found = await open_person(session.context, user_id=user.id)
        chunks: AsyncIterator[bytes] = person_json(person_parts(session.context, found))
        with created(output) as file:
            async for chunk in chunks:
                file.write(chunk.decode())

    run(write)


@app.command()
def erase(
    email: Email,
    *,
    links_to: Annotated[
        str | None, typer.Option(help="Address of who gets the links; nobody if left out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Wipe all that tells who a deactivated person was, for good.

    Links go on leading, and the audit log keeps what the person did by number alone.
    """
    if not yes:
        typer.confirm(f"Erase all data of {email} for good?", abort=True, err=True)

    async def wipe(session: Session) -> str:
        user = await session.user(email)
        heir = None if links_to is None else await session.user(links_to)
        await erase_user(
            session.context, user_id=user.id, links_to_user_id=None if heir is None else heir.id
        )
        return "Erased."

    typer.echo(run(wipe))


def _told(moved: TicketTransfer) -> list[str]:
    return [
        f"{counted(moved.requested, 'ticket')} asked for",
        f"{moved.assigned} worked on",
        f"{moved.followed} followed",
    ]
