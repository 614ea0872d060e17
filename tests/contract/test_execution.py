# ruff: noqa: D101, D102, ANN401 - a schema made up for the comparison
"""The short way of schema.execution gives what graphql-core gives, to the byte."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import orjson
import pytest
import strawberry
from graphql.execution import Executor
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution import LeafExecutor
from schema.nodes import Node
from schema.scalars import SCALARS, Count


@strawberry.enum
class Color(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.type
class Leg:
    length: int


@strawberry.type
class Animal(Node):
    name: str
    nick: str | None
    weight: float
    age: int
    count: Count
    born_at: datetime
    color: Color
    tame: bool
    tags: list[str]
    leg: Leg
    legs: list[Leg]

    @strawberry.field
    def loud(self) -> str:
        return self.name.upper()

    @strawberry.field
    async def slow(self) -> str:
        return self.name * 2

    @strawberry.field
    def greeting(self, word: str = "Hello") -> str:
        return f"{word} {self.name}"

    @strawberry.field
    def broken(self) -> str:
        raise ValueError("broken")


@dataclass
class Impostor:
    """Not an Animal: its type may not be taken on trust."""

    id: str = "x"
    name: str = "impostor"


def animal(number: int, **other: Any) -> Animal:
    fields: dict[str, Any] = {
        "id": strawberry.ID(str(number)),
        "name": f"name {number}",
        "nick": None if number % 2 else "nick",
        "weight": number / 3,
        "age": number,
        "count": Count(2**40 + number),
        "born_at": datetime(2026, 1, 2, 3, 4, 5, number, tzinfo=UTC),
        "color": Color.RED if number % 2 else Color.BLUE,
        "tame": number % 2 == 0,
        "tags": ["a", "b"],
        "leg": Leg(length=number),
        "legs": [Leg(length=n) for n in range(number)],
    }
    return Animal(**{**fields, **other})


ODD: dict[str, dict[str, Any]] = {
    "null where none is allowed": {"name": None},
    "int too large": {"age": 2**40},
    "text for a number": {"age": "many"},
    "number for a text": {"name": 7},
    "no such colour": {"color": "green"},
    "no moment": {"born_at": "yesterday"},
    "not a number": {"weight": float("nan")},
    "exception for a value": {"name": ValueError("found")},
}


@strawberry.type
class Query:
    @strawberry.field
    def animals(self, count: int = 3) -> list[Animal]:
        return [animal(number) for number in range(count)]

    @strawberry.field
    async def later(self) -> list[Animal]:
        return [animal(number) for number in range(3)]

    @strawberry.field
    def maybe(self) -> list[Animal | None]:
        return [animal(1), None, animal(2)]

    @strawberry.field
    def holes(self) -> list[Animal]:
        return [animal(1), None]  # type: ignore[list-item]

    @strawberry.field
    def node(self) -> Node:
        return animal(1)

    @strawberry.field
    def odd(self, kind: str) -> list[Animal | None]:
        return [animal(1), animal(2, **ODD[kind])]

    @strawberry.field
    def impostors(self) -> list[Animal | None]:
        return [animal(1), Impostor()]  # type: ignore[list-item]

    @strawberry.field
    def one(self) -> Animal:
        return animal(5)


def schema(executor: type[StrawberryGraphQLCoreExecutionContext]) -> strawberry.Schema:
    class Quiet(strawberry.Schema):
        def process_errors(self, *_: object) -> None:
            """Errors are wanted here."""

    return Quiet(
        query=Query,
        execution_context_class=executor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


STOCK = schema(StrawberryGraphQLCoreExecutionContext)
SHORT = schema(LeafExecutor)
PLAIN = "id name nick weight age count bornAt color tame"
QUERIES = [
    f"{{ animals {{ {PLAIN} }} }}",
    f"{{ animals(count: 0) {{ {PLAIN} }} }}",
    f"{{ later {{ __typename {PLAIN} }} }}",
    f"{{ maybe {{ {PLAIN} }} }}",
    f"{{ holes {{ {PLAIN} }} }}",
    f"{{ one {{ {PLAIN} }} }}",
    "{ animals { a: name b: name __typename c: id } }",
    "{ animals { name loud nick slow age } }",
    "{ animals { slow name loud nick } }",
    "{ animals { name broken } }",
    "{ animals { name tags leg { length } legs { length __typename } } }",
    '{ animals { name greeting hi: greeting(word: "Hi") } }',
    "{ node { id __typename ... on Animal { name leg { length } } } }",
    "{ animals { ...F id } } fragment F on Animal { name ...G } fragment G on Node { id }",
    "query ($yes: Boolean = true) { animals { name @skip(if: $yes) nick @include(if: $yes) } }",
    "{ impostors { id name } }",
    "{ impostors { name loud } }",
    "{ __schema { queryType { name } } __typename one { name } }",
    *(f'{{ odd(kind: "{kind}") {{ {PLAIN} }} }}' for kind in ODD),
    *(f'{{ odd(kind: "{kind}") {{ loud {PLAIN} }} }}' for kind in ODD),
]


async def run(schema: strawberry.Schema, query: str) -> bytes:
    result = await schema.execute(query)
    errors = [error.formatted for error in result.errors or ()]
    return orjson.dumps({"data": result.data, "errors": errors})


@pytest.mark.parametrize("query", QUERIES)
async def test_result_and_errors_are_the_same_to_the_byte(query: str) -> None:
    assert await run(SHORT, query) == await run(STOCK, query)


async def test_the_short_way_is_really_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version of the libraries may call other methods; then the speed is gone, silently."""
    resolved: list[str] = []
    stock = Executor.execute_field

    def counting(self: Any, parent: Any, source: Any, details: Any, *rest: Any) -> Any:
        resolved.append(details[0].node.name.value)
        return stock(self, parent, source, details, *rest)

    monkeypatch.setattr(Executor, "execute_field", counting)
    await run(SHORT, f"{{ animals {{ {PLAIN} }} }}")
    await run(SHORT, "{ animals(count: 2) { name loud } }")

    assert resolved == ["animals", "animals", "loud", "loud"]
