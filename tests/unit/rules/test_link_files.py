"""Files of links, line by line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import LineInvalidError
from models.rules.csv_lines import MAX_RECORD_LINES
from models.rules.link_files import BadLine, LinkLine, read_links

URL = "https://example.org/"


def _read(data: bytes) -> list[LinkLine | BadLine]:
    return list(read_links(data.splitlines(keepends=True)))


def _bad(data: bytes) -> list[tuple[int, str]]:
    return [(line.number, line.error.reason) for line in _read(data) if isinstance(line, BadLine)]


def test_a_list_of_addresses_has_one_a_line() -> None:
    data = f"\ufeff{URL}\r\n\n# old ones\n  {URL}a \n{URL}b".encode()

    assert _read(data) == [
        LinkLine(number=1, url=URL),
        LinkLine(number=4, url=f"  {URL}a "),
        LinkLine(number=5, url=f"{URL}b"),
    ]


def test_a_table_has_names_in_its_first_line_in_any_order_and_capitals() -> None:
    data = (
        "\ufeff\n"
        'Title,"URL", slug ,notes,starts_at,expires_at,disabled,domain\n'
        f'"Скидки, ""все""",{URL},Go,x,2026-01-02,2026-01-02T03:04:05+03:00,TRUE,go.test\n'
        f",{URL}a,\n"
    ).encode()

    assert _read(data) == [
        LinkLine(
            number=3,
            url=URL,
            slug="Go",
            title='Скидки, "все"',
            host="go.test",
            starts_at=datetime(2026, 1, 2, tzinfo=UTC),
            expires_at=datetime(2026, 1, 2, 0, 4, 5, tzinfo=UTC),
            is_disabled=True,
        ),
        LinkLine(number=4, url=f"{URL}a"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_first_line_says_what_separates_the_values(separator: str) -> None:
    rows = [
        ("title", "url", "slug"),
        ('"one; two, three\tfour"', f"{URL}?a=1;b=2,3" if separator == "\t" else URL, "Go"),
        ("", f"{URL}b", ""),
    ]
    data = "\r\n".join(separator.join(row) for row in rows).encode("utf-8-sig")

    first, second = _read(data)

    assert first == LinkLine(number=2, url=rows[1][1], title="one; two, three\tfour", slug="Go")
    assert second == LinkLine(number=3, url=f"{URL}b")


@pytest.mark.parametrize(
    "header",
    ["slug", "link,slug", "Адрес;Имя", "Адрес;Имя".encode("cp1251"), "a\tb", "title, long;link"],
)
def test_a_table_without_addresses_is_refused_as_a_whole(header: str | bytes) -> None:
    first = header.encode() if isinstance(header, str) else header

    with pytest.raises(LineInvalidError) as refused:
        _read(b"\n" + first + b"\nhttps://example.org/;promo\n")

    assert refused.value.reason == "no_url"


@pytest.mark.parametrize(
    "line",
    [
        f"{URL}a,b;c",
        f"{URL}a,b",
        f"{URL}@55.75,37.61,12z",
        f"{URL}a;jsessionid=1",
        "# a, b; c",
        "nonsense",
        "slugs",
    ],
)
def test_what_names_no_columns_begins_a_list_of_addresses(line: str) -> None:
    found = _read(f"{line}\n{URL}".encode())

    assert found[-1] == LinkLine(number=2, url=URL)
    assert found[:-1] == ([] if line.startswith("#") else [LinkLine(number=1, url=line)])


@pytest.mark.parametrize(
    "data",
    [
        f"{URL},promo,My title",
        f"{URL}, promo",
        f"{URL};promo;Скидки и распродажи",
        f"{URL}\tpromo",
        f'"{URL}","promo"',
        f'"{URL}"\n"{URL}a"',
        f'{URL},promo,"two\nlines"',
        f"promo,{URL}",
        f"Моя ссылка;{URL}",
        f"{URL},promo\n\n{URL}a,sale",
        f"{URL};;sale\n{URL}a;promo;",
    ],
)
def test_a_table_whose_first_line_names_nothing_is_refused_as_a_whole(data: str) -> None:
    with pytest.raises(LineInvalidError) as refused:
        _read(f"\ufeff{data}\n".encode())

    assert refused.value.reason == "no_header"


@pytest.mark.parametrize(
    "addresses",
    [
        [f"{URL}@55.75,37.61,12z", f"{URL}@59.93,30.31,11z"],
        [f"{URL}news,123,title.html", f"{URL}news,124,other.html"],
        [f"{URL}list,1", f"{URL}list,2"],
        [f"{URL}a,b", f"{URL}a"],
        [f"{URL}a,b", f"{URL}a,b?c"],
        [f"{URL}?q=a;b", f"{URL}?q=c;d=e"],
        [f"{URL}a,https://example.net/b"],
    ],
)
def test_addresses_may_hold_commas_and_semicolons(addresses: list[str]) -> None:
    assert _read("\n".join(addresses).encode()) == [
        LinkLine(number=number, url=url) for number, url in enumerate(addresses, 1)
    ]


def test_a_comment_at_the_beginning_says_that_no_table_follows() -> None:
    assert _read(f"#\n{URL}a,b\n{URL}c,d\n".encode()) == [
        LinkLine(number=2, url=f"{URL}a,b"),
        LinkLine(number=3, url=f"{URL}c,d"),
    ]


def test_white_space_inside_an_address_is_refused_in_a_list() -> None:
    data = f"{URL}\n{URL}a b\n{URL}a\tb\n{URL}a\u00a0b\n{URL},promo,My title\n {URL}c \n"

    assert _bad(data.encode()) == [(2, "space"), (3, "space"), (4, "space"), (5, "space")]
    assert [line.number for line in _read(data.encode()) if isinstance(line, LinkLine)] == [1, 6]


def test_white_space_behind_a_number_sign_is_a_name_on_the_page() -> None:
    address = f"{URL}faq.htm#SCSI vs IDE"

    assert _read(f"{address}\n".encode()) == [LinkLine(number=1, url=address)]


def test_a_value_in_quotes_may_have_several_lines() -> None:
    data = (
        'title,"notes,\nfor us",url\r\n'
        f'One,"first\r\n\r\nsecond, ""third""",{URL}1\r\n'
        f"Two,,{URL}2\r\n"
        f'Three,"a\r\n",{URL}3\r\n'
        f"Four,,{URL}4,more\r\n"
        f'"Fi\nve",,{URL}5'
    ).encode()

    assert [
        (line.number, line.title, line.url) for line in _read(data) if isinstance(line, LinkLine)
    ] == [
        (3, "One", f"{URL}1"),
        (6, "Two", f"{URL}2"),
        (7, "Three", f"{URL}3"),
        (10, "Fi\nve", f"{URL}5"),
    ]
    assert _bad(data) == [(9, "columns")]


def test_bytes_that_are_no_text_in_a_value_of_several_lines_spoil_its_record() -> None:
    data = (
        b'url,notes\nhttps://example.org/,"a\n\xff\nhttps://example.org/x,"\nhttps://example.org/5'
    )

    assert _bad(data) == [(2, "not_utf8")]
    assert [line.number for line in _read(data) if isinstance(line, LinkLine)] == [5]


def test_an_open_quote_swallows_no_more_than_its_line() -> None:
    rows = "".join(f"{URL}{number},x\n" for number in range(3, 2 * MAX_RECORD_LINES))
    data = f'url,title\n{URL}2,"open\n{rows}'.encode()

    assert _bad(data) == [(2, "quotes")]
    assert [line.number for line in _read(data) if isinstance(line, LinkLine)] == list(
        range(3, 2 * MAX_RECORD_LINES)
    )


def test_a_bad_line_spoils_no_other() -> None:
    data = b"\n".join(
        [
            b"url,title,expires_at,disabled",
            b'https://example.org/1,"open',
            b"https://example.org/2,ok",
            b"https://example.org/\xff,x",
            b"https://example.org/4,a,2026-13-01",
            b"https://example.org/5,a,,maybe",
            b"https://example.org/6,a,,,more",
            b'https://example.org/7,a"b',
            b"https://example.org/8,a,9999-12-31T23:59:59-23:00",
        ]
    )

    assert _bad(data) == [
        (2, "quotes"),
        (4, "not_utf8"),
        (5, "moment"),
        (6, "flag"),
        (7, "columns"),
        (9, "moment"),
    ]
    assert [line.number for line in _read(data) if isinstance(line, LinkLine)] == [3, 8]


def test_bytes_that_are_no_text_are_told_in_a_list_too() -> None:
    assert _bad(b"\xff\xfeh\x00\nhttps://example.org/\n\xc3(") == [(1, "not_utf8"), (3, "not_utf8")]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"url,slug\n", b"# nothing\n"])
