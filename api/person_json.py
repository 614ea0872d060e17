"""What is stored about a person, as one JSON document that may be of any size."""

from collections.abc import AsyncIterator

import orjson

from resolvers.personal_data import Part


async def person_json(parts: AsyncIterator[Part]) -> AsyncIterator[bytes]:
    """Yield one object with an array for each part, from batches that come in order."""
    current, has_rows = "", False
    async for name, rows in parts:
        chunk = b""
        if name != current:
            chunk = (b"]," if current else b"{") + orjson.dumps(name) + b":["
            current, has_rows = name, False
        if rows:
            chunk += (b"," if has_rows else b"") + b",".join(map(orjson.dumps, rows))
            has_rows = True
        yield chunk
    yield b"]}\n"
