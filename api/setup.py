"""What comes before the first request: tables, the installation, the first key.

Runs in a child of its own, because it opens the database, which starts threads,
and nobody forks from a process with threads.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from api.adapters.clock import SystemClock
from api.child_process import EXIT_CRASHED, EXIT_REFUSED, SUPERVISED
from api.client_secret import client_secret
from api.data_folder import DataFolderError, read_secret_keys
from api.durable_files import replace_file
from api.quiet_ports import quiet_ports
from api.settings import Settings
from api.sign_in_ports import directory
from models.errors import DomainError
from models.orm import open_database, sqlite_path
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.store_failures import complaint_of_store, is_store_damaged
from models.texts import message_of
from resolvers.administrators import administrators_without_mail
from resolvers.context import RequestContext, Viewer
from resolvers.domains import links_elsewhere
from resolvers.first_run import FirstRun, prepare_installation
from resolvers.passwords import first_way_in
from resolvers.sealed_values import newest_sealed
from resolvers.store import tables_are_newest

FIRST_KEY_NAME: Final = "first-key.txt"  # in the data folder
_log = structlog.stdlib.get_logger("linkyard.setup")


class _RefusedTablesError(Exception):
    """Migrating refused these tables; the message says why."""


class _Shown(NamedTuple):
    """What the terminal shows once."""

    made: FirstRun
    way_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a forked child runs, see api.child_process.Run. Running it again changes nothing."""

    settings: Settings

    def __call__(self, _announce: Callable[[], None]) -> int:
        """Return 0, EXIT_REFUSED if trying again cannot help, or EXIT_CRASHED."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISED)
        try:
            read_secret_keys(self.settings.secret_key_file)
            client_secret(self.settings)
            directory(self.settings)
            if not self._is_migrated():
                self._migrate()
            made = asyncio.run(self._prepare())
        except (_RefusedTablesError, DataFolderError) as error:
            return _refuse(str(error))
        except DomainError as error:
            return _refuse(message_of("en", error))
        except Exception as error:  # noqa: BLE001 - the store is away, or will say so again
            complaint = complaint_of_store(error)
            if complaint is not None and is_store_damaged(error):
                return _refuse(complaint)
            _log.warning("the store is not ready, tried again until it is", error=repr(error))
            return EXIT_CRASHED
        if made is not None:
            _show(made, self.settings.data_dir.absolute())
        return 0

    def _is_migrated(self) -> bool:
        path = sqlite_path(self.settings.database_url)
        if path is not None and not Path(path).exists():
            return False

        async def look() -> bool:
            async with open_database(self.settings.database_url):
                return await tables_are_newest()

        return asyncio.run(look())

    def _migrate(self) -> None:
        # Here, and not at the top: only a start after an update needs it, and it is large.
        from api.migrate import OrphanError, SchemaTooNewError, migrate  # noqa: PLC0415

        try:
            migrate(self.settings.database_url)
        except (SchemaTooNewError, OrphanError) as error:
            raise _RefusedTablesError(str(error)) from error

    async def _prepare(self) -> _Shown | None:
        async with open_database(self.settings.database_url):
            made = await prepare_installation(
                host=self.settings.first_domain,
                admin_email=self.settings.admin_email,
                now=SystemClock().now(),
            )
            await self._look_at_seals()
            for use in await links_elsewhere(self.settings.first_domain):
                _log.warning(
                    "links live on another domain than the present address",
                    domain=use.host,
                    links=use.links,
                    address=self.settings.first_domain,
                    to_move_them=f"python -m api domains rename {use.host}"
                    f" {self.settings.first_domain}",
                )
            await _warn_of_letters_to_nobody(self.settings)
            return None if made is None else _Shown(made, await self._way_in(made))

    async def _look_at_seals(self) -> None:
        """Say it if the secret key file is not the one of this store. Redirects need none."""
        viewer = Viewer(scopes=frozenset(Scope), reach=Reach.ALL)
        rows = await newest_sealed(RequestContext(viewer, quiet_ports(self.settings)))
        lost = sum(row.key is None for row in rows)
        if not lost:
            return
        nothing = "the secret key file opens nothing of what the store keeps sealed: put it back"
        some = "some of what the store keeps sealed was sealed by a key that is gone"
        _log.error(
            nothing if lost == len(rows) else some,
            file=str(self.settings.secret_key_file),
            unreadable=lost,
            looked_at=len(rows),
            to_see_what="python -m api secrets check",
        )

    async def _way_in(self, made: FirstRun) -> str:
        """Return the address where the administrator sets a password, once."""
        context = RequestContext(
            Viewer(scopes=frozenset(Scope), reach=Reach.ALL), quiet_ports(self.settings)
        )
        path = await first_way_in(context, email=made.admin_email)
        return f"{context.ports.access.public_url}{path}"


async def _warn_of_letters_to_nobody(settings: Settings) -> None:
    """Say it once: who gets no letter can neither reset a password nor be warned."""
    unreachable = await administrators_without_mail() if settings.mail == "smtp" else []
    if unreachable:
        _log.warning(
            "letters to an administrator go nowhere",
            addresses=unreachable,
            to_change=f"python -m api users email {unreachable[0]} NEW",
        )


def _refuse(reason: str) -> int:
    print(f"Linkyard does not start: {reason}", file=sys.stderr)  # noqa: T201 - for who started it
    return EXIT_REFUSED


def _show(shown: _Shown, folder: Path) -> None:
    """Tell of the first key and the way in: on a terminal, else in a file of the data folder.

    What is no terminal may be a log that many read, and that is kept.
    """
    secrets = (
        f"The first administrator is {shown.made.admin_email}.\n"
        f"Their API key, shown this once:\n\n    {shown.made.secret}\n\n"
        "To sign in with a browser, set a password there within 24 hours:\n\n"
        f"    {shown.way_in}\n"
    )
    if sys.stdout.isatty():
        print(f"\n{secrets}", flush=True)  # noqa: T201 - the terminal is where it belongs
        return
    path = folder / FIRST_KEY_NAME
    try:
        replace_file(path, secrets.encode())
    except OSError as error:
        _log.exception(
            "the first key could not be written, and is lost",
            file=str(path),
            error=error.strerror,
            to_make_another="python -m api keys create --label mine",
        )
        return
    print(  # noqa: T201 - for who started it
        f"\nThe first administrator is {shown.made.admin_email}. Their API key, and the address\n"
        "where they set a password within 24 hours, lie in a file for the account of this\n"
        f"service alone; delete it when you have read it:\n\n    {path}\n",
        flush=True,
    )
