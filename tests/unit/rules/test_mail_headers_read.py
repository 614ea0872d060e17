"""Headers as bytes, their parameters, people and ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.mail_faults import MailFault
from models.rules.mail_fields import MAX_HEADER_BYTES, Header, read_header
from models.rules.mail_parameters import media_type, read_parameters
from models.rules.mail_people import MailPerson, read_people
from models.rules.message_ids import MAX_ID_LENGTH, MAX_IDS, read_ids


def header(raw: bytes) -> Header:
    return read_header(raw, 0, len(raw), is_whole_mail=True)


def body(raw: bytes) -> bytes:
    return raw[header(raw).body_start :]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_any_line_ends_are_taken(end: bytes) -> None:
    raw = end.join([b"From: a", b"Subject: b", b" c", b"", b"text", b"more"])

    assert header(raw).fields.fields == (("from", b"a"), ("subject", b"b c"))
    assert body(raw) == end.join([b"text", b"more"])


@pytest.mark.parametrize(
    ("raw", "fields", "text"),
    [
        (b"", (), b""),
        (b"\r\n\r\ntext", (), b"text"),
        (b"just text", (), b"just text"),
        (b"just text\r\n\r\nmore", (), b"just text\r\n\r\nmore"),
        (b"A: b", (("a", b"b"),), b""),
        (b"A : b\r\n\r\nx", (("a", b"b"),), b"x"),
        (b"A:\r\n b\r\n\tc\r\n\r\nx", (("a", b"b c"),), b"x"),
        (b"From me Wed\r\nA: b\r\n\r\nx", (("a", b"b"),), b"x"),
        (b"A: b\r\ntext at once\r\n\r\nmore", (("a", b"b"),), b"text at once\r\n\r\nmore"),
        (b"A: b\r\nNote: c\r\n\r\nx", (("a", b"b"), ("note", b"c")), b"x"),
        (b"\r\nA: b\r\n\r\nx", (("a", b"b"),), b"x"),
    ],
)
def test_a_header_ends_where_the_text_begins(
    raw: bytes, fields: tuple[tuple[str, bytes], ...], text: bytes
) -> None:
    assert header(raw).fields.fields == fields
    assert body(raw) == text


def test_a_line_that_lost_its_space_goes_on_if_more_of_the_header_follows() -> None:
    found = header(b"Subject: one\r\ntwo three\r\nFrom: a\r\n\r\nx")

    assert found.fields.first("subject") == b"one two three"
    assert [one.fault for one in found.faults] == [MailFault.HEADER_LINE_BROKEN]


def test_a_part_without_a_header_begins_with_an_empty_line() -> None:
    found = read_header(b"\r\n\r\nA: b", 0, 8)

    assert (found.fields.fields, found.body_start) == ((), 2)


def test_too_long_a_header_is_read_from_its_beginning() -> None:
    raw = b"A: b\r\n" + b"X: y\r\n" * (MAX_HEADER_BYTES // 6 + 10) + b"Last: z\r\n\r\ntext"

    found = header(raw)

    assert found.fields.first("a") == b"b"
    assert found.fields.first("last") is None
    assert {one.fault for one in found.faults} == {MailFault.HEADERS_TOO_BIG}
    assert raw[found.body_start :] == b"text"


@given(st.binary(max_size=300))
def test_a_header_is_read_out_of_any_bytes(raw: bytes) -> None:
    found = header(raw)

    assert 0 <= found.body_start <= len(raw)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain; name=a.txt", "a.txt"),
        (b'text/plain; name="a b.txt"', "a b.txt"),
        (b'text/plain; name="a;b.txt"; x=y', "a;b.txt"),
        (rb'text/plain; name="a\"b.txt"', 'a"b.txt'),
        (b"text/plain; name=a b.txt; x=y", "a b.txt"),
        (b'text/plain; name="open.txt', "open.txt"),
        (b'text/plain ;; NAME = "a.txt"', "a.txt"),
        (b"name=a.txt", "a.txt"),
        (b'x/y; name="=?utf-8?B?0LAudHh0?="', "а.txt"),
        (b"x/y; name=\xe4\xee\xe3\xee\xe2\xee\xf0.txt", "договор.txt"),
        (b"x/y; name*=utf-8''%D0%B0.txt", "а.txt"),
        (b"x/y; name*=koi8-r'ru'%C1.txt", "а.txt"),
        (b"x/y; name*=%D0%B0.txt", "а.txt"),
        (b"x/y; name=old.txt; name*=utf-8''new.txt", "new.txt"),
        (b'x/y; name*0="a%20"; name*1="b.txt"', "a%20b.txt"),
        (b"x/y; name*1*=%D0%B1; name*0*=utf-8''%D0%B0; name*2=.txt", "аб.txt"),
        (b'x/y; name*0="=?utf-8?B?0LAu"; name*1="dHh0?="', "а.txt"),
        (b"x/y", ""),
        (b"", ""),
    ],
)
def test_a_name_is_found_in_every_way_of_writing_it(value: bytes, expected: str) -> None:
    assert read_parameters(value).text("name").text == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"TEXT/HTML; charset=x", "text/html"),
        (b'"text/html"', "text/html"),
        (b"text / html", "text/html"),
        (b"application/vnd.a+b;", "application/vnd.a+b"),
        (b"text", None),
        (b"/", None),
        (b"", None),
        (b"; charset=x", None),
    ],
)
def test_a_media_type_has_two_halves(value: bytes, expected: str | None) -> None:
    assert media_type(read_parameters(value)) == expected


@given(st.binary(max_size=200))
def test_parameters_are_read_out_of_any_bytes(value: bytes) -> None:
    for raw in (value, b"x/y; name*0*=" + value, b'x/y; name="' + value):
        parameters = read_parameters(raw)

        assert len(parameters.text("name").text) <= len(raw)
        assert len(parameters.text("nothing of the kind").text) == 0


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        (b"a@b.test", "", "a@b.test"),
        (b"<A@B.TEST>", "", "a@b.test"),
        (b"Ann <a@b.test>", "Ann", "a@b.test"),
        (b'"Lee, Ann" <a@b.test>', "Lee, Ann", "a@b.test"),
        (b"a@b.test (Ann Lee)", "Ann Lee", "a@b.test"),
        (b'"a@b.test" <a@b.test>', "", "a@b.test"),
        (b'"v@victim.test" <a@b.test>', "v@victim.test", "a@b.test"),
        (b"v@victim.test <a@b.test>", "v@victim.test", "a@b.test"),
        (b"=?utf-8?B?0JDQvdC90LA=?= <a@b.test>", "Анна", "a@b.test"),
        (b'"=?utf-8?B?0JDQvdC90LA=?=" <a@b.test>', "Анна", "a@b.test"),
        (b"=?utf-8?Q?Lee,_Ann?= <a@b.test>", "Lee, Ann", "a@b.test"),
        (b"=?utf-8?Q?Ann_=3Ca=40b.test=3E?=", "Ann", "a@b.test"),
        (b"Ann (dept <a@b.test>", "Ann", "a@b.test"),
        (b"Ann <a@b.test", "Ann", "a@b.test"),
        (b"<@x.test,@y.test:a@b.test>", "", "a@b.test"),
        (b'"odd one"@b.test', "", '"odd one"@b.test'),
        ("Анна <а@пример.рф>".encode(), "Анна", "а@xn--e1afmkfd.xn--p1ai"),
        (b"\xc0\xed\xed\xe0 <a@b.test>", "Анна", "a@b.test"),
        (b"Desk: a@b.test;", "", "a@b.test"),
    ],
)
def test_a_person_is_found_in_every_way_of_writing_them(
    value: bytes, name: str, address: str
) -> None:
    assert read_people([value]) == (MailPerson(address, name),)


def test_a_list_has_everybody_once() -> None:
    people = read_people([b'Ann <a@b.test>, "B, C" <b@b.test>,, <A@b.test>;c@b.test', b"d@b.test"])

    assert [person.address for person in people] == [f"{name}@b.test" for name in "abcd"]


@pytest.mark.parametrize("value", [b"", b"undisclosed-recipients:;", b"<>", b"Ann", b"@", b"a@"])
def test_nobody_is_nobody(value: bytes) -> None:
    assert read_people([value]) == ()


@given(st.binary(max_size=200))
def test_people_are_read_out_of_any_bytes(value: bytes) -> None:
    for person in read_people([value, b"a@b.test, " + value]):
        assert "@" in person.address
        assert not set(person.address) & set("\r\n\0 <>,;") or '"' in person.address


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<a@b>", ("a@b",)),
        (b"< a@b >", ("a@b",)),
        (b"a@b", ("a@b",)),
        (b"<a@b><c@d>\r\n <a@b>", ("a@b", "c@d")),
        (b'"Ann\'s message of Monday" <a@b>', ("a@b",)),
        (b"<no-at-sign>", ("no-at-sign",)),
        (b"<\xff@b>", ()),
        (b"", ()),
        (b"words only", ()),
    ],
)
def test_ids_are_found_in_every_way_of_writing_them(value: bytes, ids: tuple[str, ...]) -> None:
    assert read_ids([value]) == ids


def test_of_many_ids_the_first_and_the_last_are_kept() -> None:
    ids = read_ids([b" ".join(b"<%d@b>" % number for number in range(300))])

    assert len(ids) == MAX_IDS
    assert (ids[0], ids[9], ids[10], ids[-1]) == ("0@b", "9@b", "210@b", "299@b")


def test_ids_that_are_too_long_are_left_out() -> None:
    assert read_ids([b"<%s@b> <c@d>" % (b"a" * MAX_ID_LENGTH)]) == ("c@d",)
