"""When two mails are the same one, delivered twice.

The copies that two mailboxes get differ in the headers of their ways (Received, DKIM) and
in nothing else. The Message-ID alone says too little: whoever guesses it could keep a mail
of somebody else away.
"""

import hashlib
from typing import Final

from models.rules.mail_fields import read_header

_SAME: Final = ("message-id", "from", "to", "cc", "date", "subject", "content-type")


def mail_identity(raw: bytes) -> str:
    """Return a hash in hex that all copies of one mail have.

    A mail without a Message-ID or without a date is the same only byte by byte: programs
    send such alarms again and again.
    """
    header = read_header(raw, 0, len(raw), is_whole_mail=True)
    told = [header.fields.first(name) or b"" for name in _SAME]
    digest = hashlib.sha256()
    if not told[0] or "date" not in header.fields:
        digest.update(raw)
        return digest.hexdigest()
    for value in told:
        digest.update(len(value).to_bytes(4, "big") + value)
    digest.update(raw[header.body_start :].rstrip(b"\r\n"))
    return digest.hexdigest()
