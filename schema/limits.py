"""The limits of documents: one table, and how a breach is told."""

from typing import Final

from graphql import GraphQLError, Node

from schema.document_counts import BreachError, Ceilings, Limit, MalformedError

DOCUMENT_LIMIT: Final = "DOCUMENT_LIMIT"
INTROSPECTION_OFF: Final = "INTROSPECTION_OFF"

# Aliases, directives, tokens and cost are the ceilings of graphql-armor. A test keeps the
# depth at one more than that of the deepest operation of frontend_contract/operations.
CEILINGS: Final = Ceilings(
    bytes=16 * 1024,
    tokens=1000,
    operations=10,
    depth=6,
    meta_depth=16,
    aliases=15,
    directives=50,
    root_fields=20,
    mutations=1,
    selections=500,
    cost=5000,
    values=5000,
)
# Pairs of fields that validation may compare for whether they can be merged: quadratic in
# graphql-core, whose own ceiling of 500,000 takes a third of a second.
MERGE_BUDGET: Final = 20_000
# Mutations that try a password, a code or a one-time token, and those that send mail to an
# address that anybody may name. They take no alias, so that nothing makes one guess look like
# another; a test keeps the list complete.
SECRET_FIELDS: Final = frozenset(
    {
        "emailChange",
        "emailChangeRequest",
        "invitationAccept",
        "passkeyCreate",
        "passwordChange",
        "passwordReset",
        "passwordResetRequest",
        "sessionConfirm",
        "sessionCreate",
        "sessionCreateByPasskey",
        "sessionRenew",
        "sessionRenewByPasskey",
        "signUp",
        "signUpRequest",
        "totpConfirm",
        "totpDelete",
    }
)
_WORDS: Final = {
    Limit.BYTES: "The document may have at most {} bytes.",
    Limit.TOKENS: "The document may have at most {} tokens.",
    Limit.OPERATIONS: "The document may have at most {} operations.",
    Limit.DEPTH: "Fields may be nested at most {} deep.",
    Limit.ALIASES: "The operation may have at most {} aliases.",
    Limit.DIRECTIVES: "The operation may use at most {} directives.",
    Limit.ROOT_FIELDS: "The operation may ask for at most {} fields of the root.",
    Limit.MUTATIONS: "A request may change at most {} thing: send each mutation by itself.",
    Limit.SELECTIONS: "The operation may have at most {} selections, spreads expanded.",
    Limit.COST: "The operation may cost at most {}.",
    Limit.VALUES: "The variables may hold at most {} values.",
}
_NO_ALIAS: Final = "This mutation takes no alias."


def limit_error(breach: BreachError) -> GraphQLError:
    """Return the one error that tells of a breach."""
    words = _WORDS[breach.limit] if breach.maximum else _NO_ALIAS
    return GraphQLError(
        words.format(breach.maximum),
        breach.node,
        extensions={
            "code": DOCUMENT_LIMIT,
            "limit": breach.limit.value,
            "maximum": breach.maximum,
        },
    )


def cost_error(cost: int, maximum: int, node: Node | None = None) -> GraphQLError:
    """Return the error of an operation whose variables make it too dear, with its cost."""
    error = limit_error(BreachError(Limit.COST, maximum, node))
    error.extensions = {**(error.extensions or {}), "cost": cost}
    return error


def malformed_error(fault: MalformedError) -> GraphQLError:
    """Return the one error of a document that no validation needs to look at."""
    return GraphQLError(fault.message, fault.node)


def introspection_error() -> GraphQLError:
    """Return the refusal of a question about the schema itself."""
    return GraphQLError(
        "The schema is not told here; it is published as frontend_contract/schema.graphql.",
        extensions={"code": INTROSPECTION_OFF},
    )
