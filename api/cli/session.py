"""What every command shares: settings, the database, and how it ends.

Exit codes: 0 done; 1 refused or failed, with one line on stderr; 2 wrong usage;
3 done, but some lines were refused; 130 stopped by Ctrl-C.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import typer

from api.data_folder import DataFolder, DataFolderError
from api.quiet_ports import quiet_ports
from api.settings import Settings, SettingsError, load_settings
from models.errors import DomainError, InputInvalidError
from models.orm import open_database, sqlite_path
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.store_failures import complaint_of_store
from models.texts import message_of
from models.users import User
from resolvers.context import RequestContext, Viewer
from resolvers.store import StoreState, store_state
from resolvers.users import viewer_of

SOME_REFUSED: Final = 3
INTERRUPTED: Final = 130
_UNPREPARED: Final = "This installation was never started: run `python -m api serve` once."
_REFUSED: Final = {
    StoreState.UNPREPARED: _UNPREPARED,
    StoreState.OLDER: "The tables are of an older version: run `python -m api migrate` first.",
    StoreState.NEWER: "The tables were made by a newer version of Linkyard than this one.",
}

Result = TypeVar("Result")


class CommandError(Exception):
    """Ends a command with one line on stderr."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open store, and the right to do anything with it."""

    settings: Settings
    context: RequestContext

    async def user(self, email: str | None) -> User:
        """Find a person with their role; None is the administrator of the settings.

        Raises:
            CommandError: no such person.
        """
        address = email or self.settings.admin_email
        user = await User.by_email(address)
        if user is None:
            raise CommandError(f"There is no user {address}; name one with --user.")
        return user

    def on_behalf_of(self, user: User) -> RequestContext:
        """Return a context whose links belong to a person, with every right."""
        viewer = replace(viewer_of(user), scopes=frozenset(Scope), reach=Reach.ALL)
        return replace(self.context, viewer=viewer)


def run(command: Callable[[Session], Coroutine[Any, Any, Result]]) -> Result:
    """Run a command to its end, or leave the process with one line and an exit code."""
    return ended(lambda: asyncio.run(_run(_checked(load_settings()), command)))


def ended(work: Callable[[], Result]) -> Result:
    """Return what the work returns, or leave the process with one line and an exit code."""
    try:
        return work()
    except KeyboardInterrupt:
        _leave("Interrupted.", INTERRUPTED)
    except InputInvalidError as error:
        _leave(" ".join(_said(problem) for problem in error.problems))
    except DomainError as error:
        _leave(_said(error))
    except (CommandError, SettingsError, DataFolderError) as error:
        _leave(str(error))
    except Exception as error:
        complaint = complaint_of_store(error)
        if complaint is None:
            raise
        _leave(complaint)


def counted(count: int, one: str, many: str = "") -> str:
    """Return "1 link", "2 links"; `many` is for nouns that take no plain s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _checked(settings: Settings) -> Settings:
    path = sqlite_path(settings.database_url)
    if path is not None and not Path(path).exists():
        raise CommandError(_UNPREPARED)  # opening it would make an empty one
    return settings


async def _run(
    settings: Settings, command: Callable[[Session], Coroutine[Any, Any, Result]]
) -> Result:
    viewer = Viewer(scopes=frozenset(Scope), reach=Reach.ALL)
    async with open_database(settings.database_url):
        state = await store_state()
        if state is not StoreState.READY:
            raise CommandError(_REFUSED[state])
        DataFolder.open(settings.data_dir)  # a machine that only runs commands has none yet
        context = RequestContext(viewer, quiet_ports(settings))
        return await command(Session(settings, context))


def _said(error: DomainError) -> str:
    return message_of("en", error)


def _leave(message: str, code: int = 1) -> NoReturn:
    typer.echo(message, err=True)
    sys.exit(code)
