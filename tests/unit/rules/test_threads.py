"""Ids and addresses that only we can make, and which ticket a mail belongs to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.follow_ups import (
    FollowUp,
    FollowUpSign,
    KnownThreads,
    ThreadSigns,
    decide_follow_up,
    thread_signs,
)
from models.rules.mail_subjects import (
    MAX_SUBJECT_LENGTH,
    answer_subject,
    notice_subject,
    read_subject,
)
from models.rules.message_ids import read_ids
from models.rules.outgoing_threads import MAX_REFERENCES, Envelope, thread_headers
from models.rules.thread_ids import (
    ReplyToken,
    ThreadId,
    is_for,
    read_reply_address,
    read_thread_id,
    reply_address,
    thread_id,
)

NEW, OLD, FOREIGN = b"n" * 32, b"o" * 32, b"f" * 32
KEYS = (NEW, OLD)
MAILBOX = "support@desk.test"
OLGA, EVE = "olga@customer.test", "eve@stranger.test"
NUMBERS = st.integers(0, (1 << 63) - 1)


@given(NUMBERS, NUMBERS)
def test_an_id_is_read_as_it_was_made(ticket: int, message: int) -> None:
    for keys in (KEYS, (OLD,)):
        made = thread_id(keys, ticket=ticket, message=message, host="desk.test")

        assert read_thread_id(KEYS, made) == ThreadId(ticket, message)
        assert read_thread_id(KEYS, f" {made.upper()} ") == ThreadId(ticket, message)
        assert read_thread_id((FOREIGN,), made) is None
        assert read_ids([f"<{made}>".encode()]) == (made,)


def test_an_id_cannot_be_changed() -> None:
    made = thread_id(KEYS, ticket=7, message=8, host="desk.test")

    assert re.fullmatch(r"t\.7\.8\.[a-z2-7]{20}@desk\.test", made)
    assert read_thread_id(KEYS, made.replace("t.7.", "t.9.")) is None
    assert read_thread_id(KEYS, made.replace(".8.", ".9.")) is None
    assert read_thread_id(KEYS, made.replace("desk.test", "moved.test")) == ThreadId(7, 8)
    assert read_thread_id((), made) is None


@given(st.text(max_size=60))
def test_no_text_is_one_of_our_ids(text: str) -> None:
    assert read_thread_id(KEYS, text) is None
    assert read_thread_id(KEYS, f"t.{text}.1.{'a' * 20}@x") is None
    assert read_thread_id(KEYS, f"t.99999999999999999999.1.{'a' * 20}@x") is None
    assert read_reply_address(KEYS, f"support+{text}@desk.test", mailbox=MAILBOX) is None


@given(NUMBERS)
def test_an_address_for_answers_is_read_as_it_was_made(ticket: int) -> None:
    made = reply_address(KEYS, mailbox=MAILBOX, ticket=ticket, recipient=OLGA)
    token = read_reply_address((FOREIGN, *KEYS), made.upper(), mailbox=MAILBOX)

    assert token is not None
    assert token.ticket == ticket
    assert is_for(KEYS, token, " Olga@Customer.Test ")
    assert not is_for(KEYS, token, EVE)
    assert len(made.partition("@")[0]) <= 64
    assert read_reply_address((FOREIGN,), made, mailbox=MAILBOX) is None
    assert read_reply_address(KEYS, made, mailbox="other@desk.test") is None
    assert read_reply_address(KEYS, made, mailbox="support@other.test") is None


def test_an_address_for_answers_cannot_be_changed() -> None:
    made = reply_address(KEYS, mailbox=MAILBOX, ticket=7, recipient=OLGA)
    other = reply_address(KEYS, mailbox=MAILBOX, ticket=7, recipient=EVE)
    sign = made.rpartition("-")[2]

    assert read_reply_address(KEYS, made.replace("+7-", "+8-"), mailbox=MAILBOX) is None
    assert read_reply_address(KEYS, other.rpartition("-")[0] + f"-{sign}", mailbox=MAILBOX) is None


def test_an_address_made_with_an_older_key_is_still_for_its_reader() -> None:
    made = reply_address((OLD,), mailbox=MAILBOX, ticket=7, recipient=OLGA)
    token = read_reply_address(KEYS, made, mailbox=MAILBOX)

    assert token is not None
    assert is_for(KEYS, token, OLGA)


def decide(
    sender: str = OLGA,
    *,
    recipients: tuple[str, ...] = (MAILBOX,),
    answered: tuple[str, ...] = (),
    references: tuple[str, ...] = (),
    numbers: tuple[int, ...] = (),
) -> FollowUp:
    signs = thread_signs(
        KEYS,
        sender=sender,
        recipients=recipients,
        mailboxes=[MAILBOX],
        answered=answered,
        references=references,
        numbers=numbers,
    )
    known = KnownThreads(
        by_reference={"first@customer.test": 7, "gone@customer.test": 99},
        by_number={1042: 7, 1043: 8, 1099: 99},
        participants={7: {OLGA}, 8: {EVE}},
    )
    return decide_follow_up(KEYS, signs, known)


TOKEN = reply_address(KEYS, mailbox=MAILBOX, ticket=7, recipient=OLGA)
ID = thread_id(KEYS, ticket=7, message=5, host="desk.test")
NONE = FollowUp(ticket=None, sign=FollowUpSign.NONE)


def test_an_address_for_answers_decides_whoever_uses_it() -> None:
    found = decide(recipients=(MAILBOX, TOKEN), numbers=(1043,))

    assert found == FollowUp(ticket=7, sign=FollowUpSign.REPLY_ADDRESS)
    assert decide(EVE, recipients=(TOKEN,)) == FollowUp(
        ticket=7, sign=FollowUpSign.REPLY_ADDRESS, is_from_other_address=True
    )


def test_of_several_addresses_the_one_made_for_the_sender_decides() -> None:
    other = reply_address(KEYS, mailbox=MAILBOX, ticket=8, recipient=EVE)

    assert decide(recipients=(other, TOKEN)).ticket == 7
    assert decide(EVE, recipients=(TOKEN, other)).ticket == 8


def test_a_signed_id_decides_and_marks_who_takes_no_part() -> None:
    assert decide(answered=(ID,)) == FollowUp(ticket=7, sign=FollowUpSign.THREAD_ID)
    assert decide(references=("x@y", ID, "z@y")).ticket == 7
    assert decide(EVE, answered=(ID,)) == FollowUp(
        ticket=7, sign=FollowUpSign.THREAD_ID, is_from_other_address=True
    )


def test_the_nearest_signed_id_decides() -> None:
    other = thread_id(KEYS, ticket=8, message=1, host="desk.test")

    assert decide(answered=(other,), references=(ID,)).ticket == 8
    assert decide(references=(ID, other)).ticket == 8
    assert decide(references=(other, ID)).ticket == 7


def test_a_ticket_that_is_gone_takes_no_mail() -> None:
    gone = thread_id(KEYS, ticket=99, message=1, host="desk.test")
    token = reply_address(KEYS, mailbox=MAILBOX, ticket=99, recipient=OLGA)

    assert decide(answered=(gone,), recipients=(token,)) == NONE
    assert decide(references=("gone@customer.test",), numbers=(1099,)) == NONE


def test_hints_hold_for_who_takes_part_and_for_nobody_else() -> None:
    assert decide(numbers=(1042,)) == FollowUp(ticket=7, sign=FollowUpSign.SUBJECT_NUMBER)
    assert decide(references=("first@customer.test",)) == FollowUp(
        ticket=7, sign=FollowUpSign.REFERENCE
    )
    assert decide(EVE, numbers=(1042,)) == NONE
    assert decide(EVE, references=("first@customer.test",)) == NONE
    assert decide("", numbers=(1042,)) == NONE
    assert decide(numbers=(1043, 1042)).ticket == 7


@given(numbers=st.lists(st.sampled_from([1042, 1043, 1099, 5])), has_reference=st.booleans())
def test_no_number_lets_a_stranger_in(*, numbers: list[int], has_reference: bool) -> None:
    references = ("first@customer.test",) if has_reference else ()

    assert decide("any@body.test", numbers=tuple(numbers), references=references) == NONE


def test_a_forged_id_is_a_reference_like_any_other() -> None:
    forged = f"t.7.5.{'a' * 20}@desk.test"
    signs = thread_signs(
        KEYS,
        sender=EVE,
        recipients=[],
        mailboxes=[MAILBOX],
        answered=[forged],
        references=[forged, "a@b"],
        numbers=[],
    )

    assert signs == ThreadSigns(sender=EVE, references=(forged, "a@b"))
    assert signs.tokens == tuple[ReplyToken, ...]()


ENVELOPE = Envelope(
    ticket=7, number=1042, message=5, recipient=OLGA, host="desk.test", mailbox=MAILBOX
)
ROOT = thread_id(KEYS, ticket=7, message=0, host="desk.test")


def test_an_answer_has_all_that_keeps_it_in_its_conversation() -> None:
    headers = thread_headers(
        KEYS, ENVELOPE, subject="RE: Fwd: Договор [#1042]", earlier=["first@customer.test"]
    )

    assert headers == {
        "Message-ID": f"<{ID}>",
        "References": f"<{ROOT}> <first@customer.test>",
        "Reply-To": TOKEN,
        "Subject": "Re: Договор [#1042]",
        "In-Reply-To": "<first@customer.test>",
    }


def test_a_first_mail_refers_to_the_root_and_answers_nothing() -> None:
    headers = thread_headers(KEYS, ENVELOPE, subject="Договор", earlier=[])

    assert headers["Subject"] == "Договор [#1042]"
    assert headers["References"] == f"<{ROOT}>"
    assert "In-Reply-To" not in headers
    assert "List-Unsubscribe" not in headers


def test_references_are_bounded_each_once_and_in_order() -> None:
    earlier = [f"{n}@customer.test" for n in range(60)]

    headers = thread_headers(
        KEYS, ENVELOPE, subject="x", earlier=[ROOT, *earlier, "3@customer.test", "bad id", "a\r\nb"]
    )
    ids = headers["References"].split()

    assert len(ids) == MAX_REFERENCES
    assert ids[:2] == [f"<{ROOT}>", "<0@customer.test>"]
    assert ids[2] == "<43@customer.test>"
    assert ids[-2:] == ["<59@customer.test>", "<3@customer.test>"]
    assert headers["In-Reply-To"] == "<3@customer.test>"


@given(st.lists(st.text(max_size=20), max_size=30), st.text(max_size=80))
def test_no_id_and_no_subject_breaks_a_header(earlier: list[str], subject: str) -> None:
    headers = thread_headers(KEYS, ENVELOPE, subject=subject, earlier=earlier)

    for value in headers.values():
        assert value.isprintable() or not set(value) & set("\r\n\0")
    assert headers["References"].isascii()
    answers = read_ids([headers["References"].encode()])
    assert decide(references=answers).ticket == 7


@pytest.mark.parametrize(
    ("subject", "plain", "is_reply", "is_forward", "numbers"),
    [
        ("Help", "Help", False, False, ()),
        ("Re: Help", "Help", True, False, ()),
        ("RE: re: Re[3]: HELP", "HELP", True, False, ()),
        ("Re(2): Help", "Help", True, False, ()),
        ("Ответ: Помощь", "Помощь", True, False, ()),
        ("НА: Помощь", "Помощь", True, False, ()),
        ("Отв: Помощь", "Помощь", True, False, ()),
        ("FW: Help", "Help", False, True, ()),
        ("Fwd: Re: Help", "Help", True, True, ()),
        ("Re: Fwd: Help", "Help", True, False, ()),
        ("Пересл: Помощь", "Помощь", False, True, ()),
        ("[#12] Re: Help", "Help", True, False, (12,)),
        ("Re: [#12] Help [#13] [#12]", "Help", True, False, (12, 13)),
        ("Re: Help [#x] [12] #12", "Help [#x] [12] #12", True, False, ()),
        ("Report: numbers", "Report: numbers", False, False, ()),
        ("На столе: книга", "На столе: книга", False, False, ()),
        ("Re:", "", True, False, ()),
        ("", "", False, False, ()),
    ],
)
def test_a_subject_is_taken_apart(
    subject: str, plain: str, *, is_reply: bool, is_forward: bool, numbers: tuple[int, ...]
) -> None:
    found = read_subject(subject)

    assert (found.plain, found.is_reply, found.is_forward) == (plain, is_reply, is_forward)
    assert found.numbers == numbers


@given(st.text(max_size=400), NUMBERS.filter(lambda number: number < 10**18))
def test_a_subject_of_ours_says_its_number_once(subject: str, number: int) -> None:
    for written in (answer_subject(subject, number=number), notice_subject(subject, number=number)):
        assert len(written) <= MAX_SUBJECT_LENGTH
        assert read_subject(written).numbers[-1:] == (number,)
        assert "\n" not in written
    answer = answer_subject(subject, number=number)
    assert answer_subject(answer, number=number) == answer
    assert answer.startswith("Re: ")
