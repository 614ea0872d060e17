"""GET /api/people/{id}/data: everything that is stored about a person, as one JSON document.

The caller is told as at /graphql: by a key, or by the cookie of a session together with
the header Linkyard-Client. The document is written while it is read from the store, so
that it may be of any size; whoever gets no closing brace did not get all of it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
import structlog
from aiohttp import hdrs, web

from api.auth import ANONYMOUS, REFUSED, CredentialRefusedError
from api.credentials import credentials_of, viewer_of_request
from api.graphql_http import RequestRefusedError
from api.keys import LIMITS, PORTS, REQUEST_ID
from api.origin import origin_of
from api.person_json import person_json
from models.errors import DomainError, NotFoundError
from models.store_failures import is_store_failure
from models.texts import message_of, negotiate, text
from resolvers.context import RequestContext
from resolvers.personal_data import open_person, person_parts
from schema.failures import INTERNAL, UNAUTHENTICATED, UNAVAILABLE
from schema.nodes import row_id_of

PATH: Final = "/api/people/{id}/data"
_log = structlog.get_logger(__name__)
routes = web.RouteTableDef()


@routes.get(PATH, name="person_data", allow_head=False)
async def person_data(request: web.Request) -> web.StreamResponse:
    """Stream the document, or say in one JSON object why not."""
    locale = negotiate(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
    try:
        return await _answer(request, locale)
    except RequestRefusedError as refusal:
        return _refused(
            refusal.status, refusal.message, refusal.extensions, headers=refusal.headers
        )
    except CredentialRefusedError:
        return _unauthenticated(locale)
    except DomainError as refusal:
        is_absent = isinstance(refusal, NotFoundError)
        status = HTTPStatus.NOT_FOUND if is_absent else HTTPStatus.FORBIDDEN
        return _refused(status, message_of(locale, refusal), {"code": refusal.code})
    except Exception as error:  # noqa: BLE001 - the edge: logged with its traceback, then masked
        if not is_store_failure(error):
            _log.exception("person_data_failed")
            number = request[REQUEST_ID]
            message = text(locale, INTERNAL, request_id=number)
            return _refused(500, message, {"code": INTERNAL, "requestId": number})
        _log.warning("store_unavailable", exc_info=error)
        return _refused(503, text(locale, UNAVAILABLE), {"code": UNAVAILABLE})


async def _answer(request: web.Request, locale: str) -> web.StreamResponse:
    ports, origin = request.app[PORTS], origin_of(request)
    try:
        viewer = await viewer_of_request(credentials_of(request), ports)
    except CredentialRefusedError:
        nobody = RequestContext(ANONYMOUS, ports, origin)
        await request.app[LIMITS].charge(nobody, locale=locale)
        raise
    context = RequestContext(viewer, ports, origin)
    limits = await request.app[LIMITS].charge(context, locale=locale)
    if viewer.user_id is None:
        return _unauthenticated(locale)
    user_id = row_id_of(request.match_info["id"], "User") or 0
    parts = person_parts(context, await open_person(context, user_id=user_id))
    response = web.StreamResponse(
        headers={
            **limits,
            hdrs.CONTENT_TYPE: "application/json; charset=utf-8",
            hdrs.CONTENT_DISPOSITION: 'attachment; filename="personal-data.json"',
            hdrs.CACHE_CONTROL: "no-store",
        }
    )
    chunks = person_json(parts)
    first = await anext(chunks)  # before the status is sent: the store may be away
    await response.prepare(request)
    await response.write(first)
    try:
        async for chunk in chunks:
            await response.write(chunk)
    except Exception:  # noqa: BLE001 - the status is out: nothing else can be said
        _log.exception("person_data_cut")
        if request.transport is not None:
            request.transport.abort()  # so that nobody takes a part for the whole
        return response
    await response.write_eof()
    return response


def _unauthenticated(locale: str) -> web.Response:
    return _refused(
        HTTPStatus.UNAUTHORIZED,
        text(locale, UNAUTHENTICATED),
        {"code": UNAUTHENTICATED},
        headers={hdrs.WWW_AUTHENTICATE: REFUSED},
    )


def _refused(
    status: int,
    message: str,
    extensions: Mapping[str, str | int],
    *,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    error = {"message": message, "extensions": dict(extensions)}
    return web.Response(
        body=orjson.dumps({"errors": [error]}),
        status=status,
        headers={**(headers or {}), hdrs.CONTENT_TYPE: "application/json; charset=utf-8"},
    )
