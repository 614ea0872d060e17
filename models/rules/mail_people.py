"""Who a mail is from and to: names and addresses out of headers.

Source: RFC 5322 section 3.4 and RFC 6532, read as widely as they are written. The list is
taken apart before names are decoded, so that a name cannot smuggle in an address, and
comments do not nest deeper than anyone could write them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from models.rules.encoded_words import decode_header
from models.rules.mail_addresses import normal_address

MAX_PEOPLE: Final = 500  # of one header
_MAX_BYTES: Final = 32_768
_MAX_NAME_LENGTH: Final = 200  # characters
_MAX_ADDRESS_LENGTH: Final = 254  # RFC 5321 section 4.5.3.1.3, with its erratum
_TOKEN: Final = re.compile(
    rb"""("(?:[^"\\]|\\.)*+(?:"|\Z))|(\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\)?)|(<[^<>]*+>)"""
    rb"""|([,;])|(=\?[^?\s]{1,40}\?[bBqQ]\?[^?]*+\?=|[^"(<,;=]++|[<=])""",
    re.DOTALL,
)
_GROUP: Final = re.compile(rb"\A[^@:\"<]{1,200}:")
_ADDRESS: Final = re.compile(r"""[^\s<>()\[\],;:"@\\]{1,128}@[^\s<>()\[\],;:"@\\]{1,253}""")
_QUOTED_ADDRESS: Final = re.compile(r'"[^"@]{1,64}"@[^\s<>()\[\],;:"@\\]{1,253}')
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MailPerson:
    """Somebody in a header.

    Attributes:
        address: as models.rules.mail_addresses.normal_address has it.
        name: "" without one, or if it only repeats the address.
    """

    address: str
    name: str = ""


def read_people(values: Iterable[bytes]) -> tuple[MailPerson, ...]:
    """Return everybody whom the values of a header name, each address once."""
    found: dict[str, MailPerson] = {}
    for value in values:
        for entry in _entries(value[:_MAX_BYTES]):
            person = _person(entry)
            if person is not None and len(found) < MAX_PEOPLE:
                found.setdefault(person.address, person)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stands between two commas, raw; the address has its brackets, b"" without any."""

    name: bytes
    address: bytes
    comment: bytes


def _entries(value: bytes) -> Iterator[_Entry]:
    words: list[bytes] = []
    comments: list[bytes] = []
    address = b""
    for token in _TOKEN.finditer(value):
        quoted, comment, angle, end, plain = token.groups()
        if end is not None:
            yield _Entry(b"".join(words), address, b" ".join(comments))
            words, comments, address = [], [], b""
        elif angle is not None:
            address = angle if not address or b"@" in angle else address
        elif comment is not None:
            comments.append(comment.strip(b"()"))
        elif quoted is not None:
            is_address = b"@" in quoted or value.startswith(b"@", token.end())
            words.append(quoted if is_address else _ESCAPE.sub(rb"\1", quoted.strip(b'"')))
        else:
            words.append(plain if words else _GROUP.sub(b"", plain))
    yield _Entry(b"".join(words), address, b" ".join(comments))


def _person(entry: _Entry) -> MailPerson | None:
    """Find the address: in brackets, or without any, or in what a program encoded or left open."""
    title = decode_header(entry.name).text
    comment = decode_header(entry.comment).text
    for text in (decode_header(entry.address).text, title, comment):
        found = _found(text)
        if found is not None:
            plain = normal_address(found)
            name = _title(title, found) or _title(comment, found)
            return MailPerson(plain, name[:_MAX_NAME_LENGTH])
    return None


def _title(text: str, address: str) -> str:
    """Return a name without the address, if it says more than that."""
    kept = text.replace(address, "").strip(" <>()\"'")
    return "" if kept.lower() == normal_address(address) else kept


def _found(text: str) -> str | None:
    """Return the last address in a text: what stands before it may be a name like one."""
    addresses = [found[0] for found in _QUOTED_ADDRESS.finditer(text)]
    addresses = addresses or [found[0] for found in _ADDRESS.finditer(text)]
    if not addresses or len(addresses[-1]) > _MAX_ADDRESS_LENGTH:
        return None
    return addresses[-1].strip(".'") or None
