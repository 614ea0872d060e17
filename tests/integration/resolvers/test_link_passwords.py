"""Passwords of links: stored, carried to the replica, and tried."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.adapters.argon2_hasher import Argon2Hasher
from api.adapters.link_replica import LmdbLinkReplica
from api.adapters.replica_folder import ReplicaFolder
from models.audit_entries import AuditEntry
from models.domains import Domain
from models.errors import (
    InputInvalidError,
    RateLimitedError,
    RequestIdReusedError,
    RevisionConflictError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.installation import Installation
from models.links import Link, LinkChange
from models.replays import Replay
from models.rules.link_files import LinkLine
from models.rules.rate_limits import RULES, RateLimit, WindowRule
from models.rules.replica_format import Entry, EntryKind
from models.throttles import Throttle
from resolvers.context import Origin, RequestContext
from resolvers.link_exports import export_links
from resolvers.link_imports import import_links
from resolvers.link_passwords import StoredPasswords, try_password
from resolvers.links import LinkChanges, create_link, delete_link, update_link
from resolvers.ports import Ports, StoreUnavailableError
from resolvers.redirects import StoredLinks
from resolvers.right_passwords import RightPasswords
from tests.factories import HOST, PASSWORDS, as_nobody, as_person, make_domain, make_user
from tests.fakes import FixedClock
from tests.integration.resolvers.test_replica import entries, follow
from tests.stopped_hasher import StoppedHasher

TARGET = "https://example.org/secret-place"
WORD = "Пароль ссылки"
OTHER = "another secret"
WRONG = "not the password"


@pytest.fixture
async def domain(database: None) -> Domain:
    return await make_domain()


@pytest.fixture
async def owner(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user())


@pytest.fixture
async def link(owner: RequestContext) -> Link:
    made = await create_link(owner, url=TARGET, slug="a", password=WORD)
    await Throttle.all().delete()  # that one was set; what is counted is guesses
    return made


@pytest.fixture
def visitor(ports: Ports) -> RequestContext:
    return visitor_from(ports, "192.0.2.7")


def visitor_from(ports: Ports, address: str) -> RequestContext:
    return replace(as_nobody(ports), origin=Origin(address=address))


async def opened(
    context: RequestContext,
    password: str,
    *,
    slug: str = "a",
    right: RightPasswords | None = None,
) -> Entry | None:
    """Try a password, in a process that has found nothing right before if none is named."""
    return await try_password(
        context, hosts=[HOST], slug=slug, password=password, right=right or RightPasswords()
    )


def protected(link: Link, **fields: Any) -> Entry:  # noqa: ANN401 - of any field
    return Entry(EntryKind.ORDINARY, link.id, link.revision)._replace(**fields)


def opened_entry(link: Link) -> Entry:
    return Entry(EntryKind.LIVE, link.id, link.revision, TARGET.encode())


# Stored


async def test_a_password_is_stored_as_a_slow_hash_and_told_nowhere(
    owner: RequestContext, link: Link
) -> None:
    stored = (await Link.get()).password_hash

    assert stored is not None
    assert stored.startswith("$argon2id$")
    told = orjson.dumps(
        [
            *[[row.before, row.after] for row in await AuditEntry.all()],
            *[list(batch) async for batch in export_links(owner)],
            *[row.body_hash for row in await Replay.all()],
        ],
        default=str,
    ).decode()
    assert (WORD in told, "argon2" in told) == (False, False)
    [entry] = await AuditEntry.filter(action="link.create")
    assert '"password":"***"' in entry.after


async def test_null_clears_a_password_and_every_change_raises_the_revision(
    owner: RequestContext, link: Link
) -> None:
    await update_link(owner, link_id=link.id, changes=LinkChanges(password=OTHER))
    cleared = await update_link(owner, link_id=link.id, changes=LinkChanges(password=None))

    assert (cleared.password_hash, cleared.revision) == (None, 3)
    assert (await Link.get()).password_hash is None
    assert [row.revision for row in await LinkChange.all().order_by("id")] == [1, 2, 3]
    changed, gone = await AuditEntry.filter(action="link.update").order_by("id")
    assert (changed.before, changed.after) == ('{"password":"***"}', '{"password":"***"}')
    assert (gone.before, gone.after) == ('{"password":"***"}', '{"password":null}')


async def test_other_changes_keep_the_password(owner: RequestContext, link: Link) -> None:
    before = (await Link.get()).password_hash

    await update_link(owner, link_id=link.id, changes=LinkChanges(title="New", disabled=True))

    assert (await Link.get()).password_hash == before


@pytest.mark.parametrize(
    ("password", "reason"),
    [("short 7", "password_short"), ("x" * 129, "password_long"), ("password", "password_common")],
)
async def test_a_password_that_cannot_be_one_changes_nothing(
    owner: RequestContext, link: Link, password: str, reason: str
) -> None:
    before = (await Link.get()).password_hash

    with pytest.raises(ValueInvalidError) as made:
        await create_link(owner, url=TARGET, slug="b", password=password)
    with pytest.raises(ValueInvalidError) as changed:
        await update_link(owner, link_id=link.id, changes=LinkChanges(password=password))

    assert {(each.value.reason, each.value.path) for each in (made, changed)} == {
        (reason, ("password",))
    }
    assert [row.password_hash for row in await Link.all()] == [before]


async def test_an_empty_password_is_none_and_is_told_with_the_other_fields(
    owner: RequestContext, link: Link
) -> None:
    with pytest.raises(ValueRequiredError):
        await update_link(owner, link_id=link.id, changes=LinkChanges(password=""))
    with pytest.raises(InputInvalidError) as refused:
        await create_link(owner, url="ftp://a.test", password="")

    assert [each.path for each in refused.value.problems] == [("url",), ("password",)]
    assert (await Link.get()).revision == 1


async def test_of_two_updates_at_once_one_wins_and_the_password_is_whole(
    owner: RequestContext, link: Link
) -> None:
    results = await asyncio.gather(
        update_link(owner, link_id=link.id, if_revision=1, changes=LinkChanges(password=OTHER)),
        update_link(
            owner, link_id=link.id, if_revision=1, changes=LinkChanges(url="https://e.org/2")
        ),
        return_exceptions=True,
    )

    stored = await Link.get()
    [lost] = [each for each in results if isinstance(each, BaseException)]
    assert isinstance(lost, RevisionConflictError)
    assert stored.revision == 2
    verdict = await PASSWORDS.verify(OTHER, stored.password_hash)
    assert verdict.is_right == (stored.target == TARGET)


async def test_a_repeated_request_gives_the_same_link_unless_its_password_is_another(
    owner: RequestContext,
) -> None:
    async def again(password: str | None) -> Link:
        return await create_link(owner, url=TARGET, password=password, request_id="r")

    first = await again(WORD)

    assert (await again(WORD)).id == first.id
    for other in (WRONG, None):
        with pytest.raises(RequestIdReusedError):
            await again(other)
    assert await Link.all().count() == 1


async def test_who_sets_passwords_too_often_has_to_wait(
    owner: RequestContext, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {**RULES, RateLimit.LINK_PASSWORD_SET: WindowRule(most=2, window_s=600)}
    monkeypatch.setattr("resolvers.limits.RULES", rules)
    await update_link(owner, link_id=link.id, changes=LinkChanges(password=OTHER))
    await create_link(owner, url=TARGET, slug="b", password=OTHER)

    with pytest.raises(RateLimitedError):
        await update_link(owner, link_id=link.id, changes=LinkChanges(password=WRONG))
    await update_link(owner, link_id=link.id, changes=LinkChanges(password=None))

    assert (await Link.get(id=link.id)).revision == 3


async def test_an_import_sets_passwords_and_an_export_tells_only_that_there_is_one(
    owner: RequestContext, visitor: RequestContext
) -> None:
    made = await import_links(
        owner,
        [
            LinkLine(number=1, url=TARGET, slug="a", password=WORD),
            LinkLine(number=2, url=TARGET, slug="b", password="x" * 7),
            LinkLine(number=3, url=TARGET, slug="c"),
        ],
    )

    assert [isinstance(each, ValueInvalidError) for each in made] == [False, True, False]
    [batch] = [batch async for batch in export_links(owner)]
    assert [(row["slug"], row["protected"]) for row in batch] == [("a", True), ("c", False)]
    found = await opened(visitor, WORD)
    assert found is not None
    assert found.target == TARGET.encode()


# In the replica


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ReplicaFolder]:
    folder = ReplicaFolder(tmp_path / "replica")
    yield folder
    folder.close()


async def test_the_replica_never_has_the_target_of_a_protected_link(
    owner: RequestContext, link: Link, domain: Domain, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await Installation.create(id=1, store_id="store one", clicks_kept_since_us=0)
    replica = LmdbLinkReplica(folder)

    async def followed() -> Entry | None:
        await follow(replica, clock)
        [entry] = entries(folder, domain.id, "a")
        return entry

    assert await followed() == protected(link)
    for content in (path.read_bytes() for path in folder.path.rglob("*") if path.is_file()):
        assert b"secret-place" not in content

    link = await update_link(owner, link_id=link.id, changes=LinkChanges(disabled=True))
    assert await followed() == protected(link, kind=EntryKind.OFF)
    link = await update_link(
        owner, link_id=link.id, changes=LinkChanges(disabled=False, password=None)
    )
    assert await followed() == opened_entry(link)
    link = await update_link(owner, link_id=link.id, changes=LinkChanges(password=WORD))
    assert await followed() == protected(link)
    link = await delete_link(owner, link_id=link.id)
    assert await followed() == protected(link, kind=EntryKind.TOMBSTONE)
    replica.close()


async def test_the_store_does_not_tell_the_target_before_the_password(
    owner: RequestContext, link: Link, clock: FixedClock
) -> None:
    later = clock.at + timedelta(days=1)
    link = await update_link(owner, link_id=link.id, changes=LinkChanges(expires_at=later))
    later_us = int(later.timestamp()) * 1_000_000

    assert await StoredLinks()([HOST], "a") == protected(link, not_after_us=later_us)
    link = await update_link(owner, link_id=link.id, changes=LinkChanges(disabled=True))
    assert await StoredLinks()([HOST], "a") == protected(
        link, kind=EntryKind.OFF, not_after_us=later_us
    )


# Tried


async def test_the_right_password_opens_and_a_wrong_one_does_not(
    visitor: RequestContext, link: Link
) -> None:
    decomposed = "Пароль ссылки".replace("й", "и\u0306")

    assert await opened(visitor, WORD) == opened_entry(link)
    assert await opened(visitor, decomposed) == opened_entry(link)
    for wrong in (WRONG, WORD.lower(), WORD + " ", "x" * 5000):
        assert await opened(visitor, wrong) == protected(link)


async def test_every_guess_costs_one_slow_hash_and_a_refused_one_none(
    visitor: RequestContext, link: Link
) -> None:
    hasher = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1)
    counting = replace(visitor, ports=replace(visitor.ports, passwords=hasher))
    for guess in (WORD, WRONG, "x" * 5000):
        await opened(counting, guess)
    assert hasher.hashes == 3

    for _ in range(3):
        await opened(counting, WRONG)
    with pytest.raises(RateLimitedError):
        await opened(counting, WORD)
    assert hasher.hashes == 6
    hasher.close()


async def test_what_asks_for_no_password_is_answered_without_counting(
    owner: RequestContext, visitor: RequestContext
) -> None:
    plain = await create_link(owner, url=TARGET, slug="plain")

    assert await opened(visitor, WRONG, slug="plain") == opened_entry(plain)
    assert await opened(visitor, WRONG, slug="nosuch") is None
    assert await Throttle.all().count() == 0


async def test_fifty_one_guesses_at_once_from_everywhere_cost_fifty_one(
    ports: Ports, link: Link
) -> None:
    hasher = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1, max_waiting=51)
    roomy = replace(ports, passwords=hasher)
    results = await asyncio.gather(
        *(opened(visitor_from(roomy, f"192.0.2.{number}"), WRONG) for number in range(51)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, RateLimitedError) for each in results) == 1
    with pytest.raises(RateLimitedError) as refused:
        await opened(visitor_from(roomy, "198.51.100.1"), WORD)
    assert 0 < refused.value.retry_after_s <= 3600 * 9 // 8
    hasher.close()


async def test_one_address_has_five_guesses_and_an_ipv6_network_is_one_address(
    ports: Ports, link: Link, clock: FixedClock
) -> None:
    for number in range(5):
        assert await opened(visitor_from(ports, f"2001:db8::{number:x}"), WRONG) is not None

    with pytest.raises(RateLimitedError) as refused:
        await opened(visitor_from(ports, "2001:db8::ffff"), WORD)
    assert await opened(visitor_from(ports, "2001:db8:0:1::1"), WORD) == opened_entry(link)
    clock.at += timedelta(seconds=refused.value.retry_after_s)
    assert await opened(visitor_from(ports, "2001:db8::ffff"), WORD) == opened_entry(link)


async def test_one_address_has_sixty_guesses_on_all_links(
    owner: RequestContext, visitor: RequestContext
) -> None:
    for number in range(13):
        await create_link(owner, url=TARGET, slug=f"n{number}", password=WORD)
    for number in range(12):
        for _ in range(5):
            await opened(visitor, WRONG, slug=f"n{number}")

    with pytest.raises(RateLimitedError):
        await opened(visitor, WORD, slug="n12")


async def test_a_right_password_costs_a_process_one_slow_hash_and_uses_up_no_guess(
    visitor: RequestContext, link: Link
) -> None:
    hasher, right = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1), RightPasswords()
    counting = replace(visitor, ports=replace(visitor.ports, passwords=hasher))

    for _ in range(12):
        assert await opened(counting, WORD, right=right) == opened_entry(link)

    assert hasher.hashes == 1
    assert sorted(row.hits for row in await Throttle.all()) == [0, 0, 1]  # that hash, by address
    hasher.close()


async def test_nobody_keeps_the_threads_busy_with_passwords_they_know(
    owner: RequestContext, visitor: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in "abc":
        await create_link(owner, url=TARGET, slug=slug, password=WORD)
    rules = {**RULES, RateLimit.LINK_PASSWORD_ADDRESS: WindowRule(most=2, window_s=600)}
    monkeypatch.setattr("resolvers.limits.RULES", rules)
    hasher, right = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1), RightPasswords()
    counting = replace(visitor, ports=replace(visitor.ports, passwords=hasher))
    for slug in "ab":
        await opened(counting, WORD, slug=slug, right=right)

    with pytest.raises(RateLimitedError):
        await opened(counting, WORD, slug="c", right=right)

    assert hasher.hashes == 2
    hasher.close()


async def test_a_password_that_was_right_is_wrong_once_it_is_another(
    owner: RequestContext, visitor: RequestContext, link: Link
) -> None:
    right = RightPasswords()
    await opened(visitor, WORD, right=right)
    link = await update_link(owner, link_id=link.id, changes=LinkChanges(password=OTHER))

    assert await opened(visitor, WORD, right=right) == protected(link)
    assert await opened(visitor, OTHER, right=right) == opened_entry(link)


async def test_a_guess_that_nobody_had_the_time_to_look_at_counts_for_no_limit(
    visitor: RequestContext, link: Link
) -> None:
    hasher = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1, max_waiting=0)
    busy = replace(visitor, ports=replace(visitor.ports, passwords=hasher))

    with pytest.raises(RateLimitedError):
        await opened(busy, WORD)

    assert [row.hits for row in await Throttle.all()] == [0, 0, 0]
    hasher.close()


async def test_a_refused_guess_counts_for_no_limit(
    ports: Ports, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {**RULES, RateLimit.LINK_PASSWORD_ALL: WindowRule(most=1, window_s=3600)}
    monkeypatch.setattr("resolvers.limits.RULES", rules)
    await opened(visitor_from(ports, "192.0.2.1"), WRONG)
    counted = sorted((row.hits for row in await Throttle.all()), reverse=True)
    assert counted == [1, 1, 1]

    with pytest.raises(RateLimitedError):
        await opened(visitor_from(ports, "192.0.2.2"), WRONG)

    counted = sorted((row.hits for row in await Throttle.all()), reverse=True)
    assert counted == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (LinkChanges(disabled=True), {"kind": EntryKind.OFF, "target": TARGET.encode()}),
        (LinkChanges(password=OTHER), {"kind": EntryKind.ORDINARY}),
        (LinkChanges(password=None), {"kind": EntryKind.LIVE, "target": TARGET.encode()}),
        (
            LinkChanges(url="https://example.org/2"),
            {"kind": EntryKind.LIVE, "target": b"https://example.org/2"},
        ),
    ],
    ids=["disabled", "other password", "no password", "other target"],
)
async def test_what_was_changed_while_a_password_was_compared_is_in_force(
    owner: RequestContext,
    visitor: RequestContext,
    link: Link,
    change: LinkChanges,
    found: dict[str, Any],
) -> None:
    hasher = StoppedHasher(PASSWORDS)
    slow = replace(visitor, ports=replace(visitor.ports, passwords=hasher))
    guess = asyncio.ensure_future(opened(slow, WORD))
    await hasher.has_compared.wait()

    link = await update_link(owner, link_id=link.id, changes=change)
    hasher.may_tell.set()

    assert await guess == protected(link, **found)


async def test_who_comes_while_the_password_is_hashed_anew_is_right_all_the_same(
    visitor: RequestContext, link: Link
) -> None:
    hasher = StoppedHasher(PASSWORDS)
    slow = replace(visitor, ports=replace(visitor.ports, passwords=hasher))
    guess = asyncio.ensure_future(opened(slow, WORD))
    await hasher.has_compared.wait()

    before = (await Link.get()).password_hash
    await Link.all().update(password_hash=await PASSWORDS.hash(WORD))
    hasher.may_tell.set()

    assert await guess == opened_entry(link)
    assert (await Link.get()).password_hash != before


async def test_a_right_password_is_hashed_again_with_todays_parameters(
    visitor: RequestContext, link: Link
) -> None:
    dearer = Argon2Hasher(memory_kib=16, time_cost=1, parallelism=1)
    today = replace(visitor, ports=replace(visitor.ports, passwords=dearer))

    await opened(today, WRONG)
    assert "m=8," in str((await Link.get()).password_hash)
    assert await opened(today, WORD) == opened_entry(link)
    assert "m=16," in str((await Link.get()).password_hash)
    assert await opened(today, WORD) == opened_entry(link)
    dearer.close()


async def test_a_store_that_is_away_is_told_apart_from_a_wrong_password(
    ports: Ports, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ConnectionError

    unlock = StoredPasswords(ports)
    assert await unlock([HOST], "a", password=WORD, address="192.0.2.7") == opened_entry(link)
    monkeypatch.setattr("resolvers.link_passwords.spend", away)

    with pytest.raises(StoreUnavailableError):
        await unlock([HOST], "a", password=WORD, address="192.0.2.7")


async def test_a_process_with_too_many_guesses_at_once_says_so_and_counts_nothing(
    ports: Ports, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = StoppedHasher(PASSWORDS)
    unlock = StoredPasswords(replace(ports, passwords=hasher))
    monkeypatch.setattr("resolvers.link_passwords._MAX_WAITING", 1)
    first = asyncio.ensure_future(unlock([HOST], "a", password=WRONG, address="192.0.2.7"))
    await hasher.has_compared.wait()

    with pytest.raises(RateLimitedError):
        await unlock([HOST], "a", password=WORD, address="192.0.2.8")
    hasher.may_tell.set()

    assert await first == protected(link)
    assert [row.hits for row in await Throttle.all()] == [1, 1, 1]
