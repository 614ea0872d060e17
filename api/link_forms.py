"""The form by which visitors send the password of a link."""

from typing import Final
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.http import HttpProcessingError

from api.pages import PASSWORD_FIELD

FORM_TYPE: Final = "application/x-www-form-urlencoded"
MAX_FORM_BYTES: Final = 16 << 10  # 1,024 characters in three bytes each, written as %XX
_MAX_FIELDS: Final = 8
_UNREADABLE: Final = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


async def typed_password(request: web.Request) -> str:
    """Return the password of a form, "" if there is none or the body is none of ours.

    Args:
        request: of FORM_TYPE; of a longer body no more than MAX_FORM_BYTES are kept.
    """
    if (request.content_length or 0) > MAX_FORM_BYTES:
        return ""
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return ""
    except _UNREADABLE:
        return ""
    try:
        fields = parse_qs(
            body.decode("utf-8", "replace"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="replace",
        )
    except ValueError:
        return ""
    return fields.get(PASSWORD_FIELD, [""])[0]
