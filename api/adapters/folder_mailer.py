"""Letters as files, for development: any mail program opens them."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path

from resolvers.ports import MailerAwayError


class FolderMailer:
    """Mailer. A letter that is sent twice is one file; names sort by time."""

    def __init__(self, folder: Path) -> None:
        """Args: folder is made when the first letter comes, readable by its owner alone."""
        self._folder = folder

    async def send(self, letter: EmailMessage, *, to: str, letter_id: int) -> str:
        """See Mailer.send."""
        del to  # the letter has it
        try:
            return await asyncio.to_thread(self._write, letter.as_bytes(), f"{letter_id}.eml")
        except OSError as error:
            raise MailerAwayError(f"{self._folder}: {error.strerror}") from error

    def _write(self, letter: bytes, name: str) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / name
        draft = path.with_suffix(f".{os.getpid()}.new")  # a killed process leaves one: stale_files
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(letter)
            draft.replace(path)
        except OSError:
            draft.unlink()
            raise
        return f"written to {path}"
