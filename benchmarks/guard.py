"""What the dearest hostile document costs, from its text to its answer, in CPU.

`python -m benchmarks.guard` prints its part of the table. Every document of
benchmarks.hostile_documents goes through the schema as the endpoint sends it there, from
an administrator, for whom the most is executed, on SQLite with a full table of links.
CPU of all threads counts; no document is answered from the cache.
"""

import argparse
import asyncio
import gc
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final

from strawberry.schema.exceptions import CannotGetOperationTypeError

from api.auth import authenticate
from api.migrate import migrate
from benchmarks.graphql_server import LINKS, make_links, make_ports
from benchmarks.hostile_documents import hostile_documents
from benchmarks.report import Figure, at_most, stated, table
from models.orm import open_database
from resolvers.context import Origin, Viewer
from schema.context import GraphQLContext, PortalFacts
from schema.root import PortalSchema, build_schema

_MOST_MS: Final = 50.0
_FACTS: Final = PortalFacts(
    name="Linkyard", version="0", public_url="http://localhost", tells_schema=True
)


def figures(rounds: int) -> list[Figure]:
    """Measure every document in every round; its median counts."""
    with tempfile.TemporaryDirectory(prefix="lkyguard") as folder:
        url = f"sqlite://{Path(folder) / 'links.sqlite3'}"
        migrate(url)
        key = asyncio.run(make_links(url))
        costs = asyncio.run(_measure(url, key, rounds))
    by_cost = sorted(costs, key=lambda name: costs[name], reverse=True)
    worst, *others = by_cost
    return [
        at_most(
            f"CPU of the dearest of {len(costs)} hostile documents of at most 16 KiB",
            costs[worst],
            _MOST_MS,
            unit=" ms",
            note=f"It is “{worst}”, sent by an administrator to {LINKS:,} links; then come "
            + ", ".join(f"“{name}” ({costs[name]:.0f} ms)" for name in others[:4])
            + ".",
        ),
        stated("the same, median of all", f"{median(costs.values()):.1f} ms"),
    ]


async def _measure(url: str, key: str, rounds: int) -> dict[str, float]:
    """Return milliseconds by document."""
    seen: dict[str, list[float]] = {name: [] for name, _ in hostile_documents()}
    async with open_database(url):
        viewer = await authenticate(f"Bearer {key}", now=make_ports().clock.now())
        schemas = [build_schema() for _ in range(rounds + 1)]  # each with an empty cache
        gc.collect()
        gc.freeze()  # or looking through the schemas again is counted to some document
        for number, schema in enumerate(schemas):
            await _answer(schema, "{ portal { name } }", viewer)
            for name, text in hostile_documents():
                started = time.process_time()
                await _answer(schema, text, viewer)
                if number:  # the first round warms up
                    seen[name].append((time.process_time() - started) * 1e3)
    return {name: median(costs) for name, costs in seen.items()}


async def _answer(schema: PortalSchema, text: str, viewer: Viewer) -> None:
    async def renew() -> None:
        return None

    context = GraphQLContext.start(
        viewer=viewer,
        ports=make_ports(),
        portal=_FACTS,
        locale="en",
        origin=Origin(),
        renew=renew,
    )
    with suppress(CannotGetOperationTypeError):  # the endpoint makes an answer of it
        await schema.execute(text, context_value=context)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(table(figures(parser.parse_args().rounds)))
