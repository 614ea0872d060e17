"""Transfer encodings, winmail.dat, texts in several forms, pictures."""

import binascii
import struct
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.incoming_mail import IncomingMail, read_mail
from models.rules.inline_pictures import picture_places, shown_ids
from models.rules.mail_faults import MailFault
from models.rules.tnef import read_tnef
from models.rules.transfer_encodings import Content, decode_transfer
from tests.mail_writing import Style, entity, file_part, multipart, text_part
from tests.tnef_files import properties, tnef, winmail

DATA = bytes(range(256)) * 3
B64 = b64encode(DATA)
UTF8 = Style()


def decoded(data: bytes, encoding: str) -> tuple[bytes, MailFault | None]:
    found = decode_transfer(data, encoding=encoding)
    return found.data, found.fault


@pytest.mark.parametrize(
    ("data", "encoding", "expected", "fault"),
    [
        (DATA, "", DATA, None),
        (DATA, "8bit", DATA, None),
        (DATA, "7bit", DATA, None),
        (B64, "base64", DATA, None),
        (b"\r\n".join(B64[n : n + 76] for n in range(0, 1024, 76)), "base64", DATA, None),
        (B64, '"base64"', DATA, None),
        (b"", "base64", b"", None),
        (b"\r\n \r\n", "base64", b"", None),
        (B64[:-2], "base64", DATA[:-2], MailFault.BASE64_BROKEN),
        (B64[:-3], "base64", DATA[:-3], MailFault.BASE64_BROKEN),
        (B64[:40] + b"!" + B64[40:], "base64", DATA, MailFault.BASE64_BROKEN),
        (b64encode(b"a") + b"\r\n" + b64encode(b"bc"), "base64", b"abc", MailFault.BASE64_BROKEN),
        ("Просто текст".encode(), "base64", "Просто текст".encode(), MailFault.BASE64_BROKEN),
        (b"a=3D=\r\nb=zz=", "quoted-printable", b"a=b=zz", None),
        (b"x", "x-odd", b"x", MailFault.ENCODING_UNKNOWN),
        (b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n", "x-uuencode", b"abc", None),
        (b"begin 644 a\r\n#86)C\r\n", "x-uuencode", b"abc", MailFault.BOUNDARY_UNCLOSED),
        (b"no beginning", "uuencode", b"no beginning", MailFault.ENCODING_UNKNOWN),
    ],
)
def test_what_can_be_decoded_is(
    data: bytes, encoding: str, expected: bytes, fault: MailFault | None
) -> None:
    assert decoded(data, encoding) == (expected, fault)


@given(st.binary(max_size=300))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    assert decode_transfer(binascii.b2a_base64(data), encoding="base64") == Content(data)
    written = binascii.b2a_qp(data, istext=False)
    assert decode_transfer(written, encoding="quoted-printable") == Content(data)


def test_lines_that_stand_for_more_than_they_hold_stay_as_they_came() -> None:
    bomb = b"begin 644 x\n" + b"_\n" * 10_000  # 63 zeros each

    assert decode_transfer(bomb, encoding="x-uuencode") == Content(bomb, MailFault.ENCODING_UNKNOWN)
    kept = b"begin 644 x\n" + binascii.b2a_uu(b"a" * 45) + b"!\n`\nend\n"
    assert decode_transfer(kept, encoding="x-uuencode") == Content(b"a" * 45 + b"\0")


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "x-uuencode", "?"]))
def test_any_bytes_are_decoded(data: bytes, encoding: str) -> None:
    for written in (data, b"begin 644 x\n" + data):
        found = decode_transfer(written, encoding=encoding)

        assert len(found.data) <= len(written)  # nothing grows in a mail
        assert encoding != "?" or found == Content(written, MailFault.ENCODING_UNKNOWN)


def test_winmail_has_files_with_their_long_names_and_the_text() -> None:
    found = read_tnef(
        winmail({"договор аренды.pdf": DATA, "b.txt": b""}, text="Привет", html="<p>Да")
    )

    assert found is not None
    assert [(one.name, one.content) for one in found.files] == [
        ("договор аренды.pdf", DATA),
        ("b.txt", b""),
    ]
    assert found.files[0].media_type == "application/pdf"
    assert (found.text, found.html, found.is_broken) == ("Привет", "<p>Да", False)


def _mail_of(content: bytes) -> IncomingMail:
    packed = file_part(content, media="application/ms-tnef", name=b"=winmail.dat")
    body = multipart("mixed", [text_part("x", UTF8), packed], boundary="b")
    return read_mail(b"From: a@b.test\r\nMessage-ID: <a@b>\r\n" + body)


def test_a_cut_winmail_gives_what_it_has_and_stays_itself() -> None:
    whole = winmail({"a.pdf": DATA, "b.pdf": DATA})

    mail = _mail_of(whole[:-300])

    assert [(part.name, part.content, part.fault) for part in mail.parts] == [
        ("a.pdf", DATA, None),
        ("FILE1.BIN", b"", None),
        ("winmail.dat", whole[:-300], MailFault.TNEF_BROKEN),
    ]
    assert [found.fault for found in mail.faults] == [MailFault.TNEF_BROKEN]


def test_what_only_calls_itself_winmail_stays_a_file() -> None:
    mail = _mail_of(b"no such thing")

    assert [(part.name, part.content) for part in mail.parts] == [("winmail.dat", b"no such thing")]
    assert mail.parts[0].fault is MailFault.TNEF_BROKEN


