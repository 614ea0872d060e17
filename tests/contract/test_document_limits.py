"""The table of limits fits the contract: the depth, and the mutations that try secrets."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    parse,
)
from graphql.utilities import strip_ignored_characters

from schema.costs import weights_of
from schema.document_counts import Counter, Counts, Knowledge
from schema.limits import CEILINGS, SECRET_FIELDS
from schema.root import served_schema

OPERATIONS = sorted(Path("frontend_contract/operations").glob("*.graphql"))
SCHEMA = served_schema()._schema
# Names of input fields by which somebody could guess, or that make us write to a stranger.
SECRET_NAMES = (
    "password",
    "secret",
    "code",
    "token",
    "challenge",
    "credential",
    "assertion",
    "attestation",
)
# These have such a field, and nothing that could be guessed.
NO_GUESS = frozenset({"linkCreate", "linkUpdate"})


def counts_of(path: Path) -> Counts:
    tree = parse(path.read_text())
    knowledge = Knowledge(weights=weights_of(SCHEMA), secret_fields=SECRET_FIELDS)
    counter = Counter(SCHEMA, tree, CEILINGS, knowledge)
    [operation] = [each for each in tree.definitions if isinstance(each, OperationDefinitionNode)]
    return counter.count_operation(operation)


def test_depth_is_one_more_than_that_of_the_deepest_operation() -> None:
    deepest = max(OPERATIONS, key=lambda path: counts_of(path).depth)

    assert counts_of(deepest).depth + 1 == CEILINGS.depth, deepest


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
def test_operation_is_within_half_of_every_limit(path: Path) -> None:
    """A front end may grow for some releases before it has to be cut into two requests."""
    counts = counts_of(path)
    text = path.read_text()

    assert counts.aliases <= CEILINGS.aliases
    assert counts.selections <= CEILINGS.selections // 2
    assert counts.width <= max(CEILINGS.root_fields // 2, 1)
    assert counts.cost.fixed <= CEILINGS.cost // 2
    assert len(text.encode()) <= CEILINGS.bytes // 2
    assert len(strip_ignored_characters(text)) <= CEILINGS.bytes // 2


def test_mutations_that_take_a_secret_are_all_listed() -> None:
    mutation = SCHEMA.mutation_type
    assert isinstance(mutation, GraphQLObjectType)
    taking = {
        name
        for name, field in mutation.fields.items()
        for argument in field.args.values()
        if isinstance(kind := get_named_type(argument.type), GraphQLInputObjectType)
        for input_field in kind.fields
        if any(word in input_field.lower() for word in SECRET_NAMES)
    }

    assert taking - NO_GUESS <= SECRET_FIELDS
    assert set(mutation.fields) >= SECRET_FIELDS


def test_weights_of_the_sdl_are_those_that_count() -> None:
    weights = weights_of(SCHEMA)

    assert weights["Query", "links"] == 2
    assert weights["Query", "stats"] == 20
    assert weights["Link", "stats"] == 10
