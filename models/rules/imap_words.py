"""What an IMAP client says: names of folders, dates, and quoted strings.

Source: RFC 3501 sections 4.3 (strings), 5.1.3 (names of folders in other alphabets, a
UTF-7 of its own) and 9 (date).
"""

from base64 import b64encode
from datetime import date
from typing import Final

import regex

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OTHERS: Final = regex.compile(r"[^ -~]+")
_UNSAYABLE: Final = regex.compile(r"[^ -~]")


def quoted(text: str) -> str:
    """Return a text as a quoted string.

    Raises:
        ValueError: it has characters that no quoted string can hold: line ends, NUL, other
            alphabets.
    """
    if _UNSAYABLE.search(text):
        raise ValueError("only printable ASCII can be quoted")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def folder_name(name: str) -> str:
    """Return the name of a folder as servers take it: modified UTF-7, quoted."""
    return quoted(_OTHERS.sub(_shifted, name.replace("&", "&-")))


def search_date(day: date) -> str:
    """Return a day as a search names it: 1-Nov-2026."""
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year:04d}"


def _shifted(run: regex.Match[str]) -> str:
    encoded = b64encode(run[0].encode("utf-16-be")).decode("ascii")
    return f"&{encoded.rstrip('=').replace('/', ',')}-"
