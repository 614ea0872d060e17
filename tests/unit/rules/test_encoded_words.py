"""Texts of headers, in every way that programs write them."""

import binascii
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.encoded_words import decode_header
from models.rules.mail_faults import MailFault

TEXT = "Отчёт за апрель, 2-я часть"
B64 = b64encode(TEXT.encode())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain", "plain"),
        (b"", ""),
        (b"  many   spaces\t here ", "many spaces here"),
        (b"=?utf-8?B?" + B64 + b"?=", TEXT),
        (b"=?UTF-8?b?" + B64 + b"?=", TEXT),
        (b"=?utf-8?B?" + B64 + b"?= [#12]", TEXT + " [#12]"),
        (b"Re: =?utf-8?B?" + B64 + b"?=", "Re: " + TEXT),
        (b"Re:=?utf-8?B?" + B64 + b"?=", "Re:" + TEXT),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
        (b"=?utf-8?Q?a_?= =?utf-8?Q?b?=", "a b"),
        (b"=?utf-8?Q?a?= and =?utf-8?Q?b?=", "a and b"),
        (b"=?utf-8?Q?=D0=B0?b?=", "а?b"),
        (b"=?utf-8?q?caf=C3=A9?=", "café"),
        (b"=?koi8-r?B?" + b64encode("Привет".encode("koi8-r")) + b"?=", "Привет"),
        (b"=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
        (b"=?iso-8859-1?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
        (b"=?gb2312?B?" + b64encode("中文".encode("gb2312")) + b"?=", "中文"),
        (b"=?iso-2022-jp?B?" + b64encode("日本".encode("iso2022_jp")) + b"?=", "日本"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=?=", "=?="),
        (b"=?utf-8?B?!!!?=", ""),
        (b"a\x00b\x07c", "a b c"),
        ("a\u202eb\u200bc".encode(), "a b c"),
    ],
)
def test_a_header_is_what_its_writer_meant(value: bytes, expected: str) -> None:
    assert decode_header(value).text == expected


def test_a_character_may_be_cut_over_words() -> None:
    data = TEXT.encode()
    words = (data[start : start + 5] for start in range(0, len(data), 5))
    in_b = b"\r\n ".join(b"=?utf-8?B?%s?=" % b64encode(word) for word in words)
    words = (data[start : start + 5] for start in range(0, len(data), 5))
    in_q = b" ".join(
        b"=?utf-8?Q?%s?=" % binascii.b2a_qp(word, header=True, quotetabs=True) for word in words
    )

    assert decode_header(in_b).text == TEXT
    assert decode_header(in_q).text == TEXT


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "iso8859-5", "cp866"])
def test_raw_bytes_are_read_in_their_encoding(codec: str) -> None:
    header = decode_header("Не могу войти в кабинет".encode(codec))

    assert header.text == "Не могу войти в кабинет"
    assert header.faults == {MailFault.CHARSET_MISSING}


def test_a_word_that_never_ends_is_read_to_the_end() -> None:
    header = decode_header(b"=?utf-8?B?" + B64)

    assert header.text == TEXT
    assert header.faults == {MailFault.ENCODED_WORD_BROKEN}


def test_words_that_were_encoded_again_are_undone_once() -> None:
    once = b"=?utf-8?B?%s?=" % b64encode(TEXT.encode())
    twice = b"=?utf-8?B?%s?=" % b64encode(once)
    thrice = b"=?utf-8?B?%s?=" % b64encode(twice)

    assert decode_header(twice).text == TEXT
    assert decode_header(twice).faults == {MailFault.ENCODED_TWICE}
    assert decode_header(thrice).text == once.decode()


@given(st.binary(max_size=200))
def test_any_bytes_are_one_line(value: bytes) -> None:
    for raw in (value, b"=?utf-8?Q?" + value, b"=?koi8-r?B?" + value + b"?=" + value):
        text = decode_header(raw).text
        assert text.isprintable() or not any(c in text for c in "\r\n\0")
        text.encode()
