"""Hosts out of Referer headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.dimensions import MAX_VALUE_LENGTH
from models.rules.referrers import referrer_host


@pytest.mark.parametrize(
    ("referer", "host"),
    [
        (b"", ""),
        (b"-", ""),
        (b"about:blank", ""),
        (b"/relative", ""),
        (b"https://example.org", "example.org"),
        (b"https://www.Example.ORG./path?who=me#x", "example.org"),
        (b"HTTP://user:secret@example.org:8080/", "example.org"),
        (b"https://evil@www.example.org/", "example.org"),
        (b"https://example.org\\@other.test/", "example.org"),
        (b"android-app://com.slack/", "com.slack"),
        (b"https://[2001:DB8::1]:8443/", "[2001:db8::1]"),
        (b"https://xn--e1afmkfd.xn--p1ai/", "пример.рф"),
        (b"https://www.xn--80ak6aa92e.com/", "аррӏе.com"),
        (b"https://xn--zzzzzzzz/", "xn--zzzzzzzz"),
        ("https://пример.рф/".encode(), "пример.рф"),
        (b"https://" + b"a" * 254 + b"/", ""),
        (b"https://a\x00b/", "ab"),
    ],
)
def test_only_the_host_is_kept(referer: bytes, host: str) -> None:
    assert referrer_host(referer) == host


@given(st.binary(max_size=300))
def test_any_bytes_give_a_storable_text(referer: bytes) -> None:
    for header in (referer, b"https://" + referer):
        host = referrer_host(header)
        assert len(host) <= MAX_VALUE_LENGTH
        assert host.isprintable()
