"""Dangerous mutations want a fresh proof of identity, and say so in their unions."""

from typing import cast

from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type

from models.rules.scopes import Scope
from schema.access import Access
from schema.root import served_schema
from tests.step_up import ASKS, FREE

SCHEMA = served_schema()._schema
MUTATIONS = cast("GraphQLObjectType", SCHEMA.mutation_type).fields
PROBLEM = "StepUpRequiredProblem"


def scope_of(name: str) -> Scope | None:
    definition = MUTATIONS[name].extensions["strawberry-definition"]
    access = next((each for each in definition.directives if isinstance(each, Access)), None)
    return None if access is None else access.scope


def asks(name: str) -> bool:
    union = cast("GraphQLUnionType", get_named_type(MUTATIONS[name].type))
    return PROBLEM in {member.name for member in union.types}


def test_who_administers_people_proves_who_they_are_or_the_list_says_why_not() -> None:
    administrative = {name for name in MUTATIONS if scope_of(name) is Scope.USER_ADMIN}

    assert administrative == (ASKS.keys() | FREE.keys()) - {"apiKeyCreate"}


def test_what_asks_for_a_proof_says_so_and_what_does_not_is_silent() -> None:
    assert {name for name in ASKS if not asks(name)} == set()
    assert {name for name in FREE if asks(name)} == set()


def test_no_mutation_is_in_both_lists() -> None:
    assert ASKS.keys() & FREE.keys() == set()
