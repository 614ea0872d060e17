"""GET /files/{token}: a file on its way out, by an address that `StoredFile.url` gave.

What a browser may draw and cannot run is shown, everything else is saved. Whatever comes is
cut off from the portal: no script, no frame, no guess at another type, no cache.
"""

from collections.abc import Mapping
from typing import Final

import structlog
from aiohttp import hdrs, web

from api.auth import ANONYMOUS
from api.file_answers import locale_of, refused
from api.keys import LIMITS, PORTS
from api.origin import origin_of
from api.security_headers import POLICY
from models.errors import NotFoundError
from models.files import StoredFile
from models.rules.file_names import disposition
from models.rules.media_types import is_shown
from resolvers.context import RequestContext
from resolvers.file_addresses import FoundFile, note_fetch, open_address

PATH: Final = "/files/{token}"
_ALWAYS: Final = {
    "Content-Security-Policy": f"sandbox; {POLICY}",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "private, no-store",
}
_log = structlog.get_logger(__name__)
routes = web.RouteTableDef()


@routes.get(PATH, name="file_download")
async def file_download(request: web.Request) -> web.StreamResponse:
    """Send the file, or the part of it that a Range asks for."""
    try:
        nobody = RequestContext(ANONYMOUS, request.app[PORTS], origin_of(request))
        found = await open_address(nobody, request.match_info["token"])
        limits = await request.app[LIMITS].charge(found.context, locale=locale_of(request))
        return await _sent(request, found, limits)
    except Exception as error:  # noqa: BLE001 - the edge: told, or logged and masked
        return refused(request, error)


async def _sent(
    request: web.Request, found: FoundFile, limits: Mapping[str, str]
) -> web.StreamResponse:
    blobs, sha256 = found.context.ports.blobs, found.file.blob.sha256
    if not await blobs.has(sha256):
        _log.error("a content is not on this machine", sha256=sha256)
        raise NotFoundError
    if request.method == hdrs.METH_GET:  # of whatever part: one that leaves out a byte is a fetch
        await note_fetch(found)
    return web.FileResponse(
        blobs.path_of(sha256), headers={**limits, **_ALWAYS, **headers_of(found.file)}
    )


def headers_of(file: StoredFile) -> dict[str, str]:
    """Return the headers that say what a file is and whether it is shown."""
    media_type = file.blob.media_type
    return {
        hdrs.CONTENT_TYPE: media_type,
        hdrs.CONTENT_DISPOSITION: disposition(file.name, is_inline=is_shown(media_type)),
    }
