"""Limits of documents: each at n and n + 1, counted once for each fragment, and counted right."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse
from graphql.utilities import get_introspection_query
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile_documents import hostile_documents, tower
from schema.document_costs import MAX_ROWS
from schema.document_counts import (
    BreachError,
    Ceilings,
    Counter,
    Counts,
    Knowledge,
    Limit,
    MalformedError,
    has_more_values,
)
from schema.documents import NOTHING, CheckedDocument, Checker
from schema.limits import CEILINGS
from schema.root import served_schema

SCHEMA = build_schema(
    """
    directive @mark on QUERY | FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT | FRAGMENT_DEFINITION
    type Query { leaf: Int node: Node dear: Int page(first: Int, last: Int): Page! list: [Node!]!
      nodes(ids: [ID!]!): [Node]! numbers: [Int!]! top(top: Int = 3): Top! }
    type Mutation { change(input: ID): Int guess(input: ID): Int }
    type Node { id: ID node: Node page(first: Int, last: Int): Page! list: [Node!]! }
    type Page { nodes: [Node!]! total: Int }
    type Top { rows: [Node!]! rest: Int }
    """
)
KNOWLEDGE = Knowledge(weights={("Query", "dear"): 30}, secret_fields=frozenset({"guess"}))
ROOMY = Ceilings(
    bytes=1 << 20,
    tokens=100_000,
    operations=100,
    depth=1000,
    meta_depth=1000,
    aliases=100_000,
    directives=100_000,
    root_fields=100_000,
    mutations=100_000,
    selections=100_000,
    cost=10**12,
    values=10**12,
)


def count(text: str, ceilings: Ceilings = ROOMY, schema: GraphQLSchema = SCHEMA) -> Counts:
    """Return the counts of the first operation."""
    tree = parse(text)
    counter = Counter(schema, tree, ceilings, KNOWLEDGE)
    counter.count()
    [operation, *_] = [
        each for each in tree.definitions if isinstance(each, OperationDefinitionNode)
    ]
    return counter.count_operation(operation)


def cost(text: str, **variables: object) -> int:
    costs = Counter(SCHEMA, parse(text), ROOMY, KNOWLEDGE).count()
    [found] = costs.values()
    return found.of(variables)


def breach(text: str, ceilings: Ceilings) -> Limit | None:
    try:
        Counter(SCHEMA, parse(text), ceilings, KNOWLEDGE).count()
    except BreachError as error:
        return error.limit
    return None


@pytest.mark.parametrize(
    ("limit", "most", "text"),
    [
        (Limit.DEPTH, 3, "{ node { node { id } } }"),
        (Limit.DEPTH, 3, "{ ...F } fragment F on Query { node { ... { node { id } } } }"),
        (Limit.ALIASES, 3, "{ a: leaf b: leaf c: leaf leaf }"),
        (Limit.ALIASES, 2, "{ ...F ...F } fragment F on Query { a: leaf }"),
        (Limit.ALIASES, 1, "{ a: __typename }"),
        (Limit.DIRECTIVES, 3, "query @mark { ...F @mark } fragment F on Query { leaf @mark }"),
        (Limit.DIRECTIVES, 2, "{ ... @mark { leaf @mark } }"),
        (Limit.ROOT_FIELDS, 4, "{ leaf ... { leaf } ...F } fragment F on Query { leaf dear }"),
        (Limit.MUTATIONS, 2, "mutation { change ... { change } }"),
        (Limit.SELECTIONS, 5, "{ leaf ...F ...F } fragment F on Query { node }"),
        (Limit.COST, 33, "{ leaf dear node { } }"),
        (Limit.OPERATIONS, 2, "query A { leaf } query B { leaf }"),
    ],
)
def test_document_at_the_limit_passes_and_one_more_does_not(
    limit: Limit, most: int, text: str
) -> None:
    field = {Limit.ROOT_FIELDS: "root_fields"}.get(limit, limit.value)

    assert breach(text, replace(ROOMY, **{field: most})) is None
    assert breach(text, replace(ROOMY, **{field: most - 1})) is limit


@pytest.mark.parametrize(
    ("limit", "at", "beyond"),
    [
        (Limit.BYTES, "{ __typename }" + " " * 16_370, "{ __typename }" + " " * 16_371),
        (Limit.BYTES, "{ __typename } #" + "я" * 8184, "{ __typename } #" + "я" * 8185),
        (Limit.TOKENS, "{ node(id: [" + "1 " * 991 + "]) }", "{ node(id: [" + "1 " * 992 + "]) }"),
        (
            Limit.ALIASES,
            "{ " + " ".join(f"a{n}: __typename" for n in range(15)) + " }",
            "{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }",
        ),
        (
            Limit.DIRECTIVES,
            "{ portal { " + "name @skip(if: true) " * 50 + "} }",
            "{ portal { " + "name @skip(if: true) " * 51 + "} }",
        ),
        (Limit.ROOT_FIELDS, "{ " + "__typename " * 20 + "}", "{ " + "__typename " * 21 + "}"),
        (
            Limit.SELECTIONS,
            "{ portal { " + "name " * 499 + "} }",
            "{ portal { " + "name " * 500 + "} }",
        ),
        (
            Limit.OPERATIONS,
            " ".join(f"query Q{n} {{ __typename }}" for n in range(10)),
            " ".join(f"query Q{n} {{ __typename }}" for n in range(11)),
        ),
        (
            Limit.COST,
            "{ links(first: 100) { nodes { "
            + "id " * 47
            + "} } portal { name } "
            + "a " * 95
            + "}",
            "{ links(first: 100) { nodes { "
            + "id " * 47
            + "} } portal { name } "
            + "a " * 96
            + "}",
        ),
    ],
)
def test_served_schema_refuses_one_more_than_the_table_says(
    limit: Limit, at: str, beyond: str
) -> None:
    def refusals(text: str) -> list[object]:
        errors = check(text).errors
        return [error.extensions["limit"] for error in errors if error.extensions]

    if limit is not Limit.COST:
        assert refusals(at) == []
    assert refusals(beyond) == [limit.value]


def check(text: str, *, sees_schema: bool = False) -> CheckedDocument:
    return Checker(served_schema()._schema).check(text, sees_schema=sees_schema)


def test_refusal_tells_which_limit_and_how_much_is_allowed() -> None:
    [error] = check("{ " + "__typename " * 21 + "}").errors

    assert error.message == "The operation may ask for at most 20 fields of the root."
    assert error.extensions == {
        "code": "DOCUMENT_LIMIT",
        "limit": "rootFields",
        "maximum": CEILINGS.root_fields,
    }


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("{ leaf }", {}, 1),
        ("{ __typename }", {}, 1),
        ("{ dear }", {}, 30),
        ("{ node { id node { id } } }", {}, 2 + 1 + 2 + 1),
        ("{ page(first: 7) { nodes { id } total } }", {}, 2 + 7 * (2 + 1) + 1),
        ("{ page(last: 7) { nodes { id } } }", {}, 2 + 7 * 3),
        ("{ page { nodes { id } } }", {}, 2 + 50 * 3),
        ("{ page(first: null, last: 4) { nodes { id } } }", {}, 2 + 4 * 3),
        ("{ page(first: 0) { nodes { id } } }", {}, 2 + 3),
        ("{ page(first: -9) { nodes { id } } }", {}, 2 + 3),
        (f"{{ page(first: {'9' * 5000}) {{ nodes {{ id }} }} }}", {}, 2 + MAX_ROWS * 3),
        ("query ($n: Int) { page(first: $n) { nodes { id } } }", {"n": 5}, 2 + 5 * 3),
        ("query ($n: Int) { page(first: $n) { nodes { id } } }", {"n": 10**9}, 2 + MAX_ROWS * 3),
        ("query ($n: Int) { page(first: $n) { nodes { id } } }", {}, 2 + 50 * 3),
        ("query ($n: Int) { page(first: $n) { nodes { id } } }", {"n": "5"}, 2 + 50 * 3),
        ("query ($n: Int) { page(first: $n) { nodes { id } } }", {"n": True}, 2 + 50 * 3),
        ("query ($n: Int = 6) { page(first: $n) { nodes { id } } }", {}, 2 + 6 * 3),
        ("query ($n: Int = 6) { page(first: $n) { nodes { id } } }", {"n": 2}, 2 + 2 * 3),
        (
            "query ($a: Int, $b: Int) { page(first: $a, last: $b) { nodes { id } } }",
            {"a": None, "b": 9},
            2 + 9 * 3,
        ),
        (
            "{ page(first: 5) { nodes { page(first: 4) { nodes { id } } } } }",
            {},
            2 + 5 * (2 + 2 + 4 * 3),
        ),
        (
            (
                "query ($a: Int, $b: Int) "
                "{ page(first: $a) { nodes { page(first: $b) { nodes { id } } } } }"
            ),
            {"a": 5, "b": 4},
            2 + 5 * (2 + 2 + 4 * 3),
        ),
        ("{ list { id list { id } } }", {}, 10 * (2 + 1 + 10 * 3)),
        ("{ numbers }", {}, 1),
        ('{ nodes(ids: ["a", "b"]) { id } }', {}, 2 * 3),
        ("query ($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["a", "b", "c"]}, 3 * 3),
        ("{ top(top: 5) { rows { id } rest } }", {}, 2 + 5 * 3 + 1),
        ("{ top { rows { id } } }", {}, 2 + 10 * 3),
        (
            (
                "{ page(first: 5) { ...P } } fragment P on Page { nodes { ...N } } "
                "fragment N on Node { id }"
            ),
            {},
            2 + 5 * 3,
        ),
    ],
)
def test_cost_is_weights_times_rows(text: str, variables: dict[str, object], expected: int) -> None:
    assert cost(text, **variables) == expected


def test_rows_of_variables_make_a_request_too_dear() -> None:
    fields = " ".join(f"f{n}: id" for n in range(14))
    text = (
        "query ($n: Int) { links(first: $n) { nodes { owner { id name } "
        f"{fields} clickCounts {{ human bot }} stats(range: {{period: {{preset: LAST_7_DAYS}}, "
        'timeZone: "UTC"}) { totals { human } series { buckets { clicks } } } } } }'
    )
    document = check(text)

    assert document.errors == ()
    assert document.cost(None, {"n": 1}) < CEILINGS.cost < document.cost(None, {"n": 100})


@pytest.mark.parametrize(
    "text",
    [
        "{ ...F } fragment F on Query { ...F }",
        (
            "{ leaf } fragment F on Query { ...G } fragment G on Query { node { ... { ...H } } } "
            "fragment H on Node { ...F }"
        ),
    ],
)
def test_fragments_in_a_circle_are_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="spreads itself"):
        count(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ leaf @aa @aa @bb }", "Unknown directive '@aa'."),
        ("query Q($a: Int @aa) { leaf }", "Unknown directive '@aa'."),
        ("{ leaf @mark @mark @mark }", "The directive '@mark' can only be used once"),
    ],
)
def test_first_wrong_directive_is_the_only_error(text: str, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        count(text)


def test_secret_is_tried_under_its_own_name_only() -> None:
    assert breach("mutation { guess }", ROOMY) is None
    assert breach("mutation { a: change }", ROOMY) is None
    assert breach("mutation { a: guess }", ROOMY) is Limit.ALIASES
    assert breach("mutation { ...F } fragment F on Mutation { a: guess }", ROOMY) is Limit.ALIASES


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ({}, 1),
        ({"a": 1, "b": None}, 3),
        ({"a": [1, [2, 3], {}]}, 7),
        ({"a": "x" * 10_000}, 2),
        ({"ids": ["x"] * 4998}, 5000),
    ],
)
def test_values_of_variables_are_counted_however_deep(value: object, count: int) -> None:
    assert not has_more_values(value, count)
    assert has_more_values(value, count - 1)


def test_request_with_one_value_too_many_is_refused_before_any_is_coerced() -> None:
    document = check("query ($i: [ID!]!) { nodes(ids: $i) { id } }")
    roomy = replace(CEILINGS, cost=1 << 40)

    assert document.too_dear(None, {"i": ["x"] * 4998}, roomy) is None
    error = document.too_dear(None, {"i": ["x"] * 4999}, roomy)
    assert error is not None
    assert error.extensions == {"code": "DOCUMENT_LIMIT", "limit": "values", "maximum": 5000}


@pytest.mark.parametrize("floors", [5, 20, 40])
@pytest.mark.parametrize("spreads", [2, 6, 10])
def test_every_fragment_of_a_tower_is_counted_once(floors: int, spreads: int) -> None:
    tree = parse(tower(floors, spreads))
    counter = Counter(
        served_schema()._schema,
        tree,
        replace(ROOMY, selections=10**60, cost=10**60, root_fields=10**60),
        Knowledge(),
    )
    costs = counter.count()

    assert counter.visited == 1 + floors * spreads + 1
    assert costs[None].of({}) == spreads**floors


def test_no_hostile_document_is_looked_at_more_than_once_anywhere() -> None:
    schema = served_schema()._schema
    for name, text in hostile_documents():
        try:
            tree = parse(text, max_tokens=CEILINGS.tokens)
        except Exception:  # noqa: BLE001, S112 - what does not parse is not counted
            continue
        counter = Counter(schema, tree, CEILINGS, Knowledge())
        with contextlib.suppress(BreachError, MalformedError):
            counter.count()
        assert counter.visited <= CEILINGS.tokens, name


@pytest.mark.parametrize("sees_schema", [True, False])
def test_every_hostile_document_ends_in_a_few_errors_or_in_a_valid_tree(
    *, sees_schema: bool
) -> None:
    for name, text in hostile_documents():
        document = check(text, sees_schema=sees_schema)

        assert len(document.errors) <= 11, name
        assert document.errors or document.tree is not NOTHING, name


def test_flood_of_directives_is_told_by_one_error() -> None:
    assert len(check("{ __typename " + "@aa " * 10 + "}").errors) == 1
    assert len(check("{ __typename " + "@include(if: true) " * 10 + "}").errors) == 1


@pytest.mark.parametrize("is_deep", [True, False])
def test_introspection_of_tools_passes_for_those_who_may(*, is_deep: bool) -> None:
    text = get_introspection_query(
        specified_by_url=is_deep,
        directive_is_repeatable=is_deep,
        schema_description=is_deep,
        input_value_deprecation=is_deep,
    )

    assert check(text, sees_schema=True).errors == ()
    [error] = check(text).errors
    assert error.extensions == {"code": "INTROSPECTION_OFF"}


# The memoised count against one that expands every spread, on small documents.

NAMES = [f"F{n}" for n in range(4)]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Return a document whose fragments spread only later ones."""

    def selections(first: int, depth: int) -> str:
        parts = draw(
            st.lists(
                st.sampled_from(["leaf", "alias", "node", "page", "list", "spread", "inline"]),
                min_size=1,
                max_size=3,
            )
        )
        return " ".join(one(part, first, depth) for part in parts)

    def one(part: str, first: int, depth: int) -> str:
        mark = draw(st.sampled_from(["", " @mark"]))
        if part == "spread" and first < len(NAMES):
            return f"...{NAMES[draw(st.integers(first, len(NAMES) - 1))]}{mark}"
        if part in {"leaf", "spread"} or depth == 0:
            return f"id{mark}"
        if part == "alias":
            return f"a: id{mark}"
        inner = selections(first, depth - 1)
        if part == "inline":
            return f"...{mark} {{ {inner} }}"
        if part == "page":
            rows = draw(st.integers(1, 5))
            return f"page(first: {rows}){mark} {{ nodes {{ {inner} }} total }}"
        return f"{part}{mark} {{ {inner} }}"

    fragments = " ".join(
        f"fragment {name} on Node {{ {selections(number + 1, 2)} }}"
        for number, name in enumerate(NAMES)
    )
    return f"{{ node {{ {selections(0, 3)} }} }} {fragments}"


