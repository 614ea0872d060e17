"""The first start makes everything once."""

import asyncio
from datetime import UTC, datetime

import orjson
import pytest

from models.api_keys import ApiKey
from models.audit_entries import AuditEntry
from models.domains import Domain
from models.errors import ValueInvalidError
from models.installation import Installation
from models.links import LinkChange
from models.rules.roles import ADMINISTRATOR, ROLES
from models.rules.scopes import Scope, format_scopes
from models.users import Role, User
from resolvers.api_keys import authenticate_key
from resolvers.first_run import FirstRun, prepare_installation
from resolvers.key_uses import uses_written

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def _prepare(host: str = "LOCALHOST:8080") -> FirstRun | None:
    return await prepare_installation(host=host, admin_email="Admin@localhost", now=NOW)


async def _counts() -> list[int]:
    tables = (Installation, Role, User, ApiKey, Domain, LinkChange)
    return [await table.all().count() for table in tables]


async def test_the_first_start_makes_administrator_key_and_domain(database: None) -> None:
    made = await _prepare()

    assert made is not None
    assert made.admin_email == "admin@localhost"
    viewer = await authenticate_key(made.secret, now=NOW)
    assert viewer is not None
    assert (viewer.is_staff, viewer.scopes) == (True, frozenset(Scope))
    assert [domain.host for domain in await Domain.all()] == ["localhost:8080"]
    assert await _counts() == [1, len(ROLES), 1, 1, 1, 1]
    await uses_written()


async def test_a_second_start_changes_nothing(database: None) -> None:
    await _prepare()
    before = await Installation.get(id=1)

    assert await _prepare() is None

    assert await _counts() == [1, len(ROLES), 1, 1, 1, 1]
    assert (await Installation.get(id=1)).store_id == before.store_id


async def test_parallel_starts_make_everything_once(database: None) -> None:
    made = await asyncio.gather(*(_prepare() for _ in range(8)))

    assert [each is None for each in sorted(made, key=bool)] == [True] * 7 + [False]
    assert await _counts() == [1, len(ROLES), 1, 1, 1, 1]


async def test_a_new_default_domain_is_added_and_told_to_the_replicas(database: None) -> None:
    await _prepare()

    assert await _prepare("Пример.РФ") is None

    hosts = [domain.host for domain in await Domain.all().order_by("id")]
    assert hosts == ["localhost:8080", "xn--e1afmkfd.xn--p1ai"]
    changes = await LinkChange.all()
    assert [(change.link_id, change.revision) for change in changes] == [(0, 0), (0, 0)]


async def test_a_newer_version_gives_the_administrator_its_new_scopes(database: None) -> None:
    await _prepare()
    await Role.filter(name="administrator").update(scopes="LINK_READ")

    await _prepare()

    role = await Role.get(name="administrator")
    assert set(role.scopes.split()) == set(Scope)


@pytest.mark.parametrize("host", ["", "a b", "a/b", "x" * 300])
async def test_a_host_that_is_none_makes_nothing(database: None, host: str) -> None:
    with pytest.raises(ValueInvalidError):
        await _prepare(host)

    assert await _counts() == [0] * 6


async def test_parallel_starts_of_a_newer_version_add_its_roles_once(database: None) -> None:
    await _prepare()
    await Role.exclude(name="administrator").delete()
    changed = await Role.get(name="administrator")

    await asyncio.gather(*(_prepare() for _ in range(8)))

    assert {role.name for role in await Role.all()} == set(ROLES)
    assert (await Role.get(name="administrator")).updated_at == changed.updated_at


async def roles_logged() -> list[tuple[str, str, str]]:
    """Return action, and the scopes before and after, of each entry about a role."""
    rows = await AuditEntry.filter(subject_type="role").order_by("id")
    values = [(row.action, orjson.loads(row.before), orjson.loads(row.after)) for row in rows]
    return [(name, old.get("scopes", ""), new["scopes"]) for name, old, new in values]


async def test_the_log_tells_roles_that_were_made_from_those_that_were_set_right(
    database: None,
) -> None:
    await _prepare()
    scopes = {name: format_scopes(role.scopes) for name, role in ROLES.items()}
    assert await roles_logged() == [("role.create", "", each) for each in scopes.values()]
    await AuditEntry.all().delete()
    await Role.filter(name=ADMINISTRATOR).update(scopes="LINK_READ")

    await _prepare()
    await _prepare()

    assert await roles_logged() == [("role.update", "LINK_READ", scopes[ADMINISTRATOR])]
