"""Domains move with all their links."""

import pytest

from models.domains import MAX_HOST_LENGTH, Domain
from models.errors import DomainUnknownError, ValueInvalidError
from models.links import LinkChange
from resolvers.context import NotPermittedError, RequestContext
from resolvers.domains import DomainUse, domain_uses, links_elsewhere, rename_domain
from resolvers.links import delete_link
from resolvers.ports import Ports
from tests.factories import HOST, as_command, as_person, make_domain, make_link, make_user
from tests.fakes import CountingSignal


@pytest.fixture
async def command(database: None, ports: Ports) -> RequestContext:
    context = as_command(ports)
    await make_link(context, slug="a")
    await make_domain("other.test")
    return context


async def changes_of_domains() -> int:
    return await LinkChange.filter(link_id=0).count()


async def test_every_domain_is_counted_without_deleted_links(command: RequestContext) -> None:
    gone = await make_link(command, slug="b")
    await delete_link(command, link_id=gone.id)

    assert await domain_uses() == [
        DomainUse(host=HOST, links=1),
        DomainUse(host="other.test", links=0),
    ]
    assert await links_elsewhere("OTHER.test:443") == [DomainUse(host=HOST, links=1)]
    assert await links_elsewhere(HOST) == []


async def test_a_domain_takes_its_links_to_another_host(
    command: RequestContext, ports: Ports
) -> None:
    domain = await make_domain()
    assert isinstance(ports.link_signal, CountingSignal)
    before = ports.link_signal.sent

    for new in ("Новый.test.", "other.test"):  # the second exists, and never had a link
        host = (await domain_uses())[0].host
        renamed = await rename_domain(command, host=host.upper(), new_host=new)
        assert renamed.id == domain.id

    assert await domain_uses() == [DomainUse(host="other.test", links=1)]
    assert await changes_of_domains() == 2
    assert ports.link_signal.sent - before == 2


async def test_a_domain_with_links_does_not_give_way(command: RequestContext) -> None:
    await make_link(command, slug="b")
    link = await make_link(command, slug="c")
    await rename_domain(command, host=HOST, new_host="old.test")
    await make_domain()
    await delete_link(command, link_id=link.id)
    before = await domain_uses()

    with pytest.raises(ValueInvalidError) as refused:
        await rename_domain(command, host=HOST, new_host="old.test")

    assert (refused.value.reason, refused.value.params) == ("host_taken", {"host": "old.test"})
    assert await domain_uses() == before
    assert await changes_of_domains() == 1


@pytest.mark.parametrize("new", ["", "a b", "a/b", "x" * (MAX_HOST_LENGTH + 1)])
async def test_a_domain_gets_no_name_that_is_no_host(command: RequestContext, new: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        await rename_domain(command, host=HOST, new_host=new)
    with pytest.raises(DomainUnknownError):
        await rename_domain(command, host="none.test", new_host="new.test")

    assert refused.value.reason == "host"
    assert await changes_of_domains() == 0


async def test_the_same_name_changes_nothing(command: RequestContext) -> None:
    assert (await rename_domain(command, host=HOST, new_host="GO.test")).host == HOST
    assert await changes_of_domains() == 0


async def test_only_an_administrator_moves_domains(command: RequestContext, ports: Ports) -> None:
    person = as_person(ports, await make_user(scopes=frozenset()))

    with pytest.raises(NotPermittedError):
        await rename_domain(person, host=HOST, new_host="new.test")

    assert await Domain.filter(host="new.test").count() == 0
