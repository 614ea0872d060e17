"""Questions, answers and forwarded mail as people write them with their programs."""

from collections.abc import Iterator

from models.rules.follow_ups import FollowUpSign
from tests.mail_programs import EN, PROGRAMS, RU, Program, Words, page
from tests.mail_world import PDF, PNG, CorpusMail, World
from tests.mail_writing import Style, file_part, header_text, mail, multipart, person, text_part

_FORWARDS = {
    "gmail": ("---------- Forwarded message ---------",) * 2,
    "apple-mail": ("Начало переадресованного сообщения:", "Begin forwarded message:"),
    "thunderbird": (
        "-------- Перенаправленное сообщение --------",
        "-------- Forwarded Message --------",
    ),
}
_FORWARD = ("-------- Пересылаемое сообщение --------", "-------- Forwarded message --------")


def program_mails(world: World) -> Iterator[CorpusMail]:
    """Return what people write with their programs."""
    for program in PROGRAMS:
        for words in (RU, EN):
            yield _question(world, program, words)
            yield _answer(world, program, words)
            yield _answer_with_files(world, program, words)
            yield _forward(world, program, words)
            if program.shape == "plain" and quotes_by_marks(program, words):
                yield _between_lines(world, program, words)


def quotes_by_marks(program: Program, words: Words) -> bool:
    return ">" in program.quote(words).split("\n")[-1][:4]


def _question(world: World, program: Program, words: Words) -> CorpusMail:
    tail = program.tail.get(words.language, f"-- \n{words.signature}")
    return _mail(world, program, words, kind="question", text=f"{words.new}\n\n{tail}")


def _answer(world: World, program: Program, words: Words) -> CorpusMail:
    return _mail(world, program, words, kind="answer", text=_top_or_below(program, words))


def _top_or_below(program: Program, words: Words) -> str:
    quote = program.quote(words)
    if program.is_below:
        return f"{quote}\n\n{words.new}\n\n-- \n{words.signature}\n"
    tail = program.tail.get(words.language, words.signature)
    return f"{words.new}\n\n{tail}\n\n{quote}\n"


def _answer_with_files(world: World, program: Program, words: Words) -> CorpusMail:
    text = _top_or_below(program, words)
    return _mail(world, program, words, kind="files", text=text)


def _between_lines(world: World, program: Program, words: Words) -> CorpusMail:
    first, *_, last = program.quote(words).split("\n")
    text = f"{first}\n{last}\n\n{words.new}\n\n{last}\n\n{words.new}\n"
    return _mail(world, program, words, kind="between", text=text, new=text)


def _forward(world: World, program: Program, words: Words) -> CorpusMail:
    mark = _FORWARDS.get(program.name, _FORWARD)[words.language == "en"]
    names = ("От", "Тема") if words.language == "ru" else ("From", "Subject")
    copy = f"{mark}\n{names[0]}: {words.desk} <{words.desk_address}>\n{names[1]}: {words.subject}"
    text = f"{words.new}\n\n{copy}\n\n{words.original}\n"
    return _mail(world, program, words, kind="forward", text=text, new=text)


def _mail(  # noqa: PLR0913 - what a mail is made of
    world: World, program: Program, words: Words, *, kind: str, text: str, new: str = ""
) -> CorpusMail:
    style = program.style[words.language]
    is_answer = kind not in {"question", "forward"}
    name = f"{program.name}-{words.language}-{kind}"
    sent = world.sent()
    prefix = {"question": "", "forward": "Fwd: "}.get(kind, "Re: ")
    subject = prefix + words.subject + (f" [#{world.number}]" if is_answer else "")
    to = sent["Reply-To"] if kind == "files" else world.mailbox
    fields: list[tuple[str, bytes | str]] = [
        ("Received", f"from mx.customer.test by mx.{world.host}; Tue, 14 May 2024 11:00:01 +0300"),
        ("From", person(words.sender, world.customer, style)),
        ("To", person(words.desk, to, style)),
        ("Subject", header_text(subject, style)),
        ("Date", "Tue, 14 May 2024 11:00:00 +0300"),
        ("Message-ID", f"<{name}@customer.test>"),
    ]
    if is_answer:
        fields.append(("In-Reply-To", sent["Message-ID"]))
        fields.append(("References", f"{sent['References']}\r\n {sent['Message-ID']}"))
    if program.mailer:
        fields.append(("X-Mailer", program.mailer))
    content, parts = _content(program, style, text, kind=kind, boundary=f"=_{name}")
    sign = FollowUpSign.REPLY_ADDRESS if kind == "files" else FollowUpSign.THREAD_ID
    return CorpusMail(
        name=name,
        raw=mail(fields, content),
        sender=world.customer,
        subject=subject,
        new=new or words.new,
        parts=parts,
        sign=sign if is_answer else FollowUpSign.NONE,
    )


def _content(
    program: Program, style: Style, text: str, *, kind: str, boundary: str
) -> tuple[bytes, tuple[tuple[str, bytes, bool], ...]]:
    """Write the text in the shape of the program, with files if it is about files."""
    has_files = kind == "files"
    plain = text_part(text, style, more=program.more)
    if program.shape == "plain":
        body, picture = plain, b""
    else:
        shown = '<img src="cid:shot@customer.test" width=10>' if has_files else ""
        html = text_part(page(text).replace("</body>", f"{shown}</body>"), style, subtype="html")
        picture = file_part(
            PNG,
            media="image/png",
            name=b'="image001.png"',
            place="inline",
            more="shot@customer.test",
        )
        rich = multipart("related", [html, picture], boundary=f"{boundary}r") if has_files else html
        is_alone = program.shape == "html"
        body = (
            rich if is_alone else multipart("alternative", [plain, rich], boundary=f"{boundary}a")
        )
    if not has_files:
        return body, ()
    named = b"*=UTF-8''%D0%B4%D0%BE%D0%B3%D0%BE%D0%B2%D0%BE%D1%80.pdf"
    contract = file_part(PDF, media="application/pdf", name=named)
    parts = [("image001.png", PNG, True)] if picture else []
    return (
        multipart("mixed", [body, contract], boundary=boundary),
        (*parts, ("договор.pdf", PDF, False)),
    )
