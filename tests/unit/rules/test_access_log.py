"""Lines of access logs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.access_log import LogLine, is_future, is_own_path, parse_line, slug_of

_AT = datetime(2015, 5, 17, 10, 5, 3, tzinfo=UTC)
_START = b"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "


def test_a_combined_line() -> None:
    line = _START + b'"GET /a/b?q=1 HTTP/1.1" 200 203023 "http://x.test/" "Mozilla/5.0 (X)"\n'
    assert parse_line(line) == LogLine(
        "83.149.9.216", _AT, "GET", "/a/b", 200, b"http://x.test/", b"Mozilla/5.0 (X)"
    )


@pytest.mark.parametrize(
    ("rest", "path", "agent"),
    [
        (b'"HEAD /x HTTP/1.0" 404 - "-" "-"', "/x", b""),
        (b'"GET http://other.test/y?z HTTP/1.1" 200 5 "-" "a"', "/y", b"a"),
        (b'"GET /x HTTP/1.1" 200 5', "/x", b""),
        (b'"GET /x" 200 5 "-" "a"', "/x", b"a"),
        (b'"GET /x HTTP/1.1" 200 235 "-" "cut off here', "/x", b"cut off here"),
        (rb'"GET /x HTTP/1.1" 200 5 "-" "say \"hi\" \x41\xd0\xb9"', "/x", 'say "hi" Aй'.encode()),
        ('"GET /й HTTP/1.1" 200 5 "-" "a"'.encode(), "/й", b"a"),
        (b'"GET /x HTTP/1.1" 200 5 "-" "a" "extra" 0.003', "/x", b"a"),
    ],
)
def test_odd_lines_are_read(rest: bytes, path: str, agent: bytes) -> None:
    entry = parse_line(_START + rest)
    assert entry is not None
    assert (entry.path, entry.user_agent, entry.at) == (path, agent, _AT)


def test_the_zone_counts() -> None:
    line = b'::1 - bob smith [01/Jan/2026:00:30:00 +0545] "GET / HTTP/1.1" 302 0 "-" "a"'
    entry = parse_line(line)
    assert entry is not None
    assert entry.at == datetime(2025, 12, 31, 18, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"nonsense",
        _START + b'"" 400 0 "-" "-"',
        _START + rb'"\x16\x03\x01" 400 0 "-" "-"',
        b'1.2.3.4 - - [31/Feb/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "a"',
        b'1.2.3.4 - - [01/Foo/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "a"',
        b'1.2.3.4 - - [01/Jan/2026:00:00:00 +9999] "GET / HTTP/1.1" 200 1 "-" "a"',
    ],
)
def test_what_is_no_line_is_none(line: bytes) -> None:
    assert parse_line(line) is None


def test_a_request_is_of_the_future_from_more_than_a_day_ahead() -> None:
    entry = parse_line(_START + b'"GET /x HTTP/1.1" 200 5 "-" "a"')
    assert entry is not None

    assert is_future(entry, now=_AT - timedelta(days=1, seconds=1))
    assert not is_future(entry, now=_AT - timedelta(days=1))
    assert not is_future(entry, now=_AT)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(rest: bytes) -> None:
    parse_line(rest)
    entry = parse_line(_START + b'"GET /x HTTP/1.1" 200 5 "-" "' + rest)
    if entry is not None:
        assert b"\n" not in entry.user_agent
        assert b"\n" not in entry.referer


def test_slugs_are_decoded() -> None:
    assert slug_of("/%D0%B9") == slug_of("/й") == slug_of("/%D0%B8%CC%86") == "й"
    assert slug_of("/%ff") == ""


def test_own_paths_are_those_under_reserved_words() -> None:
    assert is_own_path("/robots.txt")
    assert is_own_path("/files/logo.png")
    assert is_own_path("/%66iles/x")
    assert not is_own_path("/filesystem")
    assert not is_own_path("/")
