"""The body of POST /files: the bytes of one file, as they are or in a form of one part.

A form is read by aiohttp's reader, which bounds the headers of a part; what lies around the
part is bounded here, by the length that a form must announce and by the number of its lines.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from api.graphql_http import RequestRefusedError
from models.file_errors import FileTooLargeError

_FORM_BYTES: Final = 16 << 10  # that a form may have beside its file
_FORM_LINES: Final = 256  # of all heads and boundaries, and of what lies before the first one
_CHUNK_BYTES: Final = 64 << 10
_BINARY: Final = frozenset({"", "binary", "8bit", "7bit"})
_BAD_FORM: Final = (
    "A form must have exactly one part, with a file name, as multipart/form-data has it."
)
# How the connection, or aiohttp's reader of forms, says that it cannot go on.
_BROKEN: Final = (ConnectionError, HttpProcessingError, web.RequestPayloadError)
_BAD: Final = (ValueError, RuntimeError, AssertionError, RuntimeWarning)


@dataclass(frozen=True, slots=True)
class FileBody:
    """What comes.

    Attributes:
        name: of the part of a form; None where the body is the file.
        chunks: of the file, to be read once; they raise RequestRefusedError.
    """

    name: str | None
    chunks: AsyncGenerator[bytes]


class _FewLines:
    """A body of which only so many lines are read as lines.

    aiohttp's reader looks for the first boundary line by line. A body of line feeds alone would
    keep the loop, and every redirect, for a second with each megabyte.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._left = _FORM_LINES

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """See StreamReader.readline.

        Raises:
            ValueError: too many lines.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError(_FORM_LINES)
        return await self._content.readline(max_line_length=max_line_length)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else of a StreamReader
        return getattr(self._content, name)


async def file_body(request: web.Request, *, limit_bytes: int) -> FileBody:
    """Return the file of a request, of which nothing but the head of a form was read.

    Args:
        request: a POST.
        limit_bytes: most bytes of the file; what announces more is refused at once.

    Raises:
        FileTooLargeError: see limit_bytes.
        RequestRefusedError: compressed, or a form that is none.
    """
    if hdrs.CONTENT_ENCODING in request.headers:
        raise RequestRefusedError(
            "Send the file as it is, not compressed on the way.",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="UNSUPPORTED_MEDIA_TYPE",
        )
    is_form = request.content_type.startswith("multipart/")
    if is_form and request.content_length is None:
        raise RequestRefusedError(
            "A form must say how long it is.", status=HTTPStatus.LENGTH_REQUIRED
        )
    if (request.content_length or 0) > limit_bytes + (_FORM_BYTES if is_form else 0):
        raise FileTooLargeError(limit_bytes=limit_bytes)
    if not is_form:
        return FileBody(None, _plain(request))
    try:
        form = MultipartReader(request.headers, cast("StreamReader", _FewLines(request.content)))
        part = await form.next()
    except _BROKEN:
        raise RequestRefusedError("The body cannot be read.") from None
    except _BAD:
        raise RequestRefusedError(_BAD_FORM) from None
    return FileBody(_name_of(request, part), _of_form(form, part))


def _name_of(request: web.Request, part: MultipartReader | BodyPartReader | None) -> str | None:
    encoding = "" if part is None else part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "")
    if (
        request.content_type != "multipart/form-data"
        or not isinstance(part, BodyPartReader)
        or not part.filename
        or hdrs.CONTENT_ENCODING in part.headers
        or encoding.lower() not in _BINARY
    ):
        raise RequestRefusedError(_BAD_FORM)
    return part.filename


async def _plain(request: web.Request) -> AsyncGenerator[bytes]:
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except _BROKEN:
        raise RequestRefusedError("The body cannot be read.") from None


async def _of_form(
    form: MultipartReader, part: MultipartReader | BodyPartReader | None
) -> AsyncGenerator[bytes]:
    assert isinstance(part, BodyPartReader)  # noqa: S101 - see _name_of
    try:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
        is_last = await form.next() is None
    except _BROKEN:
        raise RequestRefusedError("The body cannot be read.") from None
    except _BAD:
        raise RequestRefusedError(_BAD_FORM) from None
    if not is_last:
        raise RequestRefusedError(_BAD_FORM)
