"""Fixtures shared by every suite.

One engine per process: Tortoise keeps compiled INSERTs per connection name, so
SQLite and PostgreSQL cannot take turns. `make test` runs the suite twice.
"""

import asyncio
import gc
import logging
import os
import shutil
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from aiohttp.pytest_plugin import AiohttpClient
from tortoise import Tortoise
from tortoise.context import TortoiseContext

from api.adapters.disk_blobs import DiskBlobs
from api.adapters.ticket_watchers import TicketWatchers
from api.app import Parts, create_app
from api.migrate import migrate
from models.clicks import RAW_TABLES
from models.orm import is_sqlite, orm_config, writer
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from schema.context import PortalFacts
from tests.cheap_repeats import build_models_once, tell_failures_plainly
from tests.dovecot_server import Dovecot, dovecot_server
from tests.factories import PASSWORDS, SEALER
from tests.fakes import CountingSignal, FixedClock, MemoryFeed
from tests.portal import Client
from tests.servers import database_url as url_of


def pytest_configure() -> None:
    build_models_once()
    tell_failures_plainly()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage: what is collected stays, and the search took a third."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# A shell leaves its background jobs deaf to Ctrl-C, and so would be all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> str | None:
    """The server of this run, as tests.servers.private_postgres names it; None on SQLite."""
    return os.environ.get("TEST_POSTGRES_SERVER")


@pytest.fixture(scope="session")
def redis_url() -> str | None:
    """The Redis of this run (standard mode); None in embedded mode."""
    return os.environ.get("TEST_REDIS_URL")


@pytest.fixture(scope="session")
def template(
    postgres_server: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """What the real migrations make, once in a run, to be copied: a file, or a database's name."""
    if postgres_server is None:
        path = os.fspath(tmp_path_factory.mktemp("template") / "template.sqlite3")
        migrate(f"sqlite://{path}")
        yield path
        return
    with _database(postgres_server, f"template_{os.getpid()}") as url:
        migrate(url)
        yield f"template_{os.getpid()}"


@pytest.fixture(scope="session")
def database_url(
    postgres_server: str | None, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty database of this process alone, with all tables."""
    if postgres_server is None:
        yield f"sqlite://{shutil.copy(template, tmp_path_factory.mktemp('db') / 'test.sqlite3')}"
        return
    with _database(postgres_server, f"test_{os.getpid()}", template) as url:
        yield url


@pytest.fixture
def fresh_database_url(
    postgres_server: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """An empty database without tables, for one test alone (real processes, migrations)."""
    if postgres_server is None:
        yield f"sqlite://{tmp_path}/fresh.sqlite3"
        return
    with _database(postgres_server, _own_name("fresh", request)) as url:
        yield url


@pytest.fixture
def migrated_database_url(
    postgres_server: str | None, template: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """An empty database with all tables, for one test alone (real processes)."""
    if postgres_server is None:
        yield f"sqlite://{shutil.copy(template, tmp_path / 'migrated.sqlite3')}"
        return
    with _database(postgres_server, _own_name("migrated", request), template) as url:
        yield url


def _own_name(kind: str, request: pytest.FixtureRequest) -> str:
    return f"{kind}_{os.getpid()}_{abs(hash(request.node.nodeid))}"


@contextmanager
def _database(server: str, name: str, template: str = "template1") -> Iterator[str]:
    """Make a database, yield its URL and drop it."""
    asyncio.run(administer(server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield url_of(server, name)
    finally:
        asyncio.run(administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def administer(server: str, statement: str) -> None:
    """Run one statement in the server's `postgres` database, outside a transaction."""
    connection = await asyncpg.connect(url_of(server, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[None]:
    """The tables, empty again after the test. Commits are real commits."""
    async with TortoiseContext() as context:
        await context.init(config=orm_config(database_url))
        yield
        await writer().execute_script(_emptying())
        await Tortoise.close_connections()


def _emptying() -> str:
    """Return one script that empties every table: tens of times faster than TRUNCATE of each."""
    tables = [model._meta.db_table for model in Tortoise.apps.get_models_iterable()]
    deletes = "".join(f'DELETE FROM "{table}";' for table in [*tables, *RAW_TABLES])
    if is_sqlite(writer()):
        return f"PRAGMA foreign_keys = OFF; BEGIN; {deletes} COMMIT; PRAGMA foreign_keys = ON"
    # No foreign key is looked at meanwhile: rows go in any order, and nothing cascades.
    deletes += "DELETE FROM search_index;"
    return f"SET session_replication_role = replica; {deletes} RESET session_replication_role"


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A mail server that tests share: each takes users of its own."""
    with dovecot_server() as server:
        yield server


@pytest.fixture
def stoppable_dovecot() -> Iterator[Dovecot]:
    """A mail server of one test alone."""
    with dovecot_server() as server:
        yield server


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def ports(clock: FixedClock, tmp_path: Path) -> Ports:
    return Ports(
        clock=clock,
        link_signal=CountingSignal(),
        click_feed=MemoryFeed(),
        sealer=SEALER,
        passwords=PASSWORDS,
        rates=RateCounters(bytes(32)),
        ticket_feed=TicketWatchers(clock, look_s=0.01),
        blob_store=DiskBlobs(tmp_path / "files"),
    )


@pytest.fixture
async def client(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Client:
    """The web application on a real port of its own, with the database behind it."""
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    return await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))


@pytest.fixture
def sql() -> Iterator[list[str]]:
    """Statements sent so far; clear the list right before the part to measure."""
    statements: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: statements.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tortoise.db_client")
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    yield statements
    logger.removeHandler(listener)
    logger.setLevel(logging.NOTSET)
