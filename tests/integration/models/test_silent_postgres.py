"""A PostgreSQL that says nothing any more: frozen, or on a machine that is gone.

These start servers of their own, so they are the same in both modes; raw statements
are all that may be sent, because compiled ones belong to the engine of the mode.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from tortoise.transactions import in_transaction

from models.engines import postgres
from models.orm import open_database, reader, writer
from models.raw_sql import fetch
from tests.servers import Postgres, database_url, private_postgres, stoppable_postgres

_LIMIT_S = 30.0


async def test_a_frozen_server_is_not_waited_for_and_answers_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_CONNECT_S", 0.5)
    with stoppable_postgres() as server:
        async with open_database(database_url(server.url, "postgres"), command_timeout_s=0.3):
            assert await fetch(reader(), "SELECT 1 AS one") == [{"one": 1}]

            async with asyncio.timeout(_LIMIT_S):
                await _fail_while_frozen(server)

            assert await fetch(reader(), "SELECT 1 AS one") == [{"one": 1}]
            async with in_transaction("default"):
                assert await fetch(writer(), "SELECT 2 AS two") == [{"two": 2}]


async def _fail_while_frozen(server: Postgres) -> None:
    server.freeze()
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await fetch(reader(), "SELECT 1 AS one")
        with pytest.raises(TimeoutError):
            async with in_transaction("default"):
                await fetch(writer(), "SELECT 2 AS two")
    finally:
        server.thaw()


async def test_the_kernel_watches_every_connection_to_another_machine() -> None:
    options = (
        socket.TCP_KEEPIDLE,
        socket.TCP_KEEPINTVL,
        socket.TCP_KEEPCNT,
        socket.TCP_USER_TIMEOUT,
    )
    with private_postgres() as server:
        async with (
            _over_tcp(server) as port,
            open_database(f"postgres://postgres@127.0.0.1:{port}/postgres"),
        ):
            assert await fetch(reader(), "SELECT 1 AS one") == [{"one": 1}]
            [watched] = [
                holder._con._transport.get_extra_info("socket")
                for holder in reader()._pool._holders
                if holder._con is not None
            ]
            kept = watched.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            limits = [watched.getsockopt(socket.IPPROTO_TCP, option) for option in options]

    assert (kept, limits) == (1, [5, 5, 3, 20_000])


async def test_a_machine_that_does_not_answer_a_connection_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with (
            asyncio.timeout(_LIMIT_S),
            open_database(f"postgres://postgres@127.0.0.1:{port}/postgres"),
        ):
            with pytest.raises(TimeoutError):
                await fetch(reader(), "SELECT 1 AS one")


@asynccontextmanager
async def _over_tcp(server: str) -> AsyncGenerator[int]:
    """Forward a port of loopback to the Unix socket of a server; yields the port."""
    folder = parse_qs(urlsplit(server).query)["host"][0]

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = os.path.join(folder, ".s.PGSQL.5432")  # noqa: PTH118 - an event loop is running
        far_reader, far_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    listener = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()
