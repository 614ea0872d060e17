"""Parsed and validated documents, kept so that a front end's queries cost it once.

Strawberry's own caches key the validation by the rule classes and the document
tree; one cache keyed by the text does both steps by one look-up. It is bounded
by entries and by characters: a tree takes some hundred times its text.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

MAX_TOKENS: Final = 1000
MAX_ERRORS: Final = 10  # told of one document; ten thousand would be an attack on our own log
TOO_DEEP: Final = "The document is nested too deeply."
_MAX_ENTRIES: Final = 512
_MAX_CHARACTERS: Final = 131_072
_RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A tree that parsed.

    Attributes:
        tree: shared between requests; nobody writes to it.
        errors: what validation said, () when it may run.
        operations: how many the document has.
    """

    tree: DocumentNode
    errors: tuple[GraphQLError, ...]
    operations: int


class DocumentCache:
    """The documents seen last. Not shared between threads."""

    def __init__(
        self, *, max_entries: int = _MAX_ENTRIES, max_characters: int = _MAX_CHARACTERS
    ) -> None:
        self.hits = 0
        self.misses = 0
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._characters = 0
        self._documents: OrderedDict[str, CheckedDocument] = OrderedDict()

    def get(self, schema: GraphQLSchema, text: str) -> CheckedDocument:
        """Return the checked document of a text.

        Raises:
            GraphQLError: the text is no document, or has more than MAX_TOKENS.
            RecursionError: it is nested too deeply to be parsed.
        """
        document = self._documents.get(text)
        if document is not None:
            self.hits += 1
            self._documents.move_to_end(text)
            return document
        self.misses += 1
        document = check_document(schema, text)
        if not document.errors and len(text) <= self._max_characters // 8:
            self._keep(text, document)
        return document

    def _keep(self, text: str, document: CheckedDocument) -> None:
        self._documents[text] = document
        self._characters += len(text)
        while len(self._documents) > self._max_entries or self._characters > self._max_characters:
            oldest, _ = self._documents.popitem(last=False)
            self._characters -= len(oldest)


def check_document(schema: GraphQLSchema, text: str) -> CheckedDocument:
    """Parse and validate; see DocumentCache.get."""
    tree = parse(text, max_tokens=MAX_TOKENS)
    try:
        errors = validate(schema, tree, _RULES, max_errors=MAX_ERRORS, hide_suggestions=True)
    except RecursionError:
        errors = [GraphQLError(TOO_DEEP)]
    operations = sum(isinstance(each, OperationDefinitionNode) for each in tree.definitions)
    return CheckedDocument(tree, tuple(errors), operations)
