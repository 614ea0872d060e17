"""`serve`: the whole service, or one role of it."""

import gc
import sys
from typing import Annotated, Final

import structlog
import typer

from api.data_folder import DataFolderError
from api.listeners import AddressInUseError
from api.logs import configure_logs
from api.roles import Role
from api.settings import SettingsError, load_settings

app = typer.Typer()
_log = structlog.stdlib.get_logger("linkyard.serve")

_UNREACHABLE: Final = (
    "visitors from other machines get 421: set LINKYARD_PUBLIC_URL to the address they use"
)


@app.command()
def serve(
    role: Annotated[
        Role, typer.Option(help="all on one machine; the others share the work behind a proxy")
    ] = Role.ALL,
) -> None:
    """Serve until Ctrl-C or SIGTERM; SIGHUP replaces the web processes one by one.

    The first start makes everything: the data folder, the tables, an administrator
    and one API key, which is printed once; off a terminal it goes into a file.
    """
    try:
        settings = load_settings()
        configure_logs(log_format=settings.log_format, level=settings.log_level)
        if role.has_web and settings.answers_only_here:
            _log.warning(_UNREACHABLE, bind=settings.bind)
        gc.disable()  # what is loaded now stays
        from api.serving import serve_role  # noqa: PLC0415 - large, and only this needs it

        sys.exit(serve_role(settings, role))
    except (SettingsError, DataFolderError, AddressInUseError) as error:
        typer.echo(str(error), err=True)
    sys.exit(1)
