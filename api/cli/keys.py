"""`keys`: secrets of programs."""

from typing import Annotated

import typer

from api.cli.session import Session, run
from models.rules.scopes import Scope
from resolvers.api_keys import create_api_key

app = typer.Typer(help="API keys.", no_args_is_help=True)


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
            help="A right the key has; repeat it for more. All of the user's if left out."
        ),
    ] = None,
) -> None:
    """Make a key and print it, alone, on standard output. It is shown this once."""

    async def make(session: Session) -> str:
        owner = await session.user(user)
        _, secret = await create_api_key(
            session.context, label=label, scopes=scope or None, user_id=owner.id
        )
        return secret

    typer.echo(run(make))