def test_a_text_of_outlook_that_cannot_be_read_leaves_the_file() -> None:
    rich = tnef([(1, 0x00069003, properties([(0x102, 0x1009, b"LZFu")]))])

    mail = _mail_of(rich)

    assert [part.name for part in mail.parts] == ["winmail.dat"]
    assert [found.fault for found in mail.faults] == [MailFault.TNEF_TEXT_LEFT]


def test_the_text_of_winmail_is_read_where_there_is_no_other() -> None:
    alone = entity([("Content-Type", "application/ms-tnef")], winmail({}, text="Привет"))

    mail = read(alone)

    assert (mail.text, mail.parts, mail.faults) == ("Привет", (), ())
    beside = _mail_of(winmail({}, text="Привет"))
    assert (beside.text, [part.name for part in beside.parts]) == ("x", ["winmail.dat"])
    with_file = _mail_of(winmail({"a.pdf": b"a"}, text="Привет"))
    assert (with_file.text, [part.name for part in with_file.parts]) == ("x", ["a.pdf"])


def test_counts_that_are_lies_cost_no_time() -> None:
    many = struct.pack("<I", 0xFFFFFFFF)
    lies = (many, many + struct.pack("<HHI", 0x101E, 0x1000, 0xFFFFFFFF), many + b"\0" * 200_000)

    began = time.process_time()
    found = [read_tnef(tnef([(1, 0x00069003, lie), (1, 0x0002800C, b"text\0")])) for lie in lies]

    assert time.process_time() - began < 1
    assert [one is not None and one.is_broken for one in found] == [True, True, True]


@given(st.binary(max_size=300), st.integers(0, 700), st.binary(max_size=8))
def test_any_bytes_may_be_a_winmail(data: bytes, place: int, damage: bytes) -> None:
    whole = winmail({"a.pdf": b"abc"}, text="t", html="h")

    damaged = whole[:place] + damage + whole[place + len(damage) :]
    for file in (data, whole[:6] + data, damaged):
        found = read_tnef(file)

        assert (found is None) is not file.startswith(whole[:4])
        assert found is None or sum(len(one.content) for one in found.files) <= len(file)


def read(content: bytes) -> IncomingMail:
    return read_mail(b"From: a@b.test\r\nMessage-ID: <a@b>\r\n" + content)


def test_texts_beside_each_other_are_one_text() -> None:
    html = text_part("<p>rich</p>", UTF8, subtype="html")
    parts = [text_part("one", UTF8), html, text_part("<two>", UTF8)]

    mail = read(multipart("mixed", parts, boundary="b"))

    assert mail.text == "one\nrich\n<two>"
    assert mail.html == "<pre>one</pre>\n<p>rich</p>\n<pre>&lt;two&gt;</pre>"
    assert mail.parts == ()
    assert mail.body_leaves == {0, 1, 2}


def test_the_richest_of_several_forms_is_the_html() -> None:
    forms = [
        text_part("plain", UTF8),
        text_part("<p>page", UTF8, subtype="html"),
        entity([("Content-Type", "text/calendar; name=invite.ics")], b"BEGIN:VCALENDAR"),
    ]

    mail = read(multipart("alternative", forms, boundary="b"))

    assert (mail.text, mail.html) == ("plain", "<p>page")
    assert [(part.name, part.content) for part in mail.parts] == [
        ("invite.ics", b"BEGIN:VCALENDAR")
    ]


def test_a_text_with_a_name_is_a_file() -> None:
    log = file_part(b"log", media="text/plain", name=b"=a.log", place="inline")

    mail = read(multipart("mixed", [text_part("x", UTF8), log], boundary="b"))

    assert (mail.text, [(part.name, part.content) for part in mail.parts]) == (
        "x",
        [("a.log", b"log")],
    )


def test_a_signed_mail_keeps_its_signature() -> None:
    signature = file_part(b"sig", media="application/pgp-signature", name=b"=signature.asc")

    mail = read(multipart("signed", [text_part("x", UTF8), signature], boundary="b"))

    assert (mail.text, [part.name for part in mail.parts]) == ("x", ["signature.asc"])


def test_a_text_that_is_too_long_is_a_file_as_well() -> None:
    mail = read(text_part("строка\n" * 100_000, UTF8))

    assert len(mail.text) == 500_000
    assert [part.content for part in mail.parts] == [("строка\r\n" * 100_000).encode()]
    assert [found.fault for found in mail.faults] == [MailFault.TEXT_TOO_LONG]


def test_pictures_are_inside_where_the_page_shows_them() -> None:
    page = """<img src="cid:a@x"><img src='CID:B%40x'><td background=cid:c@x><img src="cid:gone">"""

    assert shown_ids(page) == {"a@x", "b@x", "c@x", "gone"}
    pictures = [
        file_part(name.encode(), media="image/png", place="inline", more=f"{name}@x")
        for name in ("b", "a", "d", "a")
    ]
    mail = read(
        multipart("related", [text_part(page, UTF8, subtype="html"), *pictures], boundary="b")
    )
    assert [part.is_inline for part in mail.parts] == [True, True, False, True]
    assert picture_places(mail.parts) == {"b@x": 0, "a@x": 1}
