"""`python -m api`: the commands, one module of api.cli for each noun.

Only the module that the command line names is loaded: `serve --role redirect`
must not carry what other commands need. Help loads them all. Whatever a command
writes is its owner's alone.
"""

import gc
import importlib
import os
import sys
from typing import Final

import typer
from typer.exceptions import TyperException

from api.unknown_settings import warnings_about

_PROGRAM: Final = "python -m api"
COMMANDS: Final = (
    "serve",
    "migrate",
    "links",
    "clicks",
    "domains",
    "keys",
    "mail",
    "mailboxes",
    "organizations",
    "invitations",
    "users",
    "search",
    "audit",
    "secrets",
)


def build(arguments: list[str]) -> typer.Typer:
    """Return the commands that the arguments (without the program) may mean."""
    root = typer.Typer(
        name=_PROGRAM,
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
        commands: typer.Typer = importlib.import_module(f"api.cli.{name}").app
        if commands.registered_callback is None and len(commands.registered_commands) == 1:
            root.registered_commands += commands.registered_commands
        else:
            root.add_typer(commands, name=name)
    return root


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code; wrong usage is 2, and one line on stderr."""
    os.umask(0o077)
    for warning in warnings_about(os.environ):
        typer.echo(warning, err=True)
    try:
        code = _loaded(arguments)(arguments, prog_name=_PROGRAM, standalone_mode=False)
    except TyperException as error:
        typer.echo(_said(error), err=True)
        return error.exit_code
    except typer.Abort:
        typer.echo("Stopped: nobody answered.", err=True)
        return 1
    return int(code or 0)


def _loaded(arguments: list[str]) -> typer.Typer:
    """Build without looking for garbage: what is loaded stays, and the search took a fifth."""
    gc.disable()
    try:
        return build(arguments)
    finally:
        gc.freeze()
        gc.enable()


def _said(error: TyperException) -> str:
    """Return one line, or the help of a command that was given nothing at all."""
    told = error.format_message()
    if told.startswith("Usage: "):
        return told
    context: typer.Context | None = getattr(error, "ctx", None)
    where = _PROGRAM if context is None else context.command_path
    line = " ".join(told.replace("Value error, ", "").split()).removesuffix(".")
    return f"{line}. `{where} --help` says more."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
