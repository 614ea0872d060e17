"""Mail that comes in: stored first, each once, and made into what it is."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.files import Blob, FileOwnerKind, StoredFile
from models.raw_mails import RawMail, RawMailState
from models.rules.follow_ups import FollowUpSign
from models.rules.mail_loops import MAX_REOPENS
from models.rules.mail_origins import MailOriginKind
from models.rules.roles import PARTNER
from models.rules.thread_ids import reply_address, thread_id
from models.rules.ticket_states import (
    MessageVisibility,
    TicketChannel,
    TicketLinkKind,
    TicketResolution,
    TicketStatus,
)
from models.ticket_messages import TicketMessage
from models.tickets import Ticket, TicketLink
from models.users import User
from resolvers.context import RequestContext
from resolvers.file_ports import BlobMissingError
from resolvers.mail_erasures import forget_raw_mail
from resolvers.mail_intake import (
    LEASE,
    MOST_ATTEMPTS,
    claim_raw_mails,
    process_raw_mail,
    put_off,
)
from resolvers.mail_receiving import receive_mail
from resolvers.ports import Ports
from resolvers.ticket_deletions import delete_ticket
from resolvers.ticket_followers import follow_ticket
from resolvers.ticket_moves import mark_spam, resolve_ticket
from tests.desk import agent_of, customer_of, make_ticket
from tests.factories import make_organization
from tests.fakes import FixedClock
from tests.mail_corpus import corpus
from tests.mail_desk import (
    DESK,
    KEYS,
    Stored,
    as_job,
    mail_in,
    read_all,
    stored_mail,
    take_in,
    world_of,
)
from tests.mail_world import World, lines_of

STRANGER = "eve@stranger.test"


@pytest.fixture
async def job(database: None, ports: Ports) -> RequestContext:
    return as_job(ports)


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports)


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


@pytest.fixture
async def ticket(customer: RequestContext) -> Ticket:
    return await make_ticket(customer)


async def address_of(context: RequestContext) -> str:
    return (await User.get(id=context.viewer.user_id)).email


def written(sender: str, *headers: str, text: str = "Help!", name: str = "1") -> bytes:
    lines = [
        f"From: {sender}",
        "To: support@desk.test",
        "Date: Tue, 14 May 2024 11:00:00 +0300",
        f"Message-ID: <{name}@mail.test>",
        *headers,
        "",
        text,
    ]
    return "\r\n".join(lines).encode()


def answer_to(ticket: Ticket) -> str:
    return f"In-Reply-To: <{thread_id(KEYS, ticket=ticket.id, message=9, host='desk.test')}>"


async def messages(ticket: Ticket) -> list[str]:
    rows = await TicketMessage.filter(ticket_id=ticket.id).order_by("id")
    return [row.body_markdown for row in rows]


async def status(ticket: Ticket) -> TicketStatus:
    return (await Ticket.get(id=ticket.id)).status


async def test_a_mail_of_a_stranger_is_a_ticket_in_their_words(
    job: RequestContext, clock: FixedClock
) -> None:
    raw = written("Eve Moon <Eve@Stranger.test>", "Subject: Re: *Help* #me", text="It *broke*.\r\n")

    found = await mail_in(job, raw)

    assert found.ticket is not None
    assert found.message is not None
    assert (found.ticket.number, found.ticket.subject) == (1, "*Help* #me")
    assert (found.ticket.channel, found.ticket.status) == (TicketChannel.EMAIL, TicketStatus.NEW)
    assert (found.ticket.requester_email, found.ticket.requester_name) == (STRANGER, "Eve Moon")
    assert (found.ticket.requester_id, found.ticket.locale) == (None, "en")
    assert found.message.body_markdown == "It \\*broke\\*."
    assert (found.message.author_email, found.message.is_automatic) == (STRANGER, False)
    assert found.message.visibility is MessageVisibility.PUBLIC
    assert found.files == []
    assert (found.row.state, found.row.due_at, found.row.attempts) == (RawMailState.DONE, None, 1)
    assert (found.row.message_id, found.row.sender_email) == ("1@mail.test", STRANGER)
    assert (found.row.origin, found.row.sign) == (MailOriginKind.PERSON, FollowUpSign.NONE)
    assert found.row.received_at == clock.at


async def test_a_mail_of_a_customer_is_theirs(
    job: RequestContext, customer: RequestContext
) -> None:
    found = await mail_in(job, written(await address_of(customer), "Subject: Help"))

    assert found.ticket is not None
    assert found.message is not None
    assert found.ticket.requester_id == customer.viewer.user_id == found.message.author_id
    assert found.ticket.requester_email is None


async def test_the_bytes_are_stored_before_anything_is_read(job: RequestContext) -> None:
    raw = written(STRANGER)

    row_id = await take_in(job, raw)

    row = await RawMail.get(id=row_id)
    file = await StoredFile.get(owner_kind=FileOwnerKind.RAW_MAIL, owner_id=row_id)
    kept = b"".join([piece async for piece in job.ports.blobs.read(row.sha256)])
    assert (row.state, row.attempts, row.ticket_id) == (RawMailState.RECEIVED, 0, None)
    assert (kept, file.name, file.expires_at) == (raw, "mail.eml", None)
    assert await Ticket.all().count() == 0


async def test_a_mail_that_comes_again_is_the_same_one(
    job: RequestContext, clock: FixedClock
) -> None:
    raw = written(STRANGER)
    other_way = b"Received: by mx.other.test\r\n" + raw

    first = await asyncio.gather(
        *(receive_mail(job, raw, mailbox="a", received_at=clock.at) for _ in range(4))
    )
    later = await receive_mail(job, other_way, mailbox="b", received_at=clock.at)

    assert [row_id is None for row_id in first].count(False) == 1
    assert later is None
    assert await RawMail.all().count() == 1
    assert await StoredFile.all().count() == await Blob.all().count() == 1


async def test_a_mail_whose_reader_died_is_read_once_by_the_next_one(
    job: RequestContext, clock: FixedClock
) -> None:
    await take_in(job, written(STRANGER))
    [dead] = await claim_raw_mails(job, limit=9)
    assert await claim_raw_mails(job, limit=9) == []

    clock.at += LEASE
    [alive] = await claim_raw_mails(job, limit=9)
    late, right = await asyncio.gather(
        process_raw_mail(job, dead, desk=DESK), process_raw_mail(job, alive, desk=DESK)
    )

    assert (late, right) == (None, RawMailState.DONE)
    assert await process_raw_mail(job, alive, desk=DESK) is None
    assert await Ticket.all().count() == await TicketMessage.all().count() == 1


async def test_two_workers_share_what_waits(job: RequestContext) -> None:
    for number in range(6):
        await take_in(job, written(STRANGER, name=str(number)))

    both = await asyncio.gather(claim_raw_mails(job, limit=4), claim_raw_mails(job, limit=4))

    ids = [claimed.id for part in both for claimed in part]
    assert len(ids) == len(set(ids)) == 6


async def test_what_cannot_be_read_now_is_tried_again_and_once_given_up(
    job: RequestContext, clock: FixedClock
) -> None:
    row_id = await take_in(job, written(STRANGER))
    await job.ports.blobs.remove((await RawMail.get(id=row_id)).sha256)
    waits: list[timedelta] = []

    for _ in range(MOST_ATTEMPTS):
        [claimed] = await claim_raw_mails(job, limit=1)
        with pytest.raises(BlobMissingError) as caught:
            await process_raw_mail(job, claimed, desk=DESK)
        await put_off(job, claimed, caught.value)
        row = await RawMail.get(id=row_id)
        if row.due_at is not None:
            waits.append(row.due_at - clock.at)
            clock.at = row.due_at

    row = await RawMail.get(id=row_id)
    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert max(waits) == timedelta(minutes=30)
    assert len(waits) == MOST_ATTEMPTS - 1
    assert (row.state, row.due_at) == (RawMailState.FAILED, None)
    assert row.reason.startswith("BlobMissingError")
    assert await Ticket.all().count() == 0


async def test_an_answer_goes_into_its_ticket(
    job: RequestContext, customer: RequestContext, agent: RequestContext, ticket: Ticket
) -> None:
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    text = "Still broken.\r\n\r\n> 14.05.2024, 10:20, Desk <a@b.test>:\r\n> Try again.\r\n"
    raw = written(await address_of(customer), answer_to(ticket), "Subject: Re: x", text=text)

    found = await mail_in(job, raw)

    assert found.row.ticket_id == ticket.id
    assert found.row.sign is FollowUpSign.THREAD_ID
    assert await messages(ticket) == ["Help!", "Still broken."]
    assert await status(ticket) is TicketStatus.OPEN
    assert [name for name, _ in found.files] == ["mail.eml"]  # what was cut is in it


async def test_an_answer_long_after_the_end_is_a_new_ticket_that_follows(
    job: RequestContext,
    customer: RequestContext,
    agent: RequestContext,
    ticket: Ticket,
    clock: FixedClock,
) -> None:
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    clock.at += timedelta(days=job.ports.desk.reopen_days + 1)

    found = await mail_in(job, written(await address_of(customer), answer_to(ticket)))

    assert found.ticket is not None
    assert found.ticket.id != ticket.id
    link = await TicketLink.get(ticket_id=ticket.id)
    assert (link.other_id, link.kind) == (found.ticket.id, TicketLinkKind.FOLLOW_UP)
    assert await status(ticket) is TicketStatus.RESOLVED


async def test_a_stranger_with_the_number_does_not_get_in(
    job: RequestContext, ticket: Ticket
) -> None:
    found = await mail_in(job, written(STRANGER, f"Subject: Re: x [#{ticket.number}]"))

    assert found.ticket is not None
    assert found.ticket.id != ticket.id
    assert found.ticket.requester_email == STRANGER
    assert await messages(ticket) == ["Help!"]


async def test_who_takes_part_needs_only_the_number(job: RequestContext, ports: Ports) -> None:
    organization = await make_organization()
    customer, colleague, other = [
        await customer_of(ports, organization=organization, role=PARTNER) for _ in range(3)
    ]
    ticket = await make_ticket(customer)
    await follow_ticket(colleague, ticket_id=ticket.id)
    subject = f"Subject: x [#{ticket.number}]"

    found = [
        await mail_in(job, written(await address_of(person), subject, name=str(number)))
        for number, person in enumerate((customer, colleague, other))
    ]

    assert [one.row.ticket_id == ticket.id for one in found] == [True, True, False]


async def test_who_only_says_to_be_a_customer_does_not_get_in(
    job: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    desk = replace(DESK, check_servers=("mx.desk.test",))
    address, subject = await address_of(customer), f"Subject: x [#{ticket.number}]"
    for name in ("fail", "pass"):
        check = f"Authentication-Results: mx.desk.test; dmarc={name}"
        await take_in(job, written(address, check, subject, name=name))

    for claimed in await claim_raw_mails(job, limit=2):
        await process_raw_mail(job, claimed, desk=desk)

    forged, real = [await RawMail.get(message_id=f"{name}@mail.test") for name in ("fail", "pass")]
    assert (forged.faults, real.faults) == ("SENDER_REFUTED", "")
    assert forged.ticket_id != ticket.id == real.ticket_id
    begun = await Ticket.get(id=forged.ticket_id)
    assert (begun.requester_id, begun.requester_email) == (None, address)


async def test_a_stranger_with_somebodys_address_is_shown_as_who_they_are(
    job: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    to = reply_address(
        KEYS, mailbox="support@desk.test", ticket=ticket.id, recipient=await address_of(customer)
    )

    found = await mail_in(job, written(STRANGER, f"Cc: {to}"))
    other = await mail_in(job, written(STRANGER, f"Delivered-To: {to}", name="blind copy"))

    assert found.row.ticket_id == other.row.ticket_id == ticket.id
    assert (found.row.sign, found.row.is_from_other_address) == (FollowUpSign.REPLY_ADDRESS, True)
    assert found.message is not None
    assert (found.message.author_email, found.message.author_id) == (STRANGER, None)


async def test_a_stranger_gets_nothing_of_a_ticket_that_ended(
    job: RequestContext, agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    clock.at += timedelta(days=job.ports.desk.reopen_days + 1)

    found = await mail_in(job, written(STRANGER, answer_to(ticket), "Subject: hello"))

    assert found.ticket is not None
    assert (found.ticket.subject, found.ticket.organization_id) == ("hello", None)
    assert await TicketLink.all().count() == 0


async def test_a_reference_to_a_customers_own_mail_finds_its_ticket(job: RequestContext) -> None:
    first = await mail_in(job, written(STRANGER, "Subject: one", name="first"))

    again = await mail_in(
        job, written(STRANGER, "References: <first@mail.test>", name="second", text="And this.")
    )
    other = await mail_in(
        job, written("x@other.test", "References: <first@mail.test>", name="third")
    )

    assert again.row.ticket_id == first.row.ticket_id
    assert again.row.sign is FollowUpSign.REFERENCE
    assert other.row.ticket_id != first.row.ticket_id


@pytest.mark.parametrize("name", ["away-0", "auto-reply-0", "notice-0", "bounce-postfix"])
async def test_mail_of_programs_is_noted_for_the_desk_and_moves_nothing(
    name: str,
    job: RequestContext,
    customer: RequestContext,
    agent: RequestContext,
    ticket: Ticket,
) -> None:
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    world = world_of(ticket, await address_of(customer))
    [mail] = [each for each in corpus(world) if each.name == name]
    raw = mail.raw
    if name.startswith("notice"):
        raw = raw.replace(b"MIME-Version", f"{answer_to(ticket)}\r\nMIME-Version".encode(), 1)

    found = await mail_in(job, raw)

    assert found.row.ticket_id == ticket.id
    assert found.row.origin is mail.origin
    assert found.message is not None
    assert (found.message.visibility, found.message.is_automatic) == ("INTERNAL", True)
    assert await status(ticket) is TicketStatus.RESOLVED


@pytest.mark.parametrize(
    ("header", "state"),
    [
        ("Auto-Submitted: auto-generated", RawMailState.DONE),  # an alarm
        ("Auto-Submitted: auto-replied", RawMailState.PARKED),
        ("X-Failed-Recipients: a@b.test", RawMailState.PARKED),
        ("X-Linkyard-Desk: desk.test", RawMailState.PARKED),
        ("List-Id: <all.b.test>", RawMailState.DONE),
    ],
)
async def test_of_mail_of_programs_only_notices_begin_tickets(
    header: str, state: RawMailState, job: RequestContext
) -> None:
    found = await mail_in(job, written(STRANGER, header))

    assert found.row.state is state
    assert (found.ticket is None) == (state is RawMailState.PARKED)
    assert bool(found.row.reason) == (state is RawMailState.PARKED)


async def test_a_bounce_that_names_a_ticket_only_in_its_subject_gets_nowhere(
    job: RequestContext, ticket: Ticket
) -> None:
    raw = written("mailer-daemon@b.test", f"Subject: failed [#{ticket.number}]", "Return-Path: <>")

    assert (await mail_in(job, raw)).row.state is RawMailState.PARKED
    assert await messages(ticket) == ["Help!"]


async def test_mail_of_the_desk_is_a_note_that_no_customer_sees(
    job: RequestContext, agent: RequestContext, ticket: Ticket
) -> None:
    address = await address_of(agent)
    to = reply_address(KEYS, mailbox="support@desk.test", ticket=ticket.id, recipient=address)

    sure = await mail_in(job, written(address, f"To: {to}", name="1"))
    unsure = await mail_in(job, written(address, answer_to(ticket), name="2"))

    for found, is_sure in ((sure, True), (unsure, False)):
        assert found.message is not None
        assert found.row.ticket_id == ticket.id
        assert found.message.visibility is MessageVisibility.INTERNAL
        assert found.message.is_from_staff is is_sure
        assert found.message.author_id == agent.viewer.user_id
    assert await status(ticket) is TicketStatus.NEW


async def test_spam_and_deleted_tickets_take_no_mail(
    job: RequestContext, customer: RequestContext, agent: RequestContext, ports: Ports
) -> None:
    boss = await agent_of(ports, "administrator")
    spam, gone = await make_ticket(customer), await make_ticket(customer)
    await mark_spam(agent, ticket_id=spam.id)
    await delete_ticket(boss, ticket_id=gone.id)
    address = await address_of(customer)

    to_spam = await mail_in(job, written(address, answer_to(spam), name="1"))
    to_gone = await mail_in(job, written(address, answer_to(gone), name="2"))

    assert (to_spam.row.state, await messages(spam)) == (RawMailState.PARKED, ["Help!"])
    assert to_gone.ticket is not None
    assert to_gone.ticket.id != gone.id


async def test_one_ticket_is_reopened_only_so_often_a_day(
    job: RequestContext, customer: RequestContext, agent: RequestContext, ticket: Ticket
) -> None:
    address = await address_of(customer)

    for number in range(MAX_REOPENS + 1):
        await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
        await mail_in(job, written(address, answer_to(ticket), name=str(number), text=str(number)))

    assert await status(ticket) is TicketStatus.RESOLVED
    assert len(await messages(ticket)) == MAX_REOPENS + 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"no mail at all",
        b"From: \xff\r\nSubject: =?utf-8?B?\x00?=\r\n\r\n\x00",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--",
    ],
)
async def test_whatever_comes_is_a_ticket_with_its_file(raw: bytes, job: RequestContext) -> None:
    found = await mail_in(job, raw)

    assert found.row.state is RawMailState.DONE
    assert found.ticket is not None
    assert found.ticket.requester_email is None
    assert found.ticket.subject
    assert ("mail.eml", len(raw)) in found.files
    assert "SENDER_MISSING" in found.row.faults.split()


# Of each kind one: the whole corpus goes through real servers.
SAMPLES = (
    "gmail-ru-answer",
    "outlook-desktop-ru-files",
    "outlook-web-en-answer",
    "yandex-ru-files",
    "thunderbird-en-files",
    "the-bat-ru-between",
    "iphone-en-forward",
    "broken-winmail",
    "broken-name-2047",
    "broken-twice",
    "broken-cut-base64",
    "broken-picture-not-shown",
    "list-0",
    "stranger-number-customer",
)


async def test_mail_of_real_programs_becomes_what_it_has_to(
    job: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    world: World = world_of(ticket, await address_of(customer))
    mails = {mail.name: mail for mail in corpus(world) if mail.name in SAMPLES}
    rows = {name: await take_in(job, mails[name].raw) for name in SAMPLES}

    assert set(await read_all(job)) == {RawMailState.DONE}

    for name, row_id in rows.items():
        found: Stored = await stored_mail(row_id)
        expected = mails[name]
        assert found.message is not None
        assert (found.row.ticket_id == ticket.id) == (expected.sign is not FollowUpSign.NONE)
        files = [file for file in found.files if file[0] != "mail.eml"]
        assert files == sorted((part[0], len(part[1])) for part in expected.parts)
        assert set(found.row.faults.split()) == {fault.value for fault in expected.faults}
        plain = found.message.body_markdown.replace("\\", "")
        if name != "the-bat-ru-between":  # quotations are marked anew there
            assert lines_of(plain) == lines_of(expected.new)


async def test_a_person_who_is_forgotten_takes_their_mails_along(
    job: RequestContext, customer: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    address = await address_of(customer)
    text = "New.\r\n\r\n> 14.05.2024, 10:20, Desk <a@b.test>:\r\n> Old.\r\n"
    theirs = await mail_in(job, written(address, answer_to(ticket), text=text))
    other = await mail_in(job, written(STRANGER, "Subject: =?x", name="2"))
    user = await User.get(id=customer.viewer.user_id)

    async with in_transaction("default") as connection:
        await forget_raw_mail(job, connection, user)

    row = await RawMail.get(id=theirs.row.id)
    assert (row.sender_email, row.message_id, row.ticket_id) == (None, None, ticket.id)
    assert [name for name, _ in theirs.files] == ["mail.eml"]
    let_go = await StoredFile.filter(expires_at=clock.at).order_by("id")
    assert [(file.owner_kind, file.owner_id) for file in let_go] == [(None, None)] * 2
    assert (await RawMail.get(id=other.row.id)).sender_email == STRANGER
    assert await StoredFile.filter(expires_at=None).count() == 1