def expanded(text: str) -> Counts:
    """Return the counts of the document with each spread replaced by what it stands for."""
    tree: Any = parse(text)
    operation, *fragments = tree.definitions
    bodies = {each.name.value: each.selection_set for each in fragments}
    return _naive(operation.selection_set, bodies)


def _naive(selection_set: Any, bodies: Mapping[str, Any]) -> Counts:  # noqa: ANN401 - any node
    total = Counts()
    for each in selection_set.selections:
        kind = type(each).__name__
        inner = Counts()
        if kind == "FragmentSpreadNode":
            inner = _naive(bodies[each.name.value], bodies)
        elif each.selection_set is not None:
            inner = _naive(each.selection_set, bodies)
        is_field = kind == "FieldNode"
        total.depth = max(total.depth, is_field + inner.depth)
        total.aliases += inner.aliases + (is_field and each.alias is not None)
        total.directives += inner.directives + len(each.directives or ())
        total.selections += inner.selections + 1
        one, rows = inner.cost.fixed, inner.rows.fixed
        if is_field:
            one, rows = _naive_cost(each, one, rows)
        total.cost = replace(total.cost, fixed=total.cost.fixed + one)
        total.rows = replace(total.rows, fixed=total.rows.fixed + rows)
    return total


def _naive_cost(node: Any, one: int, rows: int) -> tuple[int, int]:  # noqa: ANN401 - a field
    match node.name.value:
        case "page":
            return 2 + one + int(node.arguments[0].value.value) * rows, 0
        case "list" | "nodes":
            return 0, 2 + one + 10 * rows
        case "node":
            return 2 + one + 10 * rows, 0
        case _:
            return 1, 0


@settings(max_examples=300, deadline=None)
@given(text=documents())
def test_count_by_fragment_equals_the_count_of_the_expanded_document(text: str) -> None:
    memoised, naive = count(text), expanded(text)

    assert (memoised.depth, memoised.aliases, memoised.selections, memoised.cost.fixed) == (
        naive.depth,
        naive.aliases,
        naive.selections,
        naive.cost.fixed,
    )
    assert memoised.directives == naive.directives
