"""Every cell of the access matrix, asked for real."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType

from models.rules.roles import ADMINISTRATOR
from resolvers.ports import Ports
from schema.context import GraphQLContext, PortalFacts
from schema.cookies import Cookies
from schema.nodes import encode_id
from schema.root import served_schema
from tests.access_desk import DESK_PROBES
from tests.access_desk_world import another_ticket, number_of
from tests.access_matrix import (
    ELSEWHERE,
    NOBODY,
    PROBES,
    WHO,
    expected,
    outcome,
    page,
)
from tests.access_probes import Outcome, Probe, Relation
from tests.access_world import World, make_thing, make_world

ROOTS = ("Query", "Mutation", "Subscription")
FACTS = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")


def _batches() -> dict[str, list[str]]:
    """Return fields that are asked in one world: all of the desk that are about a thing.

    What is done to a ticket changes nothing of the people around it, so only each thing must
    be new. Every other field has a world of its own.
    """
    found: dict[str, list[str]] = {}
    for field, probe in PROBES.items():
        name = "the desk" if field in DESK_PROBES and probe.noun else field
        found.setdefault(name, []).append(field)
    return found


def _uses_up(probe: Probe) -> bool:
    return probe.uses_up and probe.document.startswith("mutation")


BATCHES = _batches()


def test_every_root_field_is_declared_so_that_no_new_one_slips_in() -> None:
    schema = served_schema()._schema
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    fields = [
        f"{root.name}.{name}"
        for root in roots
        if isinstance(root, GraphQLObjectType)
        for name in root.fields
    ]

    asked = {field.partition(" of ")[0] for field in [*PROBES, *ELSEWHERE]}
    assert sorted(fields) == sorted(each for each in asked if each.split(".")[0] in ROOTS)


def test_every_type_that_can_be_fetched_by_its_id_is_asked_for() -> None:
    schema = served_schema()._schema
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    nodes = {each.name for each in schema.get_implementations(node).objects}

    asked = {[*field.split(" of "), "Link"][1] for field in PROBES if "Query.node" in field}
    assert asked == nodes - {"AuditEntry"}  # see Query.auditEntries


def test_fields_that_are_asked_elsewhere_are_asked_there() -> None:
    for field, file in ELSEWHERE.items():
        assert field.partition(".")[2] in Path(file).read_text()


def test_the_page_of_the_matrix_is_current() -> None:
    assert Path("docs/ACCESS.md").read_text() == page()


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("batch", BATCHES)
async def test_everybody_reaches_what_the_matrix_says_and_no_more(ports: Ports, batch: str) -> None:
    fields = BATCHES[batch]
    relations = list(Relation) if PROBES[fields[0]].noun else [Relation.ABSENT]
    found: dict[tuple[str, str, Relation], Outcome] = {}
    wanted: dict[tuple[str, str, Relation], Outcome] = {}
    for who in WHO:
        for relation in relations if who != NOBODY else relations[:1]:
            world = await make_world(ports, who, relation)
            things: dict[str, str] = {"": ""}
            for field in fields:
                probe = PROBES[field]
                cell = (field, who, relation)
                wanted[cell] = expected(who, relation, probe)
                if probe.noun not in things:
                    things[probe.noun] = await make_thing(world, probe.noun, relation)
                thing = things[probe.noun]
                found[cell] = outcome(probe, thing, await _answer(world, probe, thing))
                if found[cell] is Outcome.REACHED and _uses_up(probe):
                    things = {"": ""}

    assert found == wanted


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("batch", BATCHES)
async def test_a_key_without_the_one_scope_opens_nothing_whoever_holds_it(
    ports: Ports, batch: str
) -> None:
    world = await make_world(ports, ADMINISTRATOR, Relation.OWN)
    things: dict[str, str] = {"": ""}
    for field in BATCHES[batch]:
        probe = PROBES[field]
        if probe.scope is None:
            continue
        if probe.noun not in things:
            things[probe.noun] = await make_thing(world, probe.noun, Relation.OWN)
        thing = things[probe.noun]
        scopes = world.context.viewer.scopes - {probe.scope}
        narrow = replace(world.context, viewer=replace(world.context.viewer, scopes=scopes))
        answer = await _answer(replace(world, context=narrow), probe, thing)

        wanted = Outcome.ABSENT if probe.hides else Outcome.FORBIDDEN
        assert outcome(probe, thing, answer) is wanted, field


async def _answer(world: World, probe: Probe, thing: str) -> dict[str, Any]:
    async def renew() -> None:
        return None

    names = {
        "id": thing,
        "number": await number_of(thing) if "$number" in probe.document else 0,
        "ticket": await another_ticket(world) if "$ticket" in probe.document else "",
        "me": encode_id("User", world.context.viewer.user_id or 0),
        "other": encode_id("User", world.other.id),
        "word": secrets.token_hex(4),
    }
    result = await served_schema().execute(
        probe.document,
        variable_values={
            name: value for name, value in names.items() if f"${name}" in probe.document
        },
        context_value=GraphQLContext.start(
            viewer=world.context.viewer,
            ports=world.ports,
            portal=FACTS,
            locale="en",
            origin=world.context.origin,
            renew=renew,
            cookies=Cookies(is_front_end=True),
        ),
    )
    return {
        "data": result.data,
        "errors": [error.formatted for error in result.errors or ()],
    }
