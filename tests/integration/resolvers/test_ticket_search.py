"""Tickets are found by what was said in them, by everybody who may read it and nobody else."""

from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.orm import reader, writer
from models.raw_sql import fetch
from models.rules.article_states import ArticleVisibility
from models.rules.roles import CUSTOMER
from models.rules.ticket_states import TicketStatus
from models.search_documents import SearchKind
from resolvers.article_lists import search_articles
from resolvers.article_texts import ArticleDraft
from resolvers.articles import create_article, publish_article
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.search_index import SearchText, index_document
from resolvers.search_rebuild import rebuild_search
from resolvers.ticket_edits import change_subject
from resolvers.ticket_filters import TicketFilter
from resolvers.ticket_lists import count_tickets
from resolvers.ticket_messages import note_on_ticket, reply_to_ticket, take_back_message
from resolvers.ticket_search import index_sent_answers, search_tickets
from tests.desk import agent_of, customer_of, make_ticket
from tests.factories import as_person, make_built_in
from tests.fakes import FixedClock


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports)


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


async def found(context: RequestContext, typed: str) -> list[int]:
    """Return the numbers that a search finds; the filter of lists agrees."""
    tickets = await search_tickets(context, typed=typed)
    if not typed.isdigit():
        counted = await count_tickets(context, TicketFilter(search=typed))
        assert min(counted, 20) == len(tickets)
    return [ticket.number for ticket in tickets]


async def test_a_ticket_is_found_by_its_number_its_subject_and_its_messages(
    customer: RequestContext, agent: RequestContext
) -> None:
    first = await make_ticket(customer, "Не печатает принтер")
    await make_ticket(customer, "Вход")
    await reply_to_ticket(customer, ticket_id=first.id, body="Ошибка **ERR-1042** на 2-м этаже")

    for context in (customer, agent):
        assert await found(context, "принтеры") == [1]
        assert await found(context, "ошибки принтера err1042") == [1]
        assert await found(context, "2") == [2, 1]
        assert await found(context, "принтер вход") == []


async def test_others_find_nothing_of_it(customer: RequestContext, ports: Ports) -> None:
    await make_ticket(customer, "Не печатает принтер")
    stranger = as_person(ports, await make_built_in(CUSTOMER))

    assert await found(stranger, "принтер") == []
    assert await found(customer, "принтер") == [1]


async def test_notes_are_found_by_the_desk_alone_also_as_what_is_left_out(
    customer: RequestContext, agent: RequestContext
) -> None:
    ticket = await make_ticket(customer, "Принтер")
    await note_on_ticket(agent, ticket_id=ticket.id, body="Клиент должник")

    assert await found(agent, "должник принтер") == [1]
    assert await found(agent, "принтер -должник") == []
    assert await found(customer, "должник") == []
    assert await found(customer, "принтер -должник") == [1]


async def test_customers_find_by_an_answer_once_it_is_sent(
    customer: RequestContext, agent: RequestContext, clock: FixedClock
) -> None:
    ticket = await make_ticket(customer, "Принтер")
    await reply_to_ticket(agent, ticket_id=ticket.id, body="Замените картридж")
    assert await found(agent, "картридж") == [1]
    assert await found(customer, "картридж") == []
    assert await index_sent_answers(agent) == 0

    clock.at += timedelta(seconds=16)

    assert await index_sent_answers(agent) == 1
    assert await found(customer, "картридж принтер") == [1]
    assert await found(agent, "картридж принтер") == [1]
    assert await index_sent_answers(agent) == 0


async def test_nobody_finds_by_an_answer_that_was_taken_back(
    customer: RequestContext, agent: RequestContext, clock: FixedClock
) -> None:
    ticket = await make_ticket(customer, "Принтер")
    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="Замените картридж")
    await take_back_message(agent, message_id=reply.message.id)
    clock.at += timedelta(seconds=16)

    assert await index_sent_answers(agent) == 0
    assert await found(agent, "картридж") == await found(customer, "картридж") == []
    assert await found(customer, "принтер") == [1]


async def test_a_new_subject_takes_the_place_of_the_old(
    customer: RequestContext, agent: RequestContext
) -> None:
    ticket = await make_ticket(customer, "Принтер")
    await note_on_ticket(agent, ticket_id=ticket.id, body="этаж")
    await change_subject(agent, ticket_id=ticket.id, subject="Сканер")

    assert await found(customer, "принтер") == await found(customer, "этаж") == []
    assert await found(customer, "сканер") == [1]
    assert await found(agent, "сканер этаж") == [1]


async def test_filters_hold_besides_and_marks_find_nothing(
    customer: RequestContext, agent: RequestContext
) -> None:
    await make_ticket(customer, "Принтер")
    filter_of_open = TicketFilter(statuses=[TicketStatus.OPEN], search="принтер")
    filter_of_new = TicketFilter(statuses=[TicketStatus.NEW], search="принтер")

    assert await search_tickets(agent, typed="принтер", filter=filter_of_open) == []
    tickets = await search_tickets(agent, typed="прин", filter=filter_of_new, is_typing=True)
    assert [ticket.number for ticket in tickets] == [1]
    for typed in ("", "'\"*", "-принтер", "\0", "языка нет"):
        assert await search_tickets(agent, typed=typed) == []
    assert len(await fetch(reader(), "SELECT id FROM search_document")) == 1


async def test_everything_can_be_indexed_anew(
    customer: RequestContext, agent: RequestContext, clock: FixedClock
) -> None:
    for number in range(23):
        await make_ticket(customer, f"Принтер {number}")
    draft = ArticleDraft(language="ru", title="Принтер", body="Включите его.")
    article = await create_article(agent, draft=draft, visibility=ArticleVisibility.PUBLIC)
    await publish_article(agent, article_id=article.id)
    before = await found(agent, "принтер"), await search_articles(customer, typed="принтер")
    connection = writer()
    await connection.execute_script("DELETE FROM search_document")
    async with in_transaction("default") as connection:
        text = SearchText(title="Принтер")
        await index_document(connection, kind=SearchKind.TICKET, owner_id=1, text=text)

    done = [count async for count in rebuild_search(agent)]

    assert done == [20, 23, 24]
    assert (
        await found(agent, "принтер"),
        await search_articles(customer, typed="принтер"),
    ) == before
    assert before[0] == [*range(23, 3, -1)]
    rows = await fetch(reader(), "SELECT owner_id FROM search_document WHERE owner_id = 1")
    assert rows == []
