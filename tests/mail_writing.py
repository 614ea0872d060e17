"""Mail as bytes, written piece by piece, so that it can be as broken as real mail is."""

import binascii
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

CRLF = "\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a program writes letters outside of ASCII.

    Attributes:
        charset: label of texts and headers.
        codec: of Python; differs from the label in mail that lies.
        words: B or Q of RFC 2047; "" writes raw bytes.
        encoding: of texts: base64, quoted-printable or 8bit.
    """

    charset: str = "utf-8"
    codec: str = ""
    words: str = "B"
    encoding: str = "base64"

    @property
    def real_codec(self) -> str:
        """What the bytes really are."""
        return self.codec or self.charset


def header_text(text: str, style: Style) -> bytes:
    """Write the text of a header, in words of at most 20 characters."""
    if text.isascii():
        return text.encode()
    if not style.words:
        return text.encode(style.real_codec)
    pieces = [text[start : start + 20] for start in range(0, len(text), 20)]
    return b"\r\n ".join(_word(piece, style) for piece in pieces)


def _word(text: str, style: Style) -> bytes:
    data = text.encode(style.real_codec)
    if style.words == "B":
        told = b64encode(data)
    else:
        told = binascii.b2a_qp(data, quotetabs=True, header=True, istext=False)
        told = told.replace(b"=\n", b"").replace(b"?", b"=3F")
    return b"=?%s?%s?%s?=" % (style.charset.encode(), style.words.encode(), told)


def person(name: str, address: str, style: Style) -> bytes:
    """Write a name and an address."""
    if not name:
        return address.encode()
    told = header_text(name, style)
    return (b'"%s" <%s>' if name.isascii() else b"%s <%s>") % (told, address.encode())


def entity(fields: Sequence[tuple[str, bytes | str]], body: bytes) -> bytes:
    """Write a mail or a part: header, empty line, body."""
    lines = (
        b"%s: %s\r\n" % (name.encode(), value.encode() if isinstance(value, str) else value)
        for name, value in fields
    )
    return b"".join(lines) + b"\r\n" + body


def text_part(text: str, style: Style, *, subtype: str = "plain", more: str = "") -> bytes:
    """Write a text."""
    data = text.replace("\n", CRLF).encode(style.real_codec)
    if style.encoding == "base64":
        data = binascii.b2a_base64(data) if len(data) < 57 else _wrapped(data)
    elif style.encoding == "quoted-printable":
        data = binascii.b2a_qp(data, istext=True)
    return entity(
        [
            ("Content-Type", f"text/{subtype}; charset={style.charset}{more}"),
            ("Content-Transfer-Encoding", style.encoding),
        ],
        data,
    )


def _wrapped(data: bytes) -> bytes:
    lines = [data[start : start + 57] for start in range(0, len(data), 57)]
    return b"\r\n".join(b64encode(line) for line in lines)


def file_part(
    content: bytes, *, media: str, name: bytes = b"", place: str = "attachment", more: str = ""
) -> bytes:
    """Write an attachment; `name` is what follows after "filename"."""
    fields: list[tuple[str, bytes | str]] = [
        ("Content-Type", media),
        ("Content-Disposition", place.encode() + (b"; filename" + name if name else b"")),
        ("Content-Transfer-Encoding", "base64"),
    ]
    if more:
        fields.append(("Content-ID", f"<{more}>"))
    return entity(fields, _wrapped(content))


def multipart(kind: str, parts: Sequence[bytes], *, boundary: str, more: str = "") -> bytes:
    """Write a part of parts."""
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return entity([("Content-Type", f'multipart/{kind}; boundary="{boundary}"{more}')], body)


def mail(fields: Sequence[tuple[str, bytes | str]], content: bytes) -> bytes:
    """Put the header of a mail before a part."""
    head = entity(fields, b"").removesuffix(b"\r\n")
    return head + b"MIME-Version: 1.0\r\n" + content
