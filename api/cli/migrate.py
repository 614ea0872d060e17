"""`migrate`: bring the tables to this version."""

import sys

import typer
from pydantic import ValidationError

from api.data_folder import DataFolder, DataFolderError
from api.migrate import OrphanError, SchemaTooNewError
from api.migrate import migrate as bring_up_to_date
from api.settings import Settings

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the tables to the version of this program; a second run changes nothing."""
    try:
        settings = Settings()
        if settings.is_embedded:
            DataFolder.open(settings.data_dir)
        applied = bring_up_to_date(settings.database_url)
    except ValidationError as error:
        names = (f"LINKYARD_{'_'.join(map(str, p['loc'])).upper()}" for p in error.errors())
        typer.echo(f"Wrong settings: {', '.join(names)}.", err=True)
        sys.exit(1)
    except (DataFolderError, SchemaTooNewError, OrphanError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except OSError as error:
        typer.echo(f"The database does not answer: {error}.", err=True)
        sys.exit(1)
    typer.echo(f"Applied {', '.join(applied)}." if applied else "Nothing to do.")
