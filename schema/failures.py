"""Top-level errors: what a caller may learn of each, and the rest for the log."""

import re
from typing import Final

import structlog
from graphql import GraphQLError

from models.errors import DomainError, RateLimitedError
from models.store_failures import is_store_failure, is_too_slow
from models.texts import message_of, text
from resolvers.context import NotPermittedError
from schema.context import GraphQLContext
from schema.documents import TOO_DEEP
from schema.scalars import ScalarInvalidError

BAD_REQUEST: Final = "BAD_REQUEST"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
INTERNAL: Final = "INTERNAL"
UNAVAILABLE: Final = "UNAVAILABLE"
TOO_SLOW: Final = "TOO_SLOW"
_GUESS: Final = re.compile(r" Did you mean [^?]{0,300}\?")
_log = structlog.get_logger(__name__)


def public_error(error: GraphQLError, context: GraphQLContext) -> GraphQLError:
    """Return the error as the caller may see it.

    Refusals are worded in the caller's language. Errors that graphql-core or we
    raised on purpose keep their words. Everything else is logged with its
    traceback and masked; the caller gets the request id to ask by.
    """
    cause = error.original_error
    if isinstance(cause, DomainError):
        return _refusal(error, cause, context)
    if isinstance(cause, RecursionError) and error.path is None:
        return _like(error, TOO_DEEP, {"code": BAD_REQUEST})
    if cause is None or _is_bad_input(error, cause):
        code = (error.extensions or {}).get("code", BAD_REQUEST)
        message = text(context.locale, code) if code == UNAUTHENTICATED else _in_our_words(error)
        if not context.sees_schema:  # graphql-core guesses in the values of variables, too
            message = _GUESS.sub("", message)
        return _like(error, message, {**(error.extensions or {}), "code": code})
    if is_too_slow(cause):
        _log.warning("graphql_too_slow", path=error.path, request_id=context.origin.request_id)
        return _like(error, text(context.locale, TOO_SLOW), {"code": TOO_SLOW})
    if is_store_failure(cause):
        _log.warning("store_unavailable", path=error.path, exc_info=cause)
        return _like(error, text(context.locale, UNAVAILABLE), {"code": UNAVAILABLE})
    _log.error(
        "graphql_failed", path=error.path, request_id=context.origin.request_id, exc_info=cause
    )
    return _like(
        error,
        text(context.locale, INTERNAL, request_id=context.origin.request_id),
        {"code": INTERNAL, "requestId": context.origin.request_id},
    )


def _is_bad_input(error: GraphQLError, cause: Exception) -> bool:
    """Tell whether the caller sent what cannot be: an error of graphql-core's or of a scalar.

    graphql-core passes a ValueError on in a sentence about the value that it found.
    """
    if isinstance(cause, GraphQLError):
        return True
    if error.path is not None or not isinstance(cause, ValueError):
        return False
    return isinstance(cause, ScalarInvalidError) or _reason(cause) in error.message


def _in_our_words(error: GraphQLError) -> str:
    """Return the message without a reason that the interpreter gave, as for 5,000 digits."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError | ScalarInvalidError):
        return error.message
    return error.message.replace(_reason(cause), ", found")


def _reason(cause: Exception) -> str:
    return f", but encountered error '{cause}'; found"


def _refusal(error: GraphQLError, cause: DomainError, context: GraphQLContext) -> GraphQLError:
    if isinstance(cause, NotPermittedError) and context.viewer.user_id is None:
        return _like(error, text(context.locale, UNAUTHENTICATED), {"code": UNAUTHENTICATED})
    extensions: dict[str, object] = {"code": cause.code}
    if isinstance(cause, RateLimitedError):
        extensions["retryAfter"] = cause.retry_after_s
    if cause.path:
        extensions["argument"] = list(cause.path)
    return _like(error, message_of(context.locale, cause), extensions)


def _like(error: GraphQLError, message: str, extensions: dict[str, object]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
