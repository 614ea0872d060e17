"""One web process for benchmarks.graphql, as `serve --role api` runs it.

`python -m benchmarks.graphql_server links DATABASE_URL` fills a migrated database and
prints an API key; `... serve DATABASE_URL PORT` answers until SIGTERM.
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from api.adapters.clock import SystemClock
from api.adapters.fernet_sealer import FernetSealer
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from api.roles import Role
from benchmarks.web_alone import serve_alone
from models.ids import new_ids
from models.link_rows import insert_row, insert_sql
from models.links import Link
from models.orm import is_sqlite, open_database, writer
from models.raw_sql import execute_many
from resolvers.api_keys import create_api_key
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.factories import PASSWORDS, as_person, make_domain, make_user

LINKS: Final = 10_000
_NO_REFUSAL: Final = 10**9  # requests a minute: every one is counted, and none refused


def make_ports() -> Ports:
    """Return ports of which nothing leaves the process, for who asks the schema itself."""
    return Ports(
        clock=SystemClock(),
        link_signal=QuietLinkSignal(),
        click_feed=QuietClickFeed(),
        sealer=FernetSealer([bytes(32)]),
        passwords=PASSWORDS,
        rates=RateCounters(bytes(32)),
    )


async def make_links(database_url: str) -> str:
    """Give one person LINKS links and return a key of theirs."""
    async with open_database(database_url):
        person, domain, now = await make_user(), await make_domain(), datetime.now(UTC)
        rows = [
            insert_row(
                Link(
                    id=link_id,
                    created_at=now,
                    updated_at=now,
                    domain_id=domain.id,
                    slug=f"s{number}",
                    target=f"https://example.org/catalogue/{number}?from=benchmark",
                    title=f"Page {number} of the catalogue",
                    owner_id=person.id,
                ),
                sqlite=is_sqlite(writer()),
            )
            for number, link_id in enumerate(new_ids(LINKS))
        ]
        await execute_many(writer(), insert_sql(writer()), rows)
        if not is_sqlite(writer()):
            await writer().execute_script("ANALYZE")  # what autovacuum does within a minute
        _, secret = await create_api_key(as_person(make_ports(), person), label="benchmark")
        return secret


def serve(database_url: str, port: int) -> None:
    """Answer on the loopback until SIGTERM, as `serve --role api` does."""
    with tempfile.TemporaryDirectory(prefix="lky") as folder:
        serve_alone(
            port,
            data=Path(folder),
            role=Role.API,
            DATABASE_URL=database_url,
            KEY_PER_MINUTE=_NO_REFUSAL,
            ANONYMOUS_PER_MINUTE=_NO_REFUSAL,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["links", url]:
            sys.stdout.write(asyncio.run(make_links(url)))
        case ["serve", url, port]:
            serve(url, int(port))
        case _:
            sys.exit(__doc__)
