"""A standby takes over from the PostgreSQL server that a replica was built from.

It starts a server of its own, so it is the same in both modes; raw statements are
all that may be sent, because compiled ones belong to the engine of the mode.
"""

import asyncio
from pathlib import Path

from api.adapters.link_replica import LmdbLinkReplica
from api.adapters.replica_folder import ReplicaFolder
from api.migrate import migrate
from models.orm import open_database, reader, writer
from models.raw_sql import execute, fetch
from resolvers.replica import Followed, follow_log
from tests.fakes import FixedClock
from tests.servers import database_url, stoppable_postgres


async def test_a_promotion_is_noticed_at_once_and_a_standby_alone_is_none(
    tmp_path: Path, clock: FixedClock
) -> None:
    folder = ReplicaFolder(tmp_path / "replica")
    replica = LmdbLinkReplica(folder)
    with stoppable_postgres() as server:
        url = database_url(server.url, "postgres")
        await asyncio.to_thread(migrate, url)
        async with open_database(url):
            await execute(
                writer(),
                "INSERT INTO installation (id, store_id, created_at) VALUES (1, 'it', now())",
            )
            assert (await follow_log(replica, clock=clock)).rebuilt == "there is none"
            first = folder.current()
        server.become_standby()
        async with open_database(url):
            assert await fetch(reader(), "SELECT pg_is_in_recovery() AS is_standby") == [
                {"is_standby": True}
            ]
            assert await follow_log(replica, clock=clock) == Followed()
            assert folder.current() == first

            await fetch(reader(), "SELECT pg_promote()")
            done = await follow_log(replica, clock=clock)

            assert done.rebuilt == "a standby of its store took over"
            assert folder.current() not in {None, first}
            assert await follow_log(replica, clock=clock) == Followed()
    replica.close()
    folder.close()
