"""What a file is, by its content alone."""

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.media_types import (
    HEAD_BYTES,
    SHOWN_TYPES,
    TAIL_BYTES,
    FileSample,
    is_program,
    is_shown,
    may_run,
    media_type_of,
)
from tests.files import EICAR, GIF, HTML, JPEG, PNG, PROGRAM, SVG, WEBP, zipped

OFFICE = "application/vnd.openxmlformats-officedocument."
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def sample(content: bytes) -> FileSample:
    return FileSample(head=content[:HEAD_BYTES], tail=content[-TAIL_BYTES:])


def kind(content: bytes) -> str:
    return media_type_of(sample(content))


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (WEBP, "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "audio/wav"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        (b"\0junk\0" + b"%PDF-1.4", "application/pdf"),
        (b"a text that speaks of %PDF-1.4", "text/plain"),
        (b"II*\0" + bytes(20), "image/tiff"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "image/heic"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "video/mp4"),
        (gzip.compress(b"words"), "application/gzip"),
        (b"SQLite format 3\0" + bytes(80), "application/vnd.sqlite3"),
        (b"", "application/x-empty"),
        (bytes(64), "application/octet-stream"),
        (b"\x80\x81\x00\x02 nobody knows", "application/octet-stream"),
    ],
)
def test_a_beginning_says_what_a_file_is(content: bytes, media_type: str) -> None:
    assert kind(content) == media_type


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"plain words\n", "text/plain"),
        ("Привет, мир\n".encode(), "text/plain"),
        ("Привет, мир\n".encode("cp1251"), "text/plain"),
        ("Привет\n".encode("utf-16"), "text/plain"),
        ("жж".encode()[:3], "text/plain"),
        (EICAR, "text/plain"),
        (b'{"a": 1}', "text/plain"),
        (b"a,b\n1,2\n", "text/plain"),
        (HTML, "text/html"),
        (b"\xef\xbb\xbf \n<!-- a --><HTML>", "text/html"),
        (b"<!-- <b> --> <script>alert(1)</script>", "text/html"),
        ("<html><script>alert(1)</script>".encode("utf-16"), "text/html"),
        ("<html><script>alert(1)</script>".encode("utf-16-le"), "text/html"),
        (b"<svg/onload=alert(1)>", "image/svg+xml"),
        (SVG, "image/svg+xml"),
        (b'<?xml version="1.0"?><!-- x -->\n<x:svg xmlns:x="..."/>', "image/svg+xml"),
        (b"<!DOCTYPE svg PUBLIC>", "image/svg+xml"),
        (b'<?xml version="1.0"?><a/>', "application/xml"),
        (b"<note><to>x</to></note>", "application/xml"),
        (
            b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
            "application/xhtml+xml",
        ),
        (b"<john@example.org> wrote:", "text/plain"),
        (b"if a < b: c", "text/plain"),
        (b"{\\rtf1\\ansi}", "application/rtf"),
        (b"#!/bin/sh\nrm -rf /\n", "text/x-shellscript"),
        (b"Received: from a\nMessage-ID: <1@a>\n\nHi", "message/rfc822"),
        (b"From: here to there is a long way", "text/plain"),
    ],
)
def test_a_text_is_markup_if_a_browser_could_think_so(content: bytes, media_type: str) -> None:
    assert kind(content) == media_type


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (zipped("a.txt"), "application/zip"),
        (zipped("[Content_Types].xml", "word/document.xml"), f"{OFFICE}wordprocessingml.document"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}spreadsheetml.sheet"),
        (zipped("[Content_Types].xml", "ppt/a.xml"), f"{OFFICE}presentationml.presentation"),
        (
            zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
            "application/vnd.ms-word.document.macroEnabled.12",
        ),
        (
            zipped(first=("mimetype", b"application/vnd.oasis.opendocument.text")),
            "application/vnd.oasis.opendocument.text",
        ),
        (zipped(first=("mimetype", b"application/epub+zip")), "application/epub+zip"),
        (zipped(first=("mimetype", b"text/html")), "application/zip"),
        (zipped("META-INF/MANIFEST.MF"), "application/java-archive"),
        (
            zipped("AndroidManifest.xml", "META-INF/MANIFEST.MF"),
            "application/vnd.android.package-archive",
        ),
        (OLE + "WordDocument".encode("utf-16-le"), "application/msword"),
        (OLE + "Workbook".encode("utf-16-le"), "application/vnd.ms-excel"),
        (OLE, "application/x-ole-storage"),
    ],
)
def test_a_container_is_known_by_the_names_in_it(content: bytes, media_type: str) -> None:
    assert kind(content) == media_type


def test_an_office_document_is_known_whose_list_lies_far_behind_its_beginning() -> None:
    filler = "x" * HEAD_BYTES
    content = zipped(
        "[Content_Types].xml", "xl/workbook.xml", first=("docProps/big.bin", filler.encode())
    )

    assert kind(content) == f"{OFFICE}spreadsheetml.sheet"


@pytest.mark.parametrize(
    "content",
    [
        PROGRAM,
        b"\x7fELF\x02\x01\x01" + bytes(60),
        b"\xcf\xfa\xed\xfe" + bytes(60),
        b"L\0\0\0\x01\x14\x02\0" + bytes(60),
        OLE + "\u4840\u3b3f\u43f2\u4438\u45b1".encode("utf-16-le"),
        zipped("META-INF/MANIFEST.MF"),
    ],
)
def test_a_program_is_one_under_any_name(content: bytes) -> None:
    assert is_program(kind(content), "holiday.jpg")


def test_a_name_makes_programs_and_warnings_but_no_pictures() -> None:
    assert is_program("text/plain", "start.bat")
    assert not is_program("text/plain", "start.bat.txt")
    assert not is_program("text/x-shellscript", "fix.sh")
    assert may_run("text/x-shellscript", "fix")
    assert may_run("text/plain", "fix.py")
    assert may_run("application/vnd.ms-excel.sheet.macroEnabled.12", "a")
    assert may_run("text/html", "page")
    assert not may_run("image/png", "a.png")
    assert kind(b"words") == "text/plain"
    assert not is_shown("text/plain")


def test_two_letters_alone_make_no_program() -> None:
    assert kind(b"MZ was his name") == "text/plain"


@given(st.binary(max_size=3000))
def test_whatever_comes_has_a_type_and_only_pictures_are_shown(content: bytes) -> None:
    found = kind(content)

    assert len(found) <= 100
    assert found.count("/") == 1
    starts = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
    assert (found in SHOWN_TYPES) <= content.startswith(starts)


@pytest.mark.parametrize(
    "content",
    [
        b"<!-- -->" * (HEAD_BYTES // 8),
        b"<!--" * (HEAD_BYTES // 4),
        b"<html " * (HEAD_BYTES // 6),
        b" " * HEAD_BYTES + b"<",
        b"<" * HEAD_BYTES,
        b"PK\x03\x04" * (HEAD_BYTES // 4),
        b"PK\x03\x04" + b"PK\x01\x02" * (HEAD_BYTES // 4),
    ],
)
def test_no_head_takes_long_to_read(content: bytes) -> None:
    began = time.process_time()

    kind(content)

    assert time.process_time() - began < 0.5
