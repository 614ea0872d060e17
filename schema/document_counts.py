"""Counts what a parsed document asks for, before anything expensive looks at it.

Every fragment is counted once and remembered, so the work is linear in the
document, also where a tower of fragments would expand to millions of fields. The
first limit that is passed ends the count. Source of the attack and of the remedy:
CVE-2026-47706, CVE-2026-47707, GHSA-mfj6-6p54-m98c.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias, cast

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
)

from schema.document_costs import NO_COST, Cost, Rows, literal_of, rows_of

_META: Final = ("__schema", "__type")
_META_TYPES: Final = "__"
_LIST_ROWS: Final = 10  # of a list that takes no number: all of these are short
_ROW_ARGUMENTS: Final = {"first": 50, "last": 50, "top": 10, "ids": 10}  # and rows without them
_OBJECT_COST: Final = 2
_LEAF_COST: Final = 1
_MAX_NESTING: Final = 100  # of selection sets, through fragments, too


class Limit(StrEnum):
    """What is bounded."""

    BYTES = "bytes"
    TOKENS = "tokens"
    OPERATIONS = "operations"
    DEPTH = "depth"
    ALIASES = "aliases"
    DIRECTIVES = "directives"
    ROOT_FIELDS = "rootFields"
    MUTATIONS = "mutations"
    SELECTIONS = "selections"
    COST = "cost"
    VALUES = "values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most that a document may have, by Limit; all but the first three are of an operation.

    Attributes:
        bytes: of the text in UTF-8.
        tokens: of the text.
        operations: definitions of operations.
        depth: fields within fields; 1 is a field of the root.
        meta_depth: the same below `__schema` and `__type`.
        aliases: fields under another name.
        directives: uses of them.
        root_fields: fields of Query or Subscription.
        mutations: fields of Mutation.
        selections: fields, spreads and inline fragments, with every spread expanded.
        cost: weights, multiplied by rows.
        values: in the variables of a request, however deep: each is coerced by itself.
    """

    bytes: int
    tokens: int
    operations: int
    depth: int
    meta_depth: int
    aliases: int
    directives: int
    root_fields: int
    mutations: int
    selections: int
    cost: int
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the count must know of a schema, besides its types.

    Attributes:
        weights: by type and field, where the SDL has @cost.
        secret_fields: mutations that try a secret; they take no alias.
    """

    weights: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    secret_fields: frozenset[str] = frozenset()


class BreachError(Exception):
    """The document has more of something than it may."""

    def __init__(self, limit: Limit, maximum: int, node: Node | None = None) -> None:
        super().__init__(limit.value, maximum)
        self.limit = limit
        self.maximum = maximum
        self.node = node


class MalformedError(Exception):
    """The document is none that could be valid, and counting it further is not worth it."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


@dataclass(slots=True)
class Counts:
    """What a selection set asks for with everything in it, spreads expanded.

    Attributes:
        depth, meta_depth, aliases, directives, selections: see Ceilings.
        width: fields of this level alone.
        cost: of everything but the lists of this level.
        rows: of one item of each of those lists; the field around says how many there are.
        is_meta: the schema itself is asked for.
    """

    depth: int = 0
    meta_depth: int = 0
    aliases: int = 0
    directives: int = 0
    selections: int = 0
    width: int = 0
    cost: Cost = NO_COST
    rows: Cost = NO_COST
    is_meta: bool = False

    def add(self, other: "Counts") -> None:
        """Take up what stands on the same level."""
        self.depth = max(self.depth, other.depth)
        self.meta_depth = max(self.meta_depth, other.meta_depth)
        self.aliases += other.aliases
        self.directives += other.directives
        self.selections += other.selections
        self.width += other.width
        self.cost += other.cost
        self.rows += other.rows
        self.is_meta = self.is_meta or other.is_meta


@dataclass(frozen=True, slots=True)
class OperationCost:
    """The cost of an operation, and what its variables are where a request leaves them out."""

    cost: Cost
    defaults: Mapping[str, object]

    def of(self, variables: Mapping[str, object] | None) -> int:
        """Return the number for a request."""
        if not self.cost.scaled:
            return self.cost.fixed
        return self.cost.of({**self.defaults, **(variables or {})})


_Type: TypeAlias = GraphQLNamedType | None


