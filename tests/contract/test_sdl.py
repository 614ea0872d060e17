"""frontend_contract/ tells the truth about schema/."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    find_breaking_changes,
    find_dangerous_changes,
    is_specified_directive,
    is_specified_scalar_type,
    parse,
    validate,
)
from graphql import build_schema as parse_sdl

from models.errors import DomainError
from resolvers.context import NotPermittedError
from schema.error_catalogue import errors_markdown
from schema.error_codes import ErrorCode
from schema.handlers import ALL_HANDLERS
from schema.nodes import Node
from schema.problems import Problem
from schema.root import build_schema

CONTRACT = Path("frontend_contract")
OPERATIONS = sorted((CONTRACT / "operations").glob("*.graphql"))
SDL = parse_sdl((CONTRACT / "schema.graphql").read_text())
RELEASED = parse_sdl((CONTRACT / "released" / "schema.graphql").read_text())
CHANGELOG = (CONTRACT / "CHANGELOG.md").read_text()
# No mutation can answer these: they are refusals of a list's cursor, and of commands.
WITHOUT_PROBLEM = {"CursorInvalidError", "LineInvalidError"}


def all_errors(base: type[DomainError] = DomainError) -> set[type[DomainError]]:
    children = set(base.__subclasses__())
    return children.union(*(all_errors(child) for child in children))


def ours() -> list[GraphQLNamedType]:
    return [
        each
        for each in SDL.type_map.values()
        if not each.name.startswith("__") and not is_specified_scalar_type(each)
    ]


def test_exported_sdl_is_current() -> None:
    assert (CONTRACT / "schema.graphql").read_text() == build_schema(sort=True).as_str() + "\n"


def test_page_of_errors_is_current() -> None:
    assert (CONTRACT / "errors.md").read_text() == errors_markdown() + "\n"


def test_nothing_that_was_released_is_broken() -> None:
    assert [change.description for change in find_breaking_changes(RELEASED, SDL)] == []


def test_dangerous_changes_since_the_release_are_listed() -> None:
    """`frontend_contract/CHANGELOG.md` repeats each sentence below `## Unreleased`."""
    unreleased = " ".join(CHANGELOG.partition("## Unreleased")[2].partition("\n## ")[0].split())
    found = [change.description for change in find_dangerous_changes(RELEASED, SDL)]

    assert [each for each in found if each not in unreleased] == []


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("  portal: Portal!", "  gate: Portal!"),
        ("  slug: String!\n", "  slug: String\n"),
        ("  by: LinkLookup!", "  by: ID!"),
        ("  MONTH\n", "  MOON\n"),
    ],
)
def test_a_breaking_change_would_be_found(was: str, becomes: str) -> None:
    text = (CONTRACT / "released" / "schema.graphql").read_text()
    assert was in text

    assert find_breaking_changes(RELEASED, parse_sdl(text.replace(was, becomes))) != []


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
def test_operation_is_valid(path: Path) -> None:
    assert validate(SDL, parse(path.read_text())) == []


def test_every_root_field_is_used_by_an_operation() -> None:
    used = " ".join(path.read_text() for path in OPERATIONS)
    roots = (SDL.query_type, SDL.mutation_type, SDL.subscription_type)

    assert [name for root in roots if root for name in root.fields if name not in used] == []


def test_everything_in_the_sdl_is_described() -> None:
    bare = [coordinate for each in ours() for coordinate in _without_description(each)]
    bare += [
        directive.name
        for directive in SDL.directives
        if not directive.description and not is_specified_directive(directive)
    ]

    assert bare == []


def test_lists_and_connections_are_never_null() -> None:
    nullable = [
        f"{each.name}.{name}"
        for each in ours()
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in each.fields.items()
        if (str(field.type).startswith("[") or "Connection" in str(field.type))
        and not str(field.type).endswith("!")
        and name != "path"  # of a problem: null where no field is at fault
    ]

    assert nullable == []


def test_every_result_of_a_mutation_is_a_union_of_success_and_problems() -> None:
    assert SDL.mutation_type is not None
    for name, field in SDL.mutation_type.fields.items():
        union = SDL.type_map[str(field.type).strip("!")]
        assert isinstance(union, GraphQLUnionType), name
        successes = [each for each in union.types if each.name.endswith("Success")]
        problems = [each for each in union.types if each not in successes]
        assert len(successes) == 1, name
        assert all("Problem" in [i.name for i in each.interfaces] for each in problems), name
        assert list(field.args) in ([], ["input"]), name


def test_success_and_problems_can_be_selected_side_by_side() -> None:
    """Fields of one name must be of one type, or no document could ask for both."""
    told = SDL.type_map["Problem"]
    assert isinstance(told, GraphQLInterfaceType)
    clashes = [
        f"{each.name}.{name}"
        for each in ours()
        if isinstance(each, GraphQLObjectType) and each.name.endswith("Success")
        for name, field in each.fields.items()
        if name in told.fields and str(field.type) != str(told.fields[name].type)
    ]

    assert clashes == []


def test_every_domain_error_has_exactly_one_handler() -> None:
    handled = [handler.exception_type.__name__ for handler in ALL_HANDLERS]
    wanted = [each.__name__ for each in all_errors() if each.__name__ not in WITHOUT_PROBLEM]

    assert NotPermittedError.__name__ in wanted
    assert sorted(handled) == sorted(wanted)


def test_every_code_of_an_error_is_in_the_catalogue() -> None:
    codes = {each.code for each in all_errors() if each.__name__ not in WITHOUT_PROBLEM}

    assert codes == {code.value for code in ErrorCode}


def test_every_problem_is_answered_by_some_mutation() -> None:
    answered = {
        member.name
        for each in ours()
        if isinstance(each, GraphQLUnionType)
        for member in each.types
    }
    problems = {problem.__name__ for problem in Problem.__subclasses__()}

    assert problems - answered == {"FieldProblem"}  # part of ValidationProblem


def test_every_node_has_an_id_of_its_own_type() -> None:
    nodes = {each.name for each in ours() if Node.__name__ in _interfaces(each)}

    assert nodes == {
        "ApiKey",
        "AuditEntry",
        "Invitation",
        "Link",
        "Organization",
        "Passkey",
        "Queue",
        "Role",
        "ServiceCalendar",
        "ServicePolicy",
        "Session",
        "StoredFile",
        "Ticket",
        "TicketCategory",
        "TicketFieldDefinition",
        "TicketMessage",
        "User",
    }


def _interfaces(each: GraphQLNamedType) -> list[str]:
    return [i.name for i in each.interfaces] if isinstance(each, GraphQLObjectType) else []


def _without_description(each: GraphQLNamedType) -> list[str]:
    parts = {each.name: each.description}
    if isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in each.fields.items():
            parts[f"{each.name}.{name}"] = field.description
            parts |= {f"{each.name}.{name}({a})": v.description for a, v in field.args.items()}
    elif isinstance(each, GraphQLInputObjectType):
        parts |= {f"{each.name}.{name}": f.description for name, f in each.fields.items()}
    elif isinstance(each, GraphQLEnumType):
        parts |= {f"{each.name}.{name}": v.description for name, v in each.values.items()}
    return [coordinate for coordinate, description in parts.items() if not description]
