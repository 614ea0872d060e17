"""The audit finds whatever does not add up, and says where."""

from pathlib import Path

import pytest

from api.adapters.spool_folder import spool_sizes
from models.clicks import SpoolPosition
from models.orm import writer
from models.rules.click_classes import ClickClass
from models.rules.click_record import RawClick
from resolvers.click_audit import Difference, DifferenceKind, audit_clicks
from resolvers.ingestion import Ingestion, SpoolSlice
from resolvers.ports import Ports
from tests.factories import as_command, make_link

pytestmark = pytest.mark.usefixtures("database")

_NOON_US = 1_767_355_200_000_000
_BUCKET = _NOON_US // 900_000_000
_FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
async def link_id(ports: Ports) -> int:
    """A link with two clicks of people, and a click of a link that is not there."""
    link = await make_link(as_command(ports))
    clicks = [RawClick(link.id, _NOON_US + n, user_agent=_FIREFOX) for n in range(2)]
    part = SpoolSlice(
        file_id="a" * 32, start=0, end=300, clicks=[*clicks, RawClick(7, _NOON_US)], damaged=4
    )
    await Ingestion().store(as_command(ports), [part])
    return link.id


async def differences_after(statement: str) -> list[Difference]:
    await writer().execute_script(statement)
    return list((await audit_clicks(dict)).differences)


async def test_what_adds_up_has_no_difference(link_id: int) -> None:
    audit = await audit_clicks(lambda: {"a" * 32: 350, "b" * 32: 42})

    assert audit.differences == []
    assert (audit.spooled, audit.stored, audit.counted) == (3, 3, 3)
    assert (audit.damaged, audit.waiting_bytes, audit.kept_since_us) == (4, 60, 0)


async def test_a_wrong_counter_is_found(link_id: int) -> None:
    found = await differences_after(f"UPDATE link SET clicks_bot = 5 WHERE id = {link_id}")

    assert found == [
        Difference(
            kind=DifferenceKind.LINK_COUNTER,
            link_id=link_id,
            click_class=ClickClass.BOT,
            found=5,
            expected=0,
        )
    ]


async def test_a_lost_single_click_is_found(link_id: int) -> None:
    found = await differences_after(f"DELETE FROM click WHERE at_us = {_NOON_US + 1}")

    assert found == [
        Difference(
            kind=DifferenceKind.SINGLE_CLICKS,
            link_id=link_id,
            click_class=ClickClass.HUMAN,
            bucket=_BUCKET,
            found=1,
            expected=2,
        )
    ]


async def test_a_wrong_cube_is_found(link_id: int) -> None:
    found = await differences_after("UPDATE click_cube SET clicks = 9 WHERE link_id = 7")

    assert found == [
        Difference(
            kind=DifferenceKind.CUBE,
            link_id=7,
            click_class=ClickClass.BOT,
            bucket=_BUCKET,
            found=9,
            expected=1,
        )
    ]


async def test_a_lost_total_is_found_on_every_side(link_id: int) -> None:
    found = await differences_after(f"DELETE FROM click_total WHERE link_id = {link_id}")

    assert {(one.kind, one.found, one.expected) for one in found} == {
        (DifferenceKind.LINK_COUNTER, 2, 0),
        (DifferenceKind.CUBE, 2, 0),
        (DifferenceKind.SINGLE_CLICKS, 2, 0),
        (DifferenceKind.RECORDS, 1, 3),
    }


async def test_a_position_behind_the_end_of_its_file_is_found(link_id: int) -> None:
    audit = await audit_clicks(lambda: {"a" * 32: 299})

    assert audit.differences == [
        Difference(kind=DifferenceKind.POSITION, file_id="a" * 32, found=300, expected=299)
    ]


async def test_records_that_were_read_and_not_counted_are_found(link_id: int) -> None:
    await SpoolPosition.filter(file_id="a" * 32).update(records=4)

    found = (await audit_clicks(dict)).differences

    assert found == [Difference(kind=DifferenceKind.RECORDS, found=3, expected=4)]


def test_a_folder_that_is_not_there_holds_no_spool(tmp_path: Path) -> None:
    assert spool_sizes(tmp_path / "none") == {}
