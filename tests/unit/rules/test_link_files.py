"""Files of links, line by line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import LineInvalidError
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


@pytest.mark.parametrize("line", [f"{URL}a,b;c", f"{URL}\ta", "# a, b; c", "nonsense", "slugs"])
def test_what_names_no_columns_begins_a_list_of_addresses(line: str) -> None:
    found = _read(f"{line}\n{URL}".encode())

    assert found[-1] == LinkLine(number=2, url=URL)
    assert found[:-1] == ([] if line.startswith("#") else [LinkLine(number=1, url=line)])


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


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_links_or_bad_lines(lines: list[bytes]) -> None:
    try:
        found = list(read_links(lines))
    except LineInvalidError as error:
        assert error.reason == "no_url"  # noqa: PT017 - not every file
        return

    numbers = [line.number for line in found]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(range(1, len(lines) + 1))
