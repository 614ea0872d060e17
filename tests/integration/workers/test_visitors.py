"""The loop that counts visitors and deletes salts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.adapters.daily_salts import DailySalts
from api.workers.visitors import VisitorWorker
from models.clicks import VisitorHour
from models.orm import writer
from models.rules.click_record import RawClick
from models.rules.moments import microseconds_of
from models.rules.visitors import HOUR_US
from resolvers.ingestion import Ingestion, SpoolSlice
from resolvers.ports import Ports
from resolvers.visitor_hours import mark_hours
from tests.factories import as_command
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

NOW = datetime(2026, 1, 8, 10, 30, tzinfo=UTC)
HOUR = microseconds_of(NOW) // HOUR_US
FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def salts(tmp_path: Path, clock: FixedClock) -> DailySalts:
    clock.at = NOW
    return DailySalts(tmp_path)


async def store(ports: Ports, salts: DailySalts, *hours_ago: int) -> None:
    clicks = [
        RawClick(
            1,
            microseconds_of(NOW - timedelta(hours=hours)),
            peer=b"192.0.2.7",
            user_agent=FIREFOX,
        )
        for hours in hours_ago
    ]
    part = SpoolSlice(file_id="a" * 32, start=0, end=100, clicks=clicks)
    await Ingestion(salts=salts).store(as_command(ports), [part])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def hours() -> list[int]:
    return [HOUR - row.hour for row in await VisitorHour.all().order_by("-hour")]


async def test_a_round_counts_every_hour_that_is_over(ports: Ports, salts: DailySalts) -> None:
    await store(ports, salts, 0, 1, 3, 3, 50)
    worker = VisitorWorker(as_command(ports), salts=salts)
    assert await hours() == [0, 1, 3, 50]

    steps = [await worker.step() for _ in range(4)]

    assert steps == [True, True, True, False]
    assert await hours() == [0]


async def test_an_hour_that_is_marked_all_the_time_does_not_hold_up_the_others(
    ports: Ports, salts: DailySalts
) -> None:
    await store(ports, salts, 1, 2)
    worker = VisitorWorker(as_command(ports), salts=salts)
    steps: list[bool] = []
    for _ in range(3):
        steps.append(await worker.step())
        await mark_hours(writer(), [HOUR - 1])

    assert steps == [True, True, False]
    assert await hours() == [1]


async def test_salts_are_deleted_at_the_beginning_of_a_round(
    ports: Ports, salts: DailySalts, clock: FixedClock, tmp_path: Path
) -> None:
    await store(ports, salts, 0, 24)
    worker = VisitorWorker(as_command(ports), salts=salts)
    assert names(tmp_path) == ["2026-01-07.salt", "2026-01-08.salt"]

    clock.at = datetime(2026, 1, 9, tzinfo=UTC)
    await worker.step()

    assert names(tmp_path) == ["2026-01-08.salt"]
