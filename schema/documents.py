"""Parsed, counted and validated documents, kept so that a front end's queries cost it once.

Strawberry's own caches key the validation by the rule classes and the document
tree; one cache keyed by the text does all steps by one look-up. It is bounded
by entries and by characters: a tree takes some hundred times its text.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as merging
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.costs import weights_of
from schema.document_counts import (
    BreachError,
    Ceilings,
    Counter,
    Knowledge,
    Limit,
    MalformedError,
    OperationCost,
    has_more_values,
)
from schema.limits import (
    CEILINGS,
    MERGE_BUDGET,
    SECRET_FIELDS,
    cost_error,
    introspection_error,
    limit_error,
    malformed_error,
)

MAX_ERRORS: Final = 5  # told of one document; ten thousand would be an attack on our own log
TOO_DEEP: Final = "The document is nested too deeply."
NOTHING: Final = parse("{ __typename }")  # stands for a document that is refused
_MAX_ENTRIES: Final = 512
_MAX_CHARACTERS: Final = 131_072
_RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)

merging.MAX_COMPLEXITY_BUDGET = MERGE_BUDGET  # the switch that graphql-core 3.3 offers for it


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A tree that parsed and passed the limits, or NOTHING and the reason.

    Attributes:
        tree: shared between requests; nobody writes to it.
        errors: what is wrong, () when it may run.
        operations: how many the document has.
        is_meta: it asks for the schema itself.
        costs: of each operation by name.
    """

    tree: DocumentNode
    errors: tuple[GraphQLError, ...] = ()
    operations: int = 1
    is_meta: bool = False
    costs: Mapping[str | None, OperationCost] | None = None

    def too_dear(
        self,
        operation_name: str | None,
        variables: Mapping[str, object] | None,
        ceilings: Ceilings,
    ) -> GraphQLError | None:
        """Return the refusal of a request whose variables ask for too much, else None."""
        if variables and has_more_values(variables, ceilings.values):
            return limit_error(BreachError(Limit.VALUES, ceilings.values))
        cost = self.cost(operation_name, variables)
        return cost_error(cost, ceilings.cost) if cost > ceilings.cost else None

    def cost(self, operation_name: str | None, variables: Mapping[str, object] | None) -> int:
        """Return what the named, or only, operation costs with these variables."""
        costs = self.costs or {}
        found = costs.get(operation_name)
        if found is None and operation_name is None and len(costs) == 1:
            [found] = costs.values()
        return 0 if found is None else found.of(variables)


class Checker:
    """Checks documents against one schema and its limits."""

    def __init__(self, schema: GraphQLSchema, ceilings: Ceilings = CEILINGS) -> None:
        self._schema = schema
        self.ceilings = ceilings

    @cached_property
    def _knowledge(self) -> Knowledge:
        return Knowledge(weights=weights_of(self._schema), secret_fields=SECRET_FIELDS)

    def check(self, text: str, *, sees_schema: bool) -> CheckedDocument:
        """Measure, parse, count and validate, each only if the step before found nothing.

        Args:
            text: of the document.
            sees_schema: the caller may ask for the schema, and be helped by its names.
        """
        try:
            return self._checked(text, sees_schema=sees_schema)
        except BreachError as breach:
            return CheckedDocument(NOTHING, (limit_error(breach),))
        except MalformedError as fault:
            return CheckedDocument(NOTHING, (malformed_error(fault),))
        except GraphQLError as error:
            return CheckedDocument(NOTHING, (error,))

    def _checked(self, text: str, *, sees_schema: bool) -> CheckedDocument:
        if _size_of(text) > self.ceilings.bytes:
            raise BreachError(Limit.BYTES, self.ceilings.bytes)
        tree = self._parsed(text)
        counter = Counter(self._schema, tree, self.ceilings, self._knowledge)
        costs = counter.count()
        if counter.is_meta and not sees_schema:
            raise introspection_error()
        try:
            errors = validate(
                self._schema,
                tree,
                _RULES,
                max_errors=MAX_ERRORS,
                hide_suggestions=not sees_schema,
            )
        except RecursionError:
            errors = [GraphQLError(TOO_DEEP)]
        return CheckedDocument(tree, tuple(errors), len(costs), counter.is_meta, costs)

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self.ceilings.tokens)
        except GraphQLSyntaxError as error:
            if "tokens. Parsing aborted" in error.message:
                raise BreachError(Limit.TOKENS, self.ceilings.tokens) from None
            raise
        except RecursionError:
            raise GraphQLError(TOO_DEEP) from None


class DocumentCache:
    """The documents seen last. Not shared between threads."""

    def __init__(
        self,
        *,
        ceilings: Ceilings = CEILINGS,
        max_entries: int = _MAX_ENTRIES,
        max_characters: int = _MAX_CHARACTERS,
    ) -> None:
        self.ceilings = ceilings
        self.hits = 0
        self.misses = 0
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._characters = 0
        self._documents: OrderedDict[str, CheckedDocument] = OrderedDict()
        self._checker: Checker | None = None

    def get(
        self, schema: GraphQLSchema, text: str, *, sees_schema: bool = False
    ) -> CheckedDocument:
        """Return the checked document of a text; see Checker.check."""
        document = self._documents.get(text)
        if document is not None:
            self.hits += 1
            self._documents.move_to_end(text)
            if document.is_meta and not sees_schema:
                return CheckedDocument(NOTHING, (introspection_error(),))
            return document
        self.misses += 1
        if self._checker is None:
            self._checker = Checker(schema, self.ceilings)
        document = self._checker.check(text, sees_schema=sees_schema)
        if not document.errors and len(text) <= self._max_characters // 8:
            self._keep(text, document)
        return document

    def _keep(self, text: str, document: CheckedDocument) -> None:
        self._documents[text] = document
        self._characters += len(text)
        while len(self._documents) > self._max_entries or self._characters > self._max_characters:
            oldest, _ = self._documents.popitem(last=False)
            self._characters -= len(oldest)


def _size_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
