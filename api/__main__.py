"""`python -m api`: the commands, one module of api.cli for each noun.

Only the module that the command line names is loaded: `serve --role redirect`
must not carry what other commands need. Help loads them all.
"""

import importlib
import sys
from typing import Final

import typer

from api.loading import loading

COMMANDS: Final = (
    "serve",
    "migrate",
    "links",
    "clicks",
    "domains",
    "keys",
    "mail",
    "organizations",
    "users",
    "audit",
)


def build(arguments: list[str]) -> typer.Typer:
    """Return the commands that the arguments (without the program) may mean."""
    "secrets",
    root = typer.Typer(
        name="python -m api",
        help="Linkyard: short links, statistics and a support desk of one's own.\n\n"
        "Settings are environment variables, LINKYARD_...; README.md has the table.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @root.callback()
    def _root() -> None: ...

    named = arguments[0] if arguments else ""
    for name in (named,) if named in COMMANDS else COMMANDS:
        with loading():
            commands: typer.Typer = importlib.import_module(f"api.cli.{name}").app
        if commands.registered_callback is None and len(commands.registered_commands) == 1:
            root.registered_commands += commands.registered_commands
        else:
            root.add_typer(commands, name=name)
    return root


if __name__ == "__main__":
    build(sys.argv[1:])(prog_name="python -m api")
