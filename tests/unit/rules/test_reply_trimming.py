"""What is new in an answer; the answers of whole programs are in the corpus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.flowed_text import unflow
from models.rules.reply_trimming import SectionKind, trim_reply


def kinds(text: str, *, is_reply: bool = True, is_forward: bool = False) -> dict[str, str]:
    """Return the text of each kind of section."""
    found: dict[str, str] = {}
    for section in trim_reply(text, is_reply=is_reply, is_forward=is_forward).sections:
        found[section.kind.value] = found.get(section.kind.value, "") + section.text
    return {kind: part.strip() for kind, part in found.items() if part.strip()}


ATTRIBUTIONS = (
    "On Tue, May 14, 2024 at 10:20 AM Ann Lee <ann@b.test> wrote:",
    "On Tue, May 14, 2024 at 10:20 AM Ann Lee <ann@b.test>\nwrote:",
    "On Tue, May 14, 2024 at 10:20 AM A Very Long Name Of Somebody <\nann@b.test> wrote:",
    "On 14 May 2024, at 10:20, Ann Lee <ann@b.test> wrote:",
    "On 5/14/24 10:20, Ann Lee wrote:",
    "On 2024-05-14 10:20, Ann Lee wrote:",
    "On Tuesday, May 14th, 2024 at 10:20, Ann Lee <ann@b.test> wrote:",
    "On Tuesday,\nMay 14, 2024, Ann Lee <ann@b.test> wrote:",
    "Ann Lee <ann@b.test> writes:",
    "Tuesday, May 14, 2024, 10:20:36 AM, you wrote:",
    "вт, 14 мая 2024 г. в 10:20, Анна Ли <ann@b.test>:",
    "вт, 14 мая 2024 г. в 10:20, Очень Длинное Имя Кого-то\n<ann@b.test>:",
    "14 мая 2024 г., в 10:20, Анна Ли <ann@b.test> написал(а):",
    "14.05.2024 10:20, Анна Ли пишет:",
    '14.05.2024, 10:20, "Анна Ли" <ann@b.test>:',
    "Вторник, 14 мая 2024, 10:20 +03:00 от Анна Ли <ann@b.test>:",
    "Анна Ли писал(а) 2024-05-14 10:20:",
    "Вы писали 14 мая 2024 г., 10:20:36:",
    "Анна Ли пишет:",
)


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_the_quotation_with_who_wrote_it_is_not_new(attribution: str) -> None:
    quote = f"{attribution}\n\n> first\n>\n> second"

    assert kinds(f"Answer\n\n{quote}\n") == {"NEW": "Answer", "QUOTED": quote}
    assert kinds(f"{quote}\n\nAnswer\n") == {"NEW": "Answer", "QUOTED": quote}
    assert kinds(f"Answer\n\n{quote}\n\n-- \nOlga\n") == {
        "NEW": "Answer",
        "QUOTED": quote,
        "SIGNATURE": "-- \nOlga",
    }


COPIES = (
    "From: Ann <ann@b.test>\nSent: Tuesday, May 14, 2024 10:20 AM\nTo: Bob\nSubject: x\n\ntext",
    "От: Анна <ann@b.test>\nОтправлено: 14 мая 2024 г. 10:20\nКому: Боб\nТема: x\n\nтекст",
    "*From:* Ann <ann@b.test>\n*Sent:* Tuesday\n*To:* Bob\n*Subject:* x\n\ntext",
    "-----Original Message-----\nFrom: Ann\nSent: Tuesday\nTo: Bob\nSubject: x\n\ntext",
    "----- Исходное сообщение -----\nОт кого: Анна\nДата: вт\nКому: Боб\nТема: x\n\nтекст",
    "________________________________\nFrom: Ann\nSent: Tuesday\nTo: Bob\nCc: Eve\nSubject: x\n\nt",
    "________________________________\n\nDate: Tuesday\nFrom: Ann\nTo: Bob\n\nt",
    "-------- Original message --------\nWords of a phone.",
)


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_of_headers_begins_what_is_answered(copy: str) -> None:
    assert kinds(f"Answer\n\n{copy}\n") == {"NEW": "Answer", "QUOTED": copy}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_of_headers_in_a_mail_that_answers_none_is_new(copy: str) -> None:
    assert kinds(f"Look\n\n{copy}\n", is_reply=False) == {"NEW": f"Look\n\n{copy}"}


FORWARDS = (
    "---------- Forwarded message ---------",
    "-------- Пересылаемое сообщение --------",
    "-------- Перенаправленное сообщение --------",
    "Begin forwarded message:",
    "Начало переадресованного сообщения:",
)


@pytest.mark.parametrize("mark", FORWARDS)
def test_forwarded_mail_is_kept_whole(mark: str) -> None:
    text = (
        f"See below\n\n{mark}\nFrom: Ann\nDate: today\nTo: Bob\nSubject: x\n\n> quoted\n\n-- \nAnn"
    )

    assert kinds(text) == {"NEW": text}
    assert kinds(text.replace(mark, ""), is_forward=True) == {"NEW": text.replace(mark, "")}


@pytest.mark.parametrize(
    "text",
    [
        "On 5/14/24 10:20, Ann wrote:\n> one?\n\nyes\n\n> two?\n\nno",
        "> quoted\n> before",
        "Hello\n> a line in the middle\nof my text",
        "From: what I see\nit is wrong",
        "From: A\nto B",
        "Встреча 14.05.2024 в 10:20.\nИван сказал, что:\nвсё готово",
        "The error is:\n12.05.2024 10:00 failed for:\nann@b.test",
        "I wrote:\nnothing",
    ],
)
def test_when_in_doubt_nothing_is_cut(text: str) -> None:
    assert kinds(text) == {"NEW": text}


def test_lines_that_somebody_marks_in_a_new_mail_are_new() -> None:
    assert kinds("The log says:\n\n> error 5\n", is_reply=False) == {
        "NEW": "The log says:\n\n> error 5"
    }


def test_an_original_without_marks_needs_date_and_address() -> None:
    sure = "On Tuesday, May 14, 2024 at 10:20:36 AM GMT+3, Ann <ann@b.test> wrote: \n\nold words"

    assert kinds(f"Answer\n\n{sure}") == {"NEW": "Answer", "QUOTED": sure}
    assert kinds(f"Answer\n\n{sure}", is_reply=False)["NEW"].startswith("Answer\n\nOn Tuesday")
    assert kinds("Answer\n\nOn 5/14/24 10:20, Ann wrote:\n\nold words").keys() == {"NEW"}


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("Text\n-- \nOlga\nphone 1", "-- \nOlga\nphone 1"),
        ("Text\n--\nOlga", "--\nOlga"),
        ("Текст\n\nС уважением,\nОльга\nтел. 1", "С уважением,\nОльга\nтел. 1"),
        ("Текст\nС уважением, Ольга Смирнова", "С уважением, Ольга Смирнова"),
        ("Text\n\nBest regards,\nOlga", "Best regards,\nOlga"),
        ("Text\n\nSent from my iPhone", "Sent from my iPhone"),
        ("Текст\n\nОтправлено из мобильной Почты Mail.ru", "Отправлено из мобильной Почты Mail.ru"),
        ("Text\n\nRegards,\nOlga\n\nSent from my Galaxy", "Regards,\nOlga\n\nSent from my Galaxy"),
        (
            "Text\nGet Outlook for Android<https://x.test>",
            "Get Outlook for Android<https://x.test>",
        ),
    ],
)
def test_a_signature_is_a_section_of_its_own(text: str, signature: str) -> None:
    assert kinds(text)["SIGNATURE"] == signature
    assert kinds(text)["NEW"] in {"Text", "Текст"}


@pytest.mark.parametrize(
    "text",
    [
        "С уважением,\nОльга",
        "-- \nOlga",
        "Text\nBest regards,\nOlga\n\nP.S. Can you call me?",
        "Text\nС уважением,\n" + "строка\n" * 11,
        "Text\nС уважением,\n" + "x" * 200,
        "Sent from my iPhone",
        "We sent from our side a file",
    ],
)
def test_what_may_be_text_is_no_signature(text: str) -> None:
    assert "SIGNATURE" not in kinds(text)


LINES = st.sampled_from(
    [
        "",
        "words",
        "> quoted",
        ">",
        "-- ",
        "С уважением,",
        "On 5/14/24 10:20, Ann wrote:",
        "12.05.2024, Ann <a@b.test>:",
        "From: Ann",
        "Sent: Tuesday",
        "To: Bob",
        "-----Original Message-----",
        "Begin forwarded message:",
        "____________________",
        "Отправлено с iPhone",
        "a\u2028b\x85c",
    ]
)


@given(lines=st.lists(LINES, max_size=15), is_reply=st.booleans(), is_forward=st.booleans())
def test_the_sections_are_the_text_and_something_is_always_new(
    *, lines: list[str], is_reply: bool, is_forward: bool
) -> None:
    text = "\n".join(lines)

    trimmed = trim_reply(text, is_reply=is_reply, is_forward=is_forward)

    assert "".join(section.text for section in trimmed.sections) == text
    assert bool(trimmed.new) == bool(text.strip())
    assert trimmed.is_cut == any(s.kind is not SectionKind.NEW for s in trimmed.sections)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one \ntwo\nthree", "one two\nthree"),
        ("> one \n> two\nthree", "> one two\nthree"),
        ("> one \ntwo", "> one\ntwo"),
        (">> deep \n> less", ">> deep\n> less"),
        ("text \n-- \nOlga", "text\n-- \nOlga"),
        (" stuffed\n >not quoted", "stuffed\n>not quoted"),
        ("open ", "open"),
        ("", ""),
    ],
)
def test_flowed_lines_are_joined(text: str, expected: str) -> None:
    assert unflow(text) == expected


def test_the_space_of_a_break_may_be_none_of_the_text() -> None:
    assert unflow("日本 \n語", delete_space=True) == "日本語"
