"""When each API key was last used."""

from datetime import datetime
from typing import Final

from models.api_keys import ApiKey
from resolvers.use_notes import UseNotes


async def _write(key_id: int, now: datetime) -> None:
    await ApiKey.filter(id=key_id).update(last_used_at=now)


_uses: Final = UseNotes(_write)
note_use = _uses.note
uses_written = _uses.written
