"""What aiohttp's server may log: our faults, and never a visitor's address."""

import logging
from http import HTTPStatus
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

_SERVER: Final = "aiohttp.server"


def quiet_server_log() -> None:
    """Filter the server's log of this process from now on.

    aiohttp 3.14 reports each request that it cannot read as an error, with a traceback,
    the caller's address and parts of the request: anybody could fill the log.
    """
    logging.getLogger(_SERVER).addFilter(_is_kept)


def _is_kept(record: logging.LogRecord) -> bool:
    """Take the address out of a record, and let a client's mistake pass at DEBUG only."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError) and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        record.msg, record.args = "a request was refused: %s", (type(error).__name__,)
        record.exc_info = None
        return logging.getLogger(_SERVER).isEnabledFor(logging.DEBUG)
    if str(record.msg).startswith("Error handling request from"):
        record.msg, record.args = "a request failed", ()
    return True
