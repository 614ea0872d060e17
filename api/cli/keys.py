"""`keys`: secrets of programs."""

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from api.cli.session import CommandError, Session, run
from models.api_keys import ApiKey
from models.rules.api_key_format import SHOWN_LENGTH
from models.rules.scopes import Scope
from resolvers.api_keys import all_api_keys, create_api_key, revoke_api_key

app = typer.Typer(help="API keys.", no_args_is_help=True)
_MOMENTS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def _scope(name: str) -> Scope:
    try:
        return Scope(name.upper())
    except ValueError:
        names = ", ".join(Scope)
        raise typer.BadParameter(f"There is no scope {name}; there are {names}.") from None


@app.callback()
def keys() -> None:
    """API keys: the secrets by which programs use GraphQL."""


@app.command()
def create(
    label: Annotated[str, typer.Option(help="What the key is for, to tell keys apart.")],
    user: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Whose key it is; the administrator's if left out."),
    ] = None,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            metavar="NAME",
            parser=_scope,
            help="A right the key has; repeat it for more. All of the user's if left out.",
        ),
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(
            formats=_MOMENTS,
            metavar="MOMENT",
            help="2026-12-31[T23:59:00], UTC; never if left out.",
        ),
    ] = None,
    per_minute: Annotated[
        int | None,
        typer.Option(help="Requests a minute; as many as any key may send if left out."),
    ] = None,
) -> None:
    """Make a key and print it, alone, on standard output. It is shown this once."""

    async def make(session: Session) -> str:
        owner = await session.user(user)
        _, secret = await create_api_key(
            session.context,
            label=label,
            scopes=scope or None,
            user_id=owner.id,
            expires_at=None if expires is None else expires.replace(tzinfo=UTC),
            per_minute=per_minute,
        )
        return secret

    typer.echo(run(make))


@app.command("list")
def list_() -> None:
    """Print the keys that work, the oldest first: beginning, owner, label, scopes, times."""

    async def look(session: Session) -> list[ApiKey]:
        return await all_api_keys(session.context)

    for key in run(look):
        used = f"used {key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
        ends = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "no end"
        typer.echo(f"{key.prefix}\t{key.user.email}\t{key.label}\t{key.scopes}\t{used}\t{ends}")


@app.command()
def revoke(
    prefix: Annotated[
        str, typer.Argument(help="How the key begins, as `keys list` has it, or all of it.")
    ],
) -> None:
    """Make a key void, from the next request on."""

    async def make_void(session: Session) -> str:
        found = await all_api_keys(session.context, prefix=prefix)
        if len(found) != 1:
            raise CommandError(
                f"{len(found)} keys begin with {prefix[:SHOWN_LENGTH]}; `keys list` has them all."
            )
        key = await revoke_api_key(session.context, key_id=found[0].id)
        return f"{key.prefix} of {found[0].user.email} is void."

    typer.echo(run(make_void))
