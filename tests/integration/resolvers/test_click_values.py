"""How many rows a stranger's Referer can make."""

from datetime import UTC, datetime, timedelta

import pytest

from models.clicks import ClickValue
from models.orm import reader
from models.raw_sql import fetch
from models.rules.dimensions import Dimension
from resolvers import click_values
from resolvers.click_values import OTHER_REFERRERS, ValueNumbers

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTS = Dimension.REFERRER_HOST


async def stored() -> dict[str, int]:
    rows = await fetch(
        reader(), f"SELECT id, value FROM click_value WHERE dimension = {int(HOSTS)}"
    )
    return {row["value"]: row["id"] for row in rows}


async def test_beyond_the_days_bound_new_hosts_share_one_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(click_values, "MAX_NEW_REFERRERS", 3)
    await ValueNumbers().of({HOSTS: {"known.test"}}, at=NOON)
    numbers = ValueNumbers()

    first = dict((await numbers.of({HOSTS: {"a.test", "b.test", "known.test"}}, at=NOON))[HOSTS])
    second = dict((await numbers.of({HOSTS: {"c.test", "d.test", "e.test"}}, at=NOON))[HOSTS])
    again = dict((await numbers.of({HOSTS: {"f.test", "a.test", "d.test"}}, at=NOON))[HOSTS])

    rows = await stored()
    assert set(rows) == {"known.test", "a.test", "b.test", "c.test", OTHER_REFERRERS}
    assert first == {name: rows[name] for name in ("known.test", "a.test", "b.test")}
    assert second["c.test"] == rows["c.test"]
    assert {second["d.test"], second["e.test"], again["f.test"], again["d.test"]} == {
        rows[OTHER_REFERRERS]
    }
    assert again["a.test"] == rows["a.test"]

    tomorrow = await numbers.of({HOSTS: {"d.test"}}, at=NOON + timedelta(days=1))

    assert tomorrow[HOSTS]["d.test"] == (await stored())["d.test"] != rows[OTHER_REFERRERS]


async def test_other_dimensions_have_no_bound_of_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click_values, "MAX_NEW_REFERRERS", 0)

    found = await ValueNumbers().of({Dimension.LANGUAGE: {"de", "ru"}}, at=NOON)

    assert len(set(found[Dimension.LANGUAGE].values())) == 2
    assert await ClickValue.filter(dimension=Dimension.LANGUAGE).count() == 2
