"""The form by which visitors send the password of a link."""

from typing import Final, NamedTuple
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.http import HttpProcessingError

from api.pages import PASSWORD_FIELD, REFERRER_FIELD
from models.rules.click_record import MAX_FIELD_BYTES

FORM_TYPE: Final = "application/x-www-form-urlencoded"
MAX_FORM_BYTES: Final = 16 << 10  # 1,024 characters in three bytes each, written as %XX
_MAX_FIELDS: Final = 8
_UNREADABLE: Final = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
_CONTROLS: Final = bytes([*range(0x20), 0x7F])


class LinkForm(NamedTuple):
    """What a visitor typed, and what the page remembered for them.

    Attributes:
        password: "" for none.
        referrer: as the header would have it: one line, at most MAX_FIELD_BYTES.
    """

    password: str = ""
    referrer: bytes = b""


EMPTY_FORM: Final = LinkForm()


async def read_form(request: web.Request) -> LinkForm:
    """Read the body of a request of FORM_TYPE; one that is none of ours is EMPTY_FORM.

    Of a longer body no more than MAX_FORM_BYTES are kept.
    """
    if (request.content_length or 0) > MAX_FORM_BYTES:
        return EMPTY_FORM
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return EMPTY_FORM
    except _UNREADABLE:
        return EMPTY_FORM
    try:
        fields = parse_qs(
            body.decode("utf-8", "replace"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="replace",
        )
    except ValueError:
        return EMPTY_FORM
    return LinkForm(
        password=fields.get(PASSWORD_FIELD, [""])[0],
        referrer=one_line(fields.get(REFERRER_FIELD, [""])[0].encode()),
    )


def one_line(value: bytes) -> bytes:
    """Return what a header could hold of a value, as much as a click keeps of it."""
    return value.translate(None, _CONTROLS)[:MAX_FIELD_BYTES]
