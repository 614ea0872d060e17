"""What happens around every operation: cached documents before, public errors after."""

from collections.abc import Iterator
from typing import Any, Final, cast

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import StreamExecutionResult

from schema.documents import NOTHING, DocumentCache
from schema.failures import public_error

AMBIGUOUS: Final = "The document has several operations: say in `operationName` which one."


class Operation(SchemaExtension):
    """One operation over HTTP or WebSocket; strawberry makes one of these for each."""

    def __init__(self, documents: DocumentCache) -> None:
        super().__init__()
        self._documents = documents
        self._errors: list[GraphQLError] = []
        self._streams = False

    def on_parse(self) -> Iterator[None]:
        """Take the tree, and what is wrong with it, from the cache.

        Strawberry parses nothing itself: where a text is refused it gets a document
        that stands for nothing, and the errors, so that no refusal costs twice.
        """
        execution = cast("Any", self.execution_context)
        core_schema = execution.schema._schema  # noqa: SLF001 - there is no other way
        document = self._documents.get(
            core_schema, execution.query or "", sees_schema=execution.context.sees_schema
        )
        execution.graphql_document = document.tree
        self._errors = list(document.errors)
        name: str | None = execution._provided_operation_name  # noqa: SLF001
        # Strawberry would take the first one; the specification wants a refusal.
        if document.operations > 1 and name is None:
            self._errors.append(GraphQLError(AMBIGUOUS))
        if document.tree is NOTHING:
            execution._provided_operation_name = None  # noqa: SLF001
        else:
            dear = document.too_dear(name, execution.variables, self._documents.ceilings)
            self._errors += [] if dear is None else [dear]
        yield

    def on_validate(self) -> Iterator[None]:
        """Was done with the parsing; not None keeps strawberry from doing it again."""
        self.execution_context.pre_execution_errors = self._errors
        yield

    def on_operation(self) -> Iterator[None]:
        """Make the errors of an executed operation public."""
        yield
        if not self._streams:
            self._publish(self.execution_context.result)

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        """Make the errors of one event public."""
        self._streams = True
        self._publish(result)
        yield

    def _publish(self, result: Any) -> None:  # noqa: ANN401 - four classes of two libraries
        if result is not None and result.errors:
            context = self.execution_context.context
            result.errors = [public_error(error, context) for error in result.errors]