def test_an_empty_file_has_no_links(data: bytes) -> None:
    assert _read(data) == []


@pytest.mark.parametrize("first", [b"url;slug", URL.encode()])
def test_a_file_is_read_from_a_line_on(first: bytes) -> None:
    data = [first, b"https://example.org/2", b"\xff", b"", b"https://example.org/5"]
    lines = [line + b"\n" for line in data]

    def numbers(from_line: int) -> list[int]:
        return [line.number for line in read_links(lines, from_line=from_line)]

    assert {n: numbers(n) for n in range(2, 7)} == {
        2: [2, 3, 5],
        3: [3, 5],
        4: [5],
        5: [5],
        6: [],
    }


def test_what_begins_before_the_line_to_start_from_is_left_out_whole() -> None:
    lines = f'url,notes\n{URL}2,"a\n{URL}3,b\nc"\n{URL}5,\n'.encode().splitlines(keepends=True)

    assert {
        from_line: [line.number for line in read_links(lines, from_line=from_line)]
        for from_line in (1, 2, 3, 4, 5, 6)
    } == {1: [2, 5], 2: [2, 5], 3: [5], 4: [5], 5: [5], 6: []}


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_links_or_bad_lines(lines: list[bytes]) -> None:
    try:
        found = list(read_links(lines))
    except LineInvalidError as error:
        assert error.reason in {"no_url", "no_header"}  # noqa: PT017 - not every file
        return

    numbers = [line.number for line in found]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(range(1, len(lines) + 1))


def test_a_password_is_read_as_it_is_and_a_protected_line_needs_one() -> None:
    typed = " a b "
    rows = ["url;password;protected", f"{URL};{typed};true", f"{URL};;true", f"{URL};;false"]

    right, refused, plain = _read("\n".join(rows).encode())

    assert right == LinkLine(number=2, url=URL, password=typed)
    assert typed not in repr(right)
    assert isinstance(refused, BadLine)
    assert (refused.number, refused.error.reason) == (3, "protected")
    assert plain == LinkLine(number=4, url=URL)
