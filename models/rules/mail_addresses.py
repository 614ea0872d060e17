"""E-mail addresses as mail servers take them.

Source: RFC 5321 section 4.1.2 and RFC 6531. A domain in letters of another alphabet has a
form in ASCII that every server knows (RFC 5891); the part before the @ has none, and needs
a server with SMTPUTF8.
"""

import idna
import regex

from models.errors import ValueInvalidError

_HIDDEN = regex.compile(r"[\p{C}\p{Z}]")


def deliverable(address: str) -> str:
    """Return the address with its domain in ASCII.

    Raises:
        ValueInvalidError: it holds characters that no header may, or its domain is none.
    """
    name, at, domain = address.rpartition("@")
    if not at or not name or not domain or _HIDDEN.search(address):
        raise ValueInvalidError(path=("email",), reason="email")
    if domain.isascii():
        return address
    try:
        return f"{name}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError:
        raise ValueInvalidError(path=("email",), reason="email") from None


def normal_address(typed: str) -> str:
    """Return how an address is stored, so that every spelling of its domain is one mailbox.

    What is no address at all comes back in lower case: nobody has it.
    """
    text = typed.strip().lower()
    try:
        return deliverable(text).rstrip(".")
    except ValueInvalidError:
        return text