class Counter:
    """Counts one document. `visited` is the work that was done: selections looked at."""

    def __init__(
        self, schema: GraphQLSchema, tree: DocumentNode, ceilings: Ceilings, knowledge: Knowledge
    ) -> None:
        self.visited = 0
        self.is_meta = False
        self._schema = schema
        self._ceilings = ceilings
        self._knowledge = knowledge
        self._known_directives = {directive.name for directive in schema.directives}
        self._operations = [
            each for each in tree.definitions if isinstance(each, OperationDefinitionNode)
        ]
        self._fragments = {
            each.name.value: each
            for each in tree.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        self._counted: dict[str, Counts | None] = {}  # None while it is being counted
        self._nesting = 0

    def count(self) -> Mapping[str | None, OperationCost]:
        """Return the cost of every operation by its name.

        Raises:
            BreachError: a limit is passed; variables count as if they asked for one row.
            MalformedError: fragments in a circle, or directives that nobody knows.
        """
        if len(self._operations) > self._ceilings.operations:
            raise BreachError(Limit.OPERATIONS, self._ceilings.operations, self._operations[-1])
        costs: dict[str | None, OperationCost] = {}
        for operation in self._operations:
            counts = self.count_operation(operation)
            self.is_meta = self.is_meta or counts.is_meta
            name = operation.name.value if operation.name else None
            costs[name] = OperationCost(counts.cost, _defaults_of(operation))
        for name, fragment in self._fragments.items():  # those that no operation spreads
            self._check(self._count_fragment(name), fragment)
        return costs

    def count_operation(self, operation: OperationDefinitionNode) -> Counts:
        """Return what one operation asks for in all; see `count`."""
        root = self._schema.get_root_type(operation.operation)
        counts = Counts(directives=self._count_directives(operation))
        for variable in operation.variable_definitions or ():
            counts.directives += self._count_directives(variable)
        counts.add(self._count_set(operation.selection_set, root))
        counts.cost += counts.rows.times(_LIST_ROWS)
        counts.rows = NO_COST
        self._check(counts, operation)
        if operation.operation is OperationType.MUTATION:
            _demand(Limit.MUTATIONS, counts.width, self._ceilings.mutations, operation)
        else:
            _demand(Limit.ROOT_FIELDS, counts.width, self._ceilings.root_fields, operation)
        return counts

    def _count_set(self, selection_set: SelectionSetNode, parent: _Type) -> Counts:
        total = Counts()
        if self._nesting >= _MAX_NESTING:
            raise BreachError(Limit.DEPTH, self._ceilings.depth, selection_set)
        self._nesting += 1
        for selection in selection_set.selections:
            self.visited += 1
            total.add(self._count_selection(selection, parent))
            self._check(total, selection)
        self._nesting -= 1
        return total

    def _count_selection(self, selection: Node, parent: _Type) -> Counts:
        if isinstance(selection, FieldNode):
            return self._count_field(selection, parent)
        counts = Counts(directives=self._count_directives(selection), selections=1)
        if isinstance(selection, FragmentSpreadNode):
            counts.add(self._count_fragment(selection.name.value))
        elif isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            narrowed = self._schema.get_type(condition.name.value) if condition else parent
            counts.add(self._count_set(selection.selection_set, narrowed))
        return counts

    def _count_fragment(self, name: str) -> Counts:
        fragment = self._fragments.get(name)
        if fragment is None:
            return Counts()  # validation tells that it is missing
        if name not in self._counted:
            self._counted[name] = None
            counts = Counts(directives=self._count_directives(fragment))
            condition = self._schema.get_type(fragment.type_condition.name.value)
            counts.add(self._count_set(fragment.selection_set, condition))
            self._counted[name] = counts
        found = self._counted[name]
        if found is None:
            raise MalformedError(f"Fragment '{name}' spreads itself.", fragment)
        return found

    def _count_field(self, node: FieldNode, parent: _Type) -> Counts:
        name = node.name.value
        is_meta = parent is not None and parent.name.startswith(_META_TYPES)
        counts = Counts(
            depth=not is_meta,
            meta_depth=is_meta,
            aliases=node.alias is not None,
            directives=self._count_directives(node),
            selections=1,
            width=1,
            is_meta=name in _META,
        )
        if node.alias is not None and self._is_secret(name, parent):
            raise BreachError(Limit.ALIASES, 0, node)
        definition = self._field(name, parent)
        inner = Counts()
        if node.selection_set is not None:
            child = _named(definition) if definition else None
            inner = self._count_set(node.selection_set, child)
        counts.depth += inner.depth
        counts.meta_depth += inner.meta_depth
        counts.aliases += inner.aliases
        counts.directives += inner.directives
        counts.selections += inner.selections
        counts.is_meta = counts.is_meta or inner.is_meta
        self._add_cost(counts, inner, node, parent, definition)
        return counts

    def _add_cost(
        self,
        counts: Counts,
        inner: Counts,
        node: FieldNode,
        parent: _Type,
        definition: GraphQLField | None,
    ) -> None:
        is_object = node.selection_set is not None
        if parent is not None and parent.name.startswith(_META_TYPES):
            counts.cost = Cost(_LEAF_COST) + inner.cost + inner.rows
            return
        weight = self._knowledge.weights.get(
            (parent.name if parent else "", node.name.value),
            _OBJECT_COST if is_object else _LEAF_COST,
        )
        rows = _rows_asked(node, definition)
        if definition is None or not _is_list_of_objects(definition):
            inside = inner.rows.times(_LIST_ROWS if rows is None else rows)
            counts.cost = Cost(weight) + inner.cost + inside
            return
        item = Cost(weight) + inner.cost + inner.rows.times(_LIST_ROWS)
        if rows is None:
            counts.rows = item
        else:
            counts.cost = item.times(rows)

    def _field(self, name: str, parent: _Type) -> GraphQLField | None:
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return self._schema.get_field(parent, name)
        return None

    def _is_secret(self, name: str, parent: _Type) -> bool:
        return parent is self._schema.mutation_type and name in self._knowledge.secret_fields

    def _count_directives(self, node: Node) -> int:
        used: Sequence[DirectiveNode] = getattr(node, "directives", None) or ()
        seen: set[str] = set()
        for directive in used:
            name = directive.name.value
            if name not in self._known_directives:
                raise MalformedError(f"Unknown directive '@{name}'.", directive)
            if name in seen:
                raise MalformedError(
                    f"The directive '@{name}' can only be used once at this location.", directive
                )
            seen.add(name)
        return len(used)

    def _check(self, counts: Counts, node: Node) -> None:
        ceilings = self._ceilings
        _demand(Limit.SELECTIONS, counts.selections, ceilings.selections, node)
        _demand(Limit.ALIASES, counts.aliases, ceilings.aliases, node)
        _demand(Limit.DIRECTIVES, counts.directives, ceilings.directives, node)
        _demand(Limit.DEPTH, counts.depth, ceilings.depth, node)
        _demand(Limit.DEPTH, counts.meta_depth, ceilings.meta_depth, node)
        _demand(Limit.COST, counts.cost.fixed + counts.rows.fixed, ceilings.cost, node)


def _demand(limit: Limit, count: int, maximum: int, node: Node) -> None:
    if count > maximum:
        raise BreachError(limit, maximum, node)


def has_more_values(value: object, maximum: int) -> bool:
    """Tell whether a JSON value holds more values than that; counts no further."""
    waiting, count = [value], 0
    while waiting and count <= maximum:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting += cast("dict[str, object]", item).values()
        elif isinstance(item, list):
            waiting += cast("list[object]", item)
    return count > maximum


def _named(definition: GraphQLField) -> GraphQLNamedType:
    named: GraphQLNamedType = cast("Any", get_named_type)(cast("Any", definition).type)
    return named


def _is_list_of_objects(definition: GraphQLField) -> bool:
    output: Any = cast("Any", definition).type
    if isinstance(output, GraphQLNonNull):
        output = cast("Any", output).of_type
    return isinstance(output, GraphQLList) and not is_leaf_type(_named(definition))


def _rows_asked(node: FieldNode, definition: GraphQLField | None) -> Rows | None:
    """Return how many rows the field's own arguments ask for; None where it has no such."""
    names = [name for name in _ROW_ARGUMENTS if definition and name in definition.args]
    if not names:
        return None
    values = [each.value for each in node.arguments or () if each.name.value in names]
    return rows_of(values, otherwise=_ROW_ARGUMENTS[names[0]])


def _defaults_of(operation: OperationDefinitionNode) -> Mapping[str, object]:
    return {
        each.variable.name.value: literal_of(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    }
