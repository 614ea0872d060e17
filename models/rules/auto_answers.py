"""Headers that tell other programs that a program of ours wrote a mail.

Source: RFC 3834 sections 4 and 5, [MS-OXCMAIL] section 2.1.3.2.21.
"""

from enum import StrEnum
from typing import Final

from models.rules.mail_loops import MARK

# Automatic mail has the empty sender in its envelope, so that nothing answers it.
ENVELOPE_SENDER: Final = ""


class AutomaticMail(StrEnum):
    """Why a program writes."""

    ANSWER = "ANSWER"  # to a mail: that it arrived, or did not
    NOTICE = "NOTICE"  # of something that happened


_SUBMITTED: Final = {
    AutomaticMail.ANSWER: "auto-replied",
    AutomaticMail.NOTICE: "auto-generated",
}


def automatic_headers(kind: AutomaticMail, *, host: str) -> tuple[tuple[str, str], ...]:
    """Return what every automatic mail has in its header, names and values.

    Args:
        kind: why it is written.
        host: of this installation, ASCII; a mail that comes back is known by it.
    """
    return (
        ("Auto-Submitted", _SUBMITTED[kind]),
        ("X-Auto-Response-Suppress", "All"),
        ("Precedence", "bulk"),
        *desk_headers(host=host),
    )


def desk_headers(*, host: str) -> tuple[tuple[str, str], ...]:
    """Return what mail of people of the desk has as well: the mark that it is ours."""
    return ((MARK, host),)
