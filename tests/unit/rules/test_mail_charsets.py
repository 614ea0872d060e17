"""Text out of bytes whose encoding is stated, hidden, or a lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.mail_charsets import decode_text
from models.rules.mail_faults import MailFault

RUSSIAN = ("cp1251", "koi8-r", "iso8859-5", "mac-cyrillic", "cp866")
# Of other people, places and things than the letters that the pairs were counted in.
TEXTS = (
    "Привет",
    "СРОЧНО",
    "Договор",
    "Пропал звук",
    "ОШИБКА ПРИ ЗАГРУЗКЕ",
    "Вопрос по счёту за июнь",
    "Съешь ещё этих мягких французских булок, да выпей чаю",
    "Эхо разнеслось над озером, и рыбак поднял голову: плыл дым.",
    "Уважаемые господа! Просим вас выслать прайс-лист на оборудование.",
    "Щука, ёрш и лещ — обычная добыча; ловят их удочкой, жерлицей и сетью.",
)
WESTERN = ("Grüße aus Köln", "Élève à l'école", "Año nuevo", "Größe: 5 µm", "Smörgåsbord på ö")


@pytest.mark.parametrize("codec", RUSSIAN)
@pytest.mark.parametrize("text", TEXTS)
def test_russian_without_a_label_is_known_by_its_letters(text: str, codec: str) -> None:
    data = text.encode(codec, "replace")

    decoded = decode_text(data, label=None)

    assert decoded.text == data.decode(codec)
    assert decoded.fault is MailFault.CHARSET_MISSING


@pytest.mark.parametrize("codec", RUSSIAN)
@pytest.mark.parametrize("label", RUSSIAN)
@pytest.mark.parametrize("text", TEXTS[5:])
def test_a_label_of_another_encoding_is_not_believed(text: str, label: str, codec: str) -> None:
    # These two have all small letters but one in common: a sentence tells too little.
    is_near = {label, codec} == {"cp1251", "mac-cyrillic"}
    text = " ".join(TEXTS[5:]) if is_near else text
    data = text.encode(codec, "replace")

    decoded = decode_text(data, label=label)

    assert decoded.text == data.decode(codec)
    assert decoded.fault is (None if label == codec else MailFault.CHARSET_WRONG)


@pytest.mark.parametrize("codec", RUSSIAN)
@given(text=st.text(st.sampled_from("АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ0123456789 -"), max_size=6))
def test_short_codes_are_read_by_their_label(codec: str, text: str) -> None:
    decoded = decode_text(text.encode(codec), label=codec)

    assert (decoded.text, decoded.fault) == (text, None)


def test_a_byte_order_mark_wins_unless_it_is_two_letters() -> None:
    for codec in ("utf-8-sig", "utf-16"):
        for label in (None, "windows-1251"):
            assert decode_text("Привет, Bob".encode(codec), label=label).text == "Привет, Bob"
    assert decode_text("ЪЧ".encode("koi8-r"), label="koi8-r").text == "ЪЧ"


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("label", [None, "iso-8859-1", "windows-1252", "us-ascii"])
def test_accents_within_words_are_not_taken_for_russian(text: str, label: str | None) -> None:
    assert decode_text(text.encode("cp1252"), label=label).text == text


@pytest.mark.parametrize("text", [*TEXTS, *WESTERN, "日本語", "🙂 ok"])
@pytest.mark.parametrize("label", [None, "utf-8", "UTF8", '"utf-8"', "windows-1251", "iso-8859-1"])
def test_utf_8_is_known_under_any_label(text: str, label: str | None) -> None:
    assert decode_text(text.encode(), label=label).text == text


def test_a_few_broken_characters_of_utf_8_are_replaced() -> None:
    decoded = decode_text("Привет, ".encode() * 20 + b"\xd0", label="utf-8")

    assert decoded.text == "Привет, " * 20 + "\ufffd"
    assert decoded.fault is MailFault.CHARACTERS_LOST


@pytest.mark.parametrize("codec", ["cp1251", "cp1252"])
@pytest.mark.parametrize("text", TEXTS)
def test_utf_8_that_was_encoded_again_is_undone(text: str, codec: str) -> None:
    wrong = text.encode().decode(codec, "surrogateescape")
    stored = "".join(chr(ord(c) - 0xDC00) if "\udc80" <= c <= "\udcff" else c for c in wrong)

    decoded = decode_text(stored.encode(), label="utf-8")

    assert (decoded.text, decoded.fault) == (text, MailFault.ENCODED_TWICE)


@pytest.mark.parametrize("text", ["РЖД", "СССР и РФ", "Ñandú", "PÂTÉ", "Ð is a letter"])
def test_text_that_only_looks_encoded_again_stays(text: str) -> None:
    assert decode_text(text.encode(), label="utf-8").text == text


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("iso-2022-jp", "日本語のメール"),
        ("iso-2022-kr", "한국어"),
        ("shift_jis", "日本語"),
        ("gb2312", "简体中文"),
        ("big5", "繁體中文"),
        ("euc-kr", "한국어"),
        ("utf-16le", "Привет"),
        ("iso-8859-2", "Łódź"),
        ("windows-1257", "Rīga"),
    ],
)
def test_other_languages_are_read_by_their_label(label: str, text: str) -> None:
    assert decode_text(text.encode(label.replace("windows-", "cp")), label=label).text == text


@pytest.mark.parametrize("label", ["utf-7", "UTF7", "unicode-1-1-utf-7"])
def test_utf_7_is_not_decoded(label: str) -> None:
    decoded = decode_text(b"+ADw-script+AD4-", label=label)

    assert (decoded.text, decoded.fault) == ("+ADw-script+AD4-", MailFault.CHARSET_REFUSED)


@pytest.mark.parametrize("label", ["zip", "rot13", "idna", "unicode_escape", "base64", "x" * 5_000])
def test_what_only_python_calls_an_encoding_is_none(label: str) -> None:
    assert decode_text(b"\\u0041 +AGE-", label=label).text == "\\u0041 +AGE-"


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "koi8-r", "utf-16", "hz", "x", ""]))
def test_any_bytes_are_a_text(data: bytes, label: str | None) -> None:
    text = decode_text(data, label=label).text

    assert len(text) <= len(data)
    assert text.encode().decode() == text  # no half of a character
