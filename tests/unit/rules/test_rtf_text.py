"""Texts in RTF, compressed as Outlook does it."""

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.rtf_text import rtf_to_text, unpack_rtf
from models.rules.tnef import read_tnef
from tests.tnef_files import properties, tnef

# The two examples of [MS-OXRTFCP] section 4.
SIMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d"
    "0a800fa0"
)
CROSSING = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")


def test_the_examples_of_the_specification_are_unpacked() -> None:
    assert unpack_rtf(SIMPLE) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert unpack_rtf(CROSSING) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


def test_what_is_not_compressed_is_as_it_is() -> None:
    assert unpack_rtf(struct.pack("<IIII", 17, 5, 0x414C454D, 0) + b"{abc}more") == b"{abc}"
    assert unpack_rtf(b"short") is None
    assert unpack_rtf(struct.pack("<IIII", 17, 5, 1, 0) + b"{abc}") is None


@pytest.mark.parametrize(
    ("rtf", "expected"),
    [
        (rb"{\rtf1\ansi one\par two\line three}", "one\ntwo\nthree"),
        (rb"{\rtf1\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}", "Привет"),
        (rb"{\rtf1 \u1055?\u1088?\u1080?\u-1234?}", "При" + chr(65536 - 1234)),
        (rb"{\rtf1 \u-10179?\u-8704?}", "\U0001f600"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator x;}{\info{\author a}}text}", "text"),
        (rb"{\rtf1 a\{b\}c\\d\~e\_f\tab g}", "a{b}c\\d\u00a0e-f\tg"),
        (
            rb"{\rtf1\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 text\htmlrtf\par}\htmlrtf0}",
            "text",
        ),
        (b"{\\rtf1 a\r\nb}", "ab"),
        (b"no rtf", "no rtf"),
        (b"}}}{{{\\", ""),
        (b"", ""),
    ],
)
def test_the_text_is_read_without_its_formatting(rtf: bytes, expected: str) -> None:
    assert rtf_to_text(rtf) == expected


def test_a_winmail_with_rtf_alone_has_its_text() -> None:
    found = read_tnef(tnef([(1, 0x00069003, properties([(0x102, 0x1009, SIMPLE)]))]))

    assert found is not None
    assert (found.text, found.has_rtf) == ("hello world", False)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    unpacked = [unpack_rtf(data), unpack_rtf(SIMPLE[:16] + data)]
    texts = [rtf_to_text(data), rtf_to_text(b"{\\rtf1\\u" + data)]

    # A pair of bytes stands for 17 at most; text has no half of a character.
    assert all(each is None or len(each) <= 17 * (len(data) + 16) for each in unpacked)
    assert [each.encode().decode() for each in texts] == texts


@pytest.mark.parametrize("part", [b"{", b"}", b"\\", b"\\u1", b"{\\*", b"\\'41", b"a"])
def test_no_document_takes_more_time_than_its_length(part: bytes) -> None:
    began = time.process_time()
    rtf_to_text(part * 60_000)
    unpack_rtf(SIMPLE[:16] + b"\xff" + part * 60_000)

    assert time.process_time() - began < 2
