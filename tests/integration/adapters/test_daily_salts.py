"""Salts: one for each day, shared by all processes, gone after 48 hours."""

import asyncio
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import asyncio as aioredis

from api.adapters.daily_salts import DailySalts
from resolvers.visitor_salts import ProcessSalts
from tests.servers import stoppable_redis

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = 20_455  # 2026-01-02
_PROCESS = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from api.adapters.daily_salts import DailySalts

sys.stdin.readline()
now = datetime.fromisoformat(sys.argv[2])
print(asyncio.run(DailySalts(Path(sys.argv[1])).salt_of(20_455, now=now)).hex())
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_day_has_one_salt_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "salts"
    salts = DailySalts(folder)
    today = await salts.salt_of(DAY, now=NOW)
    yesterday = await salts.salt_of(DAY - 1, now=NOW)

    assert len({today, yesterday}) == 2
    assert {len(today), len(yesterday)} == {32}
    assert await salts.salt_of(DAY, now=NOW) == today
    assert await DailySalts(folder).salt_of(DAY, now=NOW) == today
    assert names(folder) == ["2026-01-01.salt", "2026-01-02.salt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_processes_that_begin_a_day_together_agree(tmp_path: Path) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _PROCESS,
            str(tmp_path),
            NOW.isoformat(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    answers = await asyncio.gather(*(process.communicate(b"\n") for process in processes))

    assert len({answer for answer, _ in answers}) == 1
    assert len(answers[0][0].strip()) == 64
    assert names(tmp_path) == ["2026-01-02.salt"]


async def test_a_salt_is_gone_after_48_hours_from_disk_and_memory(tmp_path: Path) -> None:
    salts = DailySalts(tmp_path)
    before = await salts.salt_of(DAY, now=NOW)
    await salts.salt_of(DAY - 1, now=NOW)
    (tmp_path / "2026-01-02.salt.0123456789abcdef").write_bytes(b"draft of a killed process")
    (tmp_path / "notes.txt").write_text("not ours")
    end = datetime(2026, 1, 4, tzinfo=UTC)

    await salts.forget_old(now=end - timedelta(microseconds=1))
    assert await salts.salt_of(DAY, now=end - timedelta(microseconds=1)) == before
    await salts.forget_old(now=end)

    assert names(tmp_path) == ["notes.txt"]
    assert salts._known == {}
    assert await salts.salt_of(DAY, now=end) != before
    assert names(tmp_path) == ["notes.txt"]


async def test_days_without_a_salt_get_one_in_memory_for_48_hours(tmp_path: Path) -> None:
    salts = DailySalts(tmp_path)
    for day in (DAY - 2, DAY + 1, 0):
        first = await salts.salt_of(day, now=NOW)
        assert await salts.salt_of(day, now=NOW + timedelta(hours=1)) == first
        assert await DailySalts(tmp_path).salt_of(day, now=NOW) != first

    assert names(tmp_path) == []


async def test_a_process_forgets_its_own_salts_after_48_hours() -> None:
    salts = ProcessSalts()
    first = await salts.salt_of(1, now=NOW)
    second = await salts.salt_of(2, now=NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=48)

    assert await salts.salt_of(2, now=later) == second
    assert await salts.salt_of(1, now=later) != first


async def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "2026-01-02.salt").write_bytes(b"cut sho")
    salt = await DailySalts(tmp_path).salt_of(DAY, now=NOW)

    assert (tmp_path / "2026-01-02.salt").read_bytes() == salt


async def test_without_a_folder_clicks_go_on_with_a_salt_in_memory(tmp_path: Path) -> None:
    (tmp_path / "salts").write_text("in the way")
    salts = DailySalts(tmp_path / "salts")
    salt = await salts.salt_of(DAY, now=NOW)

    assert await salts.salt_of(DAY, now=NOW) == salt
    await salts.forget_old(now=NOW)
    assert (tmp_path / "salts").read_text() == "in the way"


async def test_machines_share_a_salt_over_redis_that_ends_with_it(tmp_path: Path) -> None:
    with stoppable_redis() as redis:
        day = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        now = datetime.now(UTC)
        one = await DailySalts(tmp_path / "1", redis_url=redis.url).salt_of(day, now=now)
        two = await DailySalts(tmp_path / "2", redis_url=redis.url).salt_of(day, now=now)
        left = await _left(redis.url, f"linkyard:salt:{day}")

        assert one == two
        assert 86_000 < left <= 172_800

        redis.stop()
        assert await DailySalts(tmp_path / "1", redis_url=redis.url).salt_of(day, now=now) == one
        alone = await DailySalts(tmp_path / "3", redis_url=redis.url).salt_of(day, now=now)
        assert alone != one
        redis.start()
        assert await DailySalts(tmp_path / "3", redis_url=redis.url).salt_of(day, now=now) == alone


async def _left(url: str, key: str) -> int:
    client = aioredis.Redis.from_url(url)
    try:
        left: int = await client.ttl(key)
    finally:
        await client.aclose()
    return left
