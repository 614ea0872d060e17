"""Ordered letters: one row for every address, one letter for those who are there."""

import asyncio

import pytest

from models.audit_entries import AuditEntry
from models.errors import ValueInvalidError
from models.letter_orders import LetterKind, LetterOrder
from models.mails import Mail
from resolvers.letter_order_filling import fill_orders
from resolvers.letter_orders import order_letter
from resolvers.ports import Ports
from tests.factories import as_nobody
from tests.people import as_visitor, make_member

pytestmark = pytest.mark.usefixtures("database")


async def order(ports: Ports, email: str) -> None:
    await order_letter(as_visitor(ports), LetterKind.PASSWORD_RESET, email=email, locale="ru")


async def test_an_order_waits_for_a_worker_and_is_gone_with_its_letter(ports: Ports) -> None:
    person = await make_member()
    await order(ports, person.email)
    assert (await LetterOrder.all().count(), await Mail.all().count()) == (1, 0)

    assert await fill_orders(as_nobody(ports)) == 1

    assert (await LetterOrder.all().count(), await Mail.all().count()) == (0, 1)
    assert await fill_orders(as_nobody(ports)) == 0


async def test_an_order_for_nobody_is_gone_without_a_letter(ports: Ports) -> None:
    await order(ports, "nobody@people.test")

    assert await fill_orders(as_nobody(ports)) == 1

    assert (await LetterOrder.all().count(), await Mail.all().count()) == (0, 0)


async def test_the_log_tells_from_where_a_letter_was_ordered(ports: Ports) -> None:
    person = await make_member()
    visitor = as_visitor(ports)
    await order(ports, person.email)

    await fill_orders(as_nobody(ports))

    entry = await AuditEntry.get(action="user.password_reset_request")
    assert entry.subject_id == person.id
    assert (entry.address, entry.request_id) == (
        visitor.origin.address,
        visitor.origin.request_id,
    )


async def test_several_workers_make_one_letter_of_an_order(ports: Ports) -> None:
    person = await make_member()
    await order(ports, person.email)

    taken = await asyncio.gather(*(fill_orders(as_nobody(ports)) for _ in range(4)))

    assert sorted(taken) == [0, 0, 0, 1]
    assert await Mail.all().count() == 1


async def test_an_address_that_no_letter_reaches_is_refused_at_once(ports: Ports) -> None:
    with pytest.raises(ValueInvalidError):
        await order(ports, "ада люб@people.test")

    assert await LetterOrder.all().count() == 0


async def test_an_order_that_no_letter_can_be_made_of_holds_up_no_other(ports: Ports) -> None:
    person = await make_member()
    await LetterOrder.create(
        kind=LetterKind.SIGN_UP, email="no address", locale="en", address="", request_id=""
    )
    await order(ports, person.email)

    assert await fill_orders(as_nobody(ports)) == 1

    assert [each.to_address for each in await Mail.all()] == [person.email]
    assert await LetterOrder.all().count() == 0
