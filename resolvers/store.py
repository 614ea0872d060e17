"""Whether the database is ready for use."""

from tortoise.exceptions import OperationalError

from models.orm import reader
from models.raw_sql import fetch
from models.store_failures import is_store_failure


async def is_prepared() -> bool:
    """Tell whether the tables are there and hold an installation.

    Raises:
        Exception: the store does not answer; models.store_failures knows it.
    """
    try:
        return bool(await fetch(reader(), "SELECT id FROM installation"))
    except OperationalError as error:
        if is_store_failure(error):
            raise
        return False
