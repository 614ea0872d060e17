"""What GraphQL over HTTP says about requests and answers; nothing here executes.

Source: GraphQL over HTTP, draft of 2026-08 (graphql.github.io/graphql-over-http),
with status 400 for every request error under application/graphql-response+json,
as the published server audits want it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, cast

import orjson
from aiohttp import hdrs

from resolvers.context import Viewer
from schema.context import PortalFacts
from schema.limits import CEILINGS
from schema.trusted_documents import is_hash_of, served_documents

PERSISTED_QUERY_NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
DOCUMENT_NOT_TRUSTED: Final = "DOCUMENT_NOT_TRUSTED"
JSON: Final = "application/json"
GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
MAX_BODY_BYTES: Final = 1 << 20
_NUL_ESCAPE: Final = re.compile(r"\\u(?:0000|\{0+\})")


class RequestRefusedError(Exception):
    """The request is not answered; nothing was executed.

    Attributes:
        status: 4xx for a fault of the caller, 5xx for one of ours.
        code: for `extensions.code`.
        message: for people, in English: a program's mistake.
        extensions: of the error, with the code.
        headers: of the answer, besides those that belong to the status.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, message: str, *, status: int = HTTPStatus.BAD_REQUEST, code: str = "BAD_REQUEST"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extensions: dict[str, str | int] = {"code": code}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed request; its document was not looked at, only found if it came by hash."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def wants_graphql_response(accept: str) -> bool:
    """Tell whether the Accept header asks for application/graphql-response+json.

    Only by its name: `*/*` and a missing header mean application/json, as old
    clients expect. On equal quality the newer type wins.
    """
    if GRAPHQL_RESPONSE not in accept.lower():
        return False
    best = {GRAPHQL_RESPONSE: 0.0, JSON: 0.0}
    for item in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        if media_type in best:
            best[media_type] = max(best[media_type], _quality(parameters))
    return best[GRAPHQL_RESPONSE] > 0 and best[GRAPHQL_RESPONSE] >= best[JSON]


def check_content_type(content_type: str) -> None:
    """Raise RequestRefusedError unless a body of this type is JSON in UTF-8."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    if media_type != JSON or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise RequestRefusedError(
            "Send the request as application/json in UTF-8.",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="UNSUPPORTED_MEDIA_TYPE",
        )


def parse_body(body: bytes) -> GraphQLRequest:
    """Read the body of a POST.

    Raises:
        RequestRefusedError: not JSON, or not of the shape of a GraphQL request.
    """
    try:
        data: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestRefusedError("The body is not JSON in UTF-8.") from None
    if not isinstance(data, dict):
        raise RequestRefusedError("The body must be one JSON object; batches are not answered.")
    request = _checked(cast("dict[str, Any]", data))
    if b"\\u" in body and (
        _NUL_ESCAPE.search(request.query) or "\0" in request.query or _has_nul(request.variables)
    ):
        raise RequestRefusedError("Texts cannot contain the character U+0000.")
    return request


def _checked(data: dict[str, Any]) -> GraphQLRequest:
    query = document_of(data)
    variables: object = data.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise RequestRefusedError("`variables` must be an object or null.")
    operation_name = data.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise RequestRefusedError("`operationName` must be a string or null.")
    return GraphQLRequest(query, cast("dict[str, Any] | None", variables), operation_name or None)


def document_of(data: Mapping[str, Any]) -> str:
    """Return the document of a request: its text, or the trusted one of its hash.

    The hash is `documentId`, as GraphQL over HTTP has it, or
    `extensions.persistedQuery.sha256Hash`, as most clients send it.

    Raises:
        RequestRefusedError: neither text nor hash, an unknown hash, or a text of another hash.
    """
    query: object = data.get("query")
    sent = _hash_sent(data)
    if query is None and sent is not None:
        found = served_documents().text_of(sent)
        if found is None:
            raise RequestRefusedError("PersistedQueryNotFound", code=PERSISTED_QUERY_NOT_FOUND)
        return found
    if not isinstance(query, str) or not query:
        raise RequestRefusedError("`query` must be a GraphQL document.")
    if sent is not None and not is_hash_of(sent, query):
        raise RequestRefusedError("The document has another hash than the request says.")
    return query


def _hash_sent(data: Mapping[str, Any]) -> str | None:
    extensions: object = data.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise RequestRefusedError("`extensions` must be an object or null.")
    sent: object = data.get("documentId")
    if sent is None and extensions:
        persisted = cast("dict[str, object]", extensions).get("persistedQuery")
        if isinstance(persisted, dict):
            sent = cast("dict[str, object]", persisted).get("sha256Hash")
    if sent is not None and not isinstance(sent, str):
        raise RequestRefusedError("The hash of a document must be a string.")
    return sent


def demand_trust(
    query: str, *, facts: PortalFacts, viewer: Viewer, headers: Mapping[str, str]
) -> None:
    """Refuse a browser's own document where only trusted ones are answered.

    Raises:
        RequestRefusedError: see there.
    """
    is_browser = viewer.session_id is not None or hdrs.ORIGIN in headers
    if facts.trusts_documents_only and is_browser and query not in served_documents():
        raise RequestRefusedError(
            "Pages may send only the operations that belong to this release.",
            code=DOCUMENT_NOT_TRUSTED,
        )


def _has_nul(value: object) -> bool:
    """Tell whether a JSON value has U+0000 in a text: PostgreSQL cannot store it.

    Looks at no more than may be asked anyway; schema.operations refuses what has more.
    """
    waiting = [value]  # no recursion: orjson reads deeper values than Python may recurse
    for _ in range(2 * CEILINGS.values):  # keys count here, too
        if not waiting:
            break
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            fields = cast("dict[str, object]", item)
            waiting += [*fields.keys(), *fields.values()]
        elif isinstance(item, list):
            waiting += cast("list[object]", item)
    return False


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
