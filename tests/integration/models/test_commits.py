"""What is done after a commit, and only then."""

import pytest
from tortoise.transactions import in_transaction

from models.engines.commits import after_commit
from models.installation import Installation

pytestmark = pytest.mark.usefixtures("database")


async def test_work_is_done_once_and_after_the_commit() -> None:
    seen: list[int] = []

    async def work() -> None:
        seen.append(await Installation.all().count())

    async with in_transaction("default") as connection:
        after_commit(connection, work)
        after_commit(connection, work)
        await Installation.create(store_id="s", using_db=connection)
        assert seen == []

    assert seen == [1]


async def test_work_of_a_transaction_that_is_rolled_back_is_not_done() -> None:
    seen: list[int] = []

    async def work() -> None:
        seen.append(1)

    async def fail() -> None:
        async with in_transaction("default") as connection:
            after_commit(connection, work)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    async with in_transaction("default"):
        pass
    assert seen == []
