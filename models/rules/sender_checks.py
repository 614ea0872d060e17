"""Whether our own mail server found that a sender is who they say they are.

Source: RFC 8601 (Authentication-Results) and RFC 7489 (DMARC). Anyone can write such a
header; it is believed only if it names a server of ours, which takes forged ones away.
"""

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Final

from models.rules.mail_fields import MailFields

_MAX_BYTES: Final = 8_192
_COMMENT: Final = re.compile(r"\([^()]*\)")
_RESULT: Final = re.compile(r"\s*dmarc\s*=\s*([a-z]+)", re.IGNORECASE)


class SenderCheck(StrEnum):
    """What the server found."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"  # no server of ours has looked, or the domain says nothing


_FOUND: Final = {"pass": SenderCheck.PASSED, "fail": SenderCheck.FAILED}


def read_sender_check(fields: MailFields, *, servers: Collection[str]) -> SenderCheck:
    """Return what a server of ours found by DMARC; the header that was added last decides.

    Args:
        fields: of the mail.
        servers: names by which our servers sign such headers, in lower case.
    """
    for value in fields.every("authentication-results"):
        text = _COMMENT.sub(" ", value[:_MAX_BYTES].decode("ascii", "replace"))
        name, _, results = text.partition(";")
        if (name.split() or [""])[0].lower() not in servers:
            continue
        for result in results.split(";"):
            found = _RESULT.match(result)
            if found is not None:
                return _FOUND.get(found[1].lower(), SenderCheck.UNKNOWN)
    return SenderCheck.UNKNOWN
