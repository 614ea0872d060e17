"""POST /files and POST /files/{token}: a file on its way in.

The first takes a file from whoever is signed in, by a key or by the cookie of a session
together with the header Linkyard-Client; the second by an address from `fileUploadBegin`,
which says whose file it is. The bytes go from the socket to the disk as they come.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import aclosing, contextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web

from api.auth import ANONYMOUS, CredentialRefusedError
from api.credentials import credentials_of, viewer_of_request
from api.fast_path import RedirectProtocol
from api.file_answers import answer, locale_of, refused, unauthenticated
from api.file_bodies import FileBody, file_body
from api.keys import LIMITS, PORTS
from api.origin import origin_of
from models.errors import RateLimitedError
from models.files import StoredFile
from resolvers.context import RequestContext
from resolvers.file_uploads import (
    Upload,
    checked,
    open_direct_upload,
    open_upload,
    receive_file,
    slowest,
)
from schema.nodes import encode_id
from schema.scalars import format_instant

AT_ONCE: Final = 64  # of a process
AT_ONCE_OF_ONE: Final = 8  # of a person
_BUSY_S: Final = 5  # until somebody who sends too many at once may try again


class FileUploads:
    """The handlers, and how many files come at the moment."""

    def __init__(self) -> None:
        self._coming: Counter[int | None] = Counter()

    def routes(self) -> list[web.RouteDef]:
        """Return both routes."""
        return [
            web.post("/files", self.direct, name="file_upload"),
            web.post("/files/{token}", self.addressed, name="file_upload_address"),
        ]

    async def direct(self, request: web.Request) -> web.StreamResponse:
        """Take a file from whoever is signed in."""
        try:
            context = await _signed_in(request)
            limits = await request.app[LIMITS].charge(context, locale=locale_of(request))
            if context.viewer.user_id is None:
                return unauthenticated(request)
            body = await file_body(request, limit_bytes=context.ports.files.max_bytes)
            expected = checked(
                name=body.name or request.query.get("name", ""),
                bytes=request.content_length if body.name is None else None,
                sha256=request.query.get("sha256"),
            )
            upload = await open_direct_upload(context, expected=expected)
            return await self._receive(request, upload, body, limits)
        except Exception as error:  # noqa: BLE001 - the edge: told, or logged and masked
            return refused(request, error)

    async def addressed(self, request: web.Request) -> web.StreamResponse:
        """Take the file that an address was made for."""
        try:
            credentials_of(request)  # no other site may use our cookie, not even for nothing
            nobody = RequestContext(ANONYMOUS, request.app[PORTS], origin_of(request))
            upload = await open_upload(nobody, request.match_info["token"])
            limits = await request.app[LIMITS].charge(upload.context, locale=locale_of(request))
            body = await file_body(request, limit_bytes=upload.limit_bytes)
            return await self._receive(request, upload, body, limits)
        except Exception as error:  # noqa: BLE001 - the edge: told, or logged and masked
            return refused(request, error)

    async def _receive(
        self, request: web.Request, upload: Upload, body: FileBody, limits: dict[str, str]
    ) -> web.Response:
        with self._counted(upload.context.viewer.user_id), _patience(request, upload):
            async with aclosing(body.chunks) as chunks:
                file = await receive_file(upload, chunks)
        return answer({"file": _told(file)}, status=HTTPStatus.CREATED, headers=limits)

    @contextmanager
    def _counted(self, user_id: int | None) -> Generator[None]:
        if self._coming[user_id] >= AT_ONCE_OF_ONE or self._coming.total() >= AT_ONCE:
            raise RateLimitedError(_BUSY_S)
        self._coming[user_id] += 1
        try:
            yield
        finally:
            self._coming[user_id] -= 1
            if not self._coming[user_id]:
                del self._coming[user_id]


async def _signed_in(request: web.Request) -> RequestContext:
    ports, origin = request.app[PORTS], origin_of(request)
    try:
        viewer = await viewer_of_request(credentials_of(request), ports)
    except CredentialRefusedError:
        nobody = RequestContext(ANONYMOUS, ports, origin)
        await request.app[LIMITS].charge(nobody, locale=locale_of(request))
        raise
    return RequestContext(viewer, ports, origin)


@contextmanager
def _patience(request: web.Request, upload: Upload) -> Generator[None]:
    """Let a large file take longer than any other body may."""
    connection = request.protocol
    if not isinstance(connection, RedirectProtocol):
        yield
        return
    size_bytes = request.content_length or upload.limit_bytes
    connection.let_body_take(slowest(size_bytes).total_seconds())
    try:
        yield
    finally:
        connection.let_body_take(0.0)


def _told(file: StoredFile) -> dict[str, object]:
    return {
        "id": encode_id("StoredFile", file.id),
        "name": file.name,
        "mediaType": file.blob.media_type,
        "bytes": file.blob.bytes,
        "sha256": file.blob.sha256,
        "scanStatus": file.blob.scan_status.value,
        "expiresAt": None if file.expires_at is None else format_instant(file.expires_at),
    }
