"""`migrate`: bring the tables to this version."""

from collections.abc import Sequence

import typer

from api.cli.session import CommandError, ended
from api.data_folder import DataFolder
from api.migrate import OrphanError, SchemaTooNewError
from api.migrate import migrate as bring_up_to_date
from api.settings import load_settings

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the tables to the version of this program; a second run changes nothing."""
    applied = ended(_migrate)
    typer.echo(f"Applied {', '.join(applied)}." if applied else "Nothing to do.")


def _migrate() -> Sequence[str]:
    settings = load_settings()
    if settings.is_embedded:
        DataFolder.open(settings.data_dir)
    try:
        return bring_up_to_date(settings.database_url)
    except (SchemaTooNewError, OrphanError) as error:
        raise CommandError(str(error)) from None
