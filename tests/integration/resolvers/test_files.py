"""Files: who sends them, who sees them, how long they stay."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    InputInvalidError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    TextTooLongError,
    TokenInvalidError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.file_errors import FileTooLargeError, FileTypeRefusedError, StorageFullError
from models.files import Blob, FileOwnerKind, ScanStatus, StoredFile
from models.one_time_tokens import OneTimeToken
from models.rules.rate_limits import RateLimit
from models.rules.scopes import Scope
from models.sessions import Session
from models.users import User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.erasures import erase_user
from resolvers.file_addresses import file_address, open_address
from resolvers.file_deletions import delete_file, prune_blobs, prune_files
from resolvers.file_lists import files_by_ids
from resolvers.file_owners import (
    _RULES,
    OwnerRule,
    add_owner_rule,
    attach_files,
    detach_files,
    files_by_owners,
    release_files,
)
from resolvers.file_ports import FilePolicy
from resolvers.file_storing import KeptFile, keep_file, written
from resolvers.file_uploads import begin_upload, open_upload, receive_file
from resolvers.limits import spend
from resolvers.personal_data import person_parts
from resolvers.ports import Ports
from resolvers.user_edits import deactivate_user
from tests.factories import (
    as_command,
    as_nobody,
    as_person,
    make_built_in,
    make_organization,
    make_user,
)
from tests.fakes import FixedClock
from tests.files import PNG, PROGRAM, chunks, drafts, on_disk, send_file
from tests.sign_ins import as_session, logged

SHA256 = hashlib.sha256(PNG).hexdigest()
MESSAGE = FileOwnerKind.TICKET_MESSAGE


@pytest.fixture
async def ada(database: None, ports: Ports) -> RequestContext:
    return await as_session(ports, await make_user(organization=await make_organization()))


@pytest.fixture
def readers() -> Iterator[set[int]]:
    """People who see whatever has files; a kind of owner for tests alone."""
    seen: set[int] = set()

    async def rule(context: RequestContext, ids: Sequence[int]) -> AbstractSet[int]:
        return set(ids) if context.viewer.user_id in seen else set()

    before: OwnerRule | None = _RULES.get(MESSAGE)
    add_owner_rule(MESSAGE, rule)
    yield seen
    del _RULES[MESSAGE]
    if before is not None:
        add_owner_rule(MESSAGE, before)


async def begin(context: RequestContext, *, name: str = "a.png", sha256: str | None = None) -> str:
    started = await begin_upload(context, name=name, bytes=len(PNG), sha256=sha256)
    return started.token


async def attach(context: RequestContext, *files: StoredFile, to: int = 7) -> None:
    async with in_transaction("default") as connection:
        ids = [file.id for file in files]
        await attach_files(context, connection, file_ids=ids, owner_kind=MESSAGE, owner_id=to)


async def nothing_is_left(ports: Ports) -> bool:
    rows = await StoredFile.all().count() + await Blob.all().count()
    return not (rows or on_disk(ports) or drafts(ports))


async def test_a_file_comes_by_an_address_once(ada: RequestContext, ports: Ports) -> None:
    token = await begin(ada, name="../a.png", sha256=SHA256.upper())
    nobody = as_nobody(ports)

    file = await receive_file(await open_upload(nobody, token), chunks(PNG[:100], PNG[100:]))

    assert (file.name, file.uploader_id) == ("a.png", ada.viewer.user_id)
    assert file.organization_id == ada.viewer.organization_id
    assert file.expires_at == ports.clock.now() + timedelta(days=1)
    assert (file.owner_kind, file.owner_id) == (None, None)
    blob = await Blob.get()
    assert (blob.sha256, blob.bytes, blob.media_type) == (SHA256, len(PNG), "image/png")
    assert (blob.scan_status, blob.scan_due_at) == (ScanStatus.UNSCANNED, None)
    assert on_disk(ports) == [SHA256]
    assert drafts(ports) == []
    assert ports.blobs.path_of(SHA256).read_bytes() == PNG
    entry = await AuditEntry.get(action="stored_file.create")
    assert (entry.subject_id, entry.actor_id) == (file.id, ada.viewer.user_id)
    assert json.loads(entry.after)["sha256"] == SHA256
    with pytest.raises(TokenInvalidError):
        await open_upload(nobody, token)
    assert await StoredFile.all().count() == 1


async def test_an_address_is_hashed_at_rest(ada: RequestContext) -> None:
    token = await begin(ada, name="secret plans.png")

    row = await OneTimeToken.get()

    assert token not in str(vars(row))
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert "secret" not in row.sealed_payload


async def test_of_two_transfers_to_one_address_the_first_that_ends_wins(
    ada: RequestContext, ports: Ports
) -> None:
    token = await begin(ada)
    first, second = [await open_upload(as_nobody(ports), token) for _ in range(2)]

    await receive_file(first, chunks(PNG))
    with pytest.raises(TokenInvalidError):
        await receive_file(second, chunks(PNG))

    assert await StoredFile.all().count() == 1
    assert drafts(ports) == []


async def test_a_transfer_that_broke_off_may_begin_anew(ada: RequestContext, ports: Ports) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PNG[:500]
        raise ConnectionResetError

    token = await begin(ada)
    with pytest.raises(ConnectionResetError):
        await receive_file(await open_upload(as_nobody(ports), token), broken())
    assert await nothing_is_left(ports)

    assert (await receive_file(await open_upload(as_nobody(ports), token), chunks(PNG))).id


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (PNG + b"x", FileTooLargeError),
        (PNG[:-1], ValueInvalidError),
        (PNG[:-1] + b"x", ValueInvalidError),
        (PROGRAM + bytes(len(PNG) - len(PROGRAM)), FileTypeRefusedError),
    ],
)
async def test_what_is_not_as_announced_leaves_nothing_behind(
    ada: RequestContext, ports: Ports, content: bytes, refusal: type[DomainError]
) -> None:
    announced = hashlib.sha256(content).hexdigest() if content.startswith(b"MZ") else SHA256
    token = await begin(ada, sha256=announced)
    before = await logged()

    with pytest.raises(refusal):
        await receive_file(await open_upload(as_nobody(ports), token), chunks(content))

    assert await nothing_is_left(ports)
    assert await logged() == before


@pytest.mark.parametrize("what", ["session", "person", "scope", "time"])
async def test_an_address_ends_with_what_it_was_asked_for_with(
    ada: RequestContext, ports: Ports, clock: FixedClock, what: str
) -> None:
    token = await begin(ada)
    user = await User.get(id=ada.viewer.user_id).select_related("role")
    upload = await open_upload(as_nobody(ports), token)
    match what:
        case "session":
            await Session.filter(user_id=user.id).update(revoked_at=clock.now())
        case "person":
            await make_built_in("administrator")
            await deactivate_user(as_command(ports), user_id=user.id)
        case "scope":
            user.role.scopes = "FILE_READ"
            await user.role.save()
        case _:
            clock.at += timedelta(minutes=15)

    refusal = NotPermittedError if what == "scope" else TokenInvalidError
    with pytest.raises(refusal):
        await open_upload(as_nobody(ports), token)
    with pytest.raises(TokenInvalidError if what == "time" else NotPermittedError):
        await receive_file(upload, chunks(PNG))

    assert await nothing_is_left(ports)


async def test_a_large_file_has_the_time_of_a_slow_line(
    ada: RequestContext, clock: FixedClock
) -> None:
    started = await begin_upload(ada, name="a", bytes=50 << 20)

    assert started.expires_at == clock.now() + timedelta(minutes=15, seconds=3200)


@pytest.mark.parametrize(
    ("name", "size", "sha256", "refusal", "path"),
    [
        ("  ", 1, None, ValueRequiredError, ("name",)),
        ("x" * 1001, 1, None, TextTooLongError, ("name",)),
        ("a", -1, None, ValueInvalidError, ("bytes",)),
        ("a", 1, "f" * 63, ValueInvalidError, ("sha256",)),
        ("a", 1, "g" * 64, ValueInvalidError, ("sha256",)),
        ("", -1, None, InputInvalidError, ()),
        ("a", (50 << 20) + 1, None, FileTooLargeError, ("bytes",)),
        ("setup.EXE", 1, None, FileTypeRefusedError, ("name",)),
        ("set\u200bup.exe. ", 1, None, FileTypeRefusedError, ("name",)),
    ],
)
async def test_what_would_be_refused_is_refused_before_it_is_sent(  # noqa: PLR0913, PLR0917 - a row
    ada: RequestContext,
    name: str,
    size: int,
    sha256: str | None,
    refusal: type[DomainError],
    path: tuple[str, ...],
) -> None:
    with pytest.raises(refusal) as refused:
        await begin_upload(ada, name=name, bytes=size, sha256=sha256)

    assert refused.value.path == path
    assert await OneTimeToken.all().count() == 0


async def test_programs_are_taken_where_the_operator_says_so(ada: RequestContext) -> None:
    ports = replace(ada.ports, files=FilePolicy(takes_programs=True))

    file = await send_file(replace(ada, ports=ports), PROGRAM, name="setup.exe")

    assert file.blob.media_type == "application/vnd.microsoft.portable-executable"


async def test_a_person_sends_no_more_than_the_quota(ada: RequestContext, ports: Ports) -> None:
    policy = FilePolicy(quota_bytes=1000)
    ada = replace(ada, ports=replace(ports, files=policy))
    await send_file(ada, b"x" * 600)
    other = await as_session(ada.ports, await make_user())
    await send_file(other, b"x" * 900)

    for attempt in (begin_upload(ada, name="a", bytes=401), send_file(ada, b"y" * 401)):
        with pytest.raises(QuotaExceededError) as refused:
            await attempt
        assert (refused.value.limit, refused.value.used) == (1000, 600)

    assert await StoredFile.all().count() == 2
    assert len(on_disk(ports)) == 2
    await send_file(ada, b"y" * 400)


async def test_a_full_disk_is_refused_and_loses_nothing(ada: RequestContext, ports: Ports) -> None:
    file = await send_file(ada)
    blobs = type(ports.blobs)(ports.blobs.path_of("0" * 64).parent.parent, reserve_bytes=1 << 60)  # type: ignore[call-arg]
    full = replace(ada, ports=replace(ports, blob_store=blobs))

    for attempt in (begin_upload(full, name="a", bytes=1), send_file(full, b"more")):
        with pytest.raises(StorageFullError):
            await attempt

    assert [each.id for each in await StoredFile.all()] == [file.id]
    assert len(on_disk(ports)) == 1
    assert drafts(ports) == []


async def test_one_content_under_two_names_lies_there_once(
    ada: RequestContext, ports: Ports
) -> None:
    first, second = await send_file(ada, PNG, name="a.png"), await send_file(ada, PNG, name="b")

    assert first.blob_id == second.blob_id
    assert [first.name, second.name] == ["a.png", "b"]
    assert on_disk(ports) == [SHA256]


async def test_only_the_sender_sees_a_file_that_nothing_refers_to(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    file = await send_file(ada)
    staff = await as_session(ports, await make_user(is_staff=True))

    assert [each.id for each in await files_by_ids(ada, [file.id, file.id, -1, 5])] == [file.id]
    assert await files_by_ids(staff, [file.id]) == []
    assert await files_by_ids(as_nobody(ports), [file.id]) == []
    narrow = replace(ada.viewer, scopes=frozenset(Scope) - {Scope.FILE_READ})
    assert await files_by_ids(replace(ada, viewer=narrow), [file.id]) == []
    clock.at += timedelta(days=1)
    assert await files_by_ids(ada, [file.id]) == []


async def test_a_file_that_is_attached_is_seen_with_its_owner(
    ada: RequestContext, ports: Ports, clock: FixedClock, readers: set[int]
) -> None:
    file, other = await send_file(ada), await send_file(ada, b"other")
    bob = await as_session(ports, await make_user())
    readers.add(bob.viewer.user_id or 0)

    await attach(ada, file)

    clock.at += timedelta(days=30)
    assert [each.id for each in await files_by_ids(bob, [file.id, other.id])] == [file.id]
    assert await files_by_ids(ada, [file.id]) == []  # who may not see the owner any more
    found = await files_by_owners(bob, [(MESSAGE, 8), (MESSAGE, 7)])
    assert [[each.id for each in each_owner] for each_owner in found] == [[], [file.id]]
    assert await files_by_owners(ada, [(MESSAGE, 7)]) == [[]]
    stored = await StoredFile.get(id=file.id)
    assert (stored.owner_kind, stored.owner_id, stored.expires_at) == (MESSAGE, 7, None)


async def test_nobody_sees_a_file_of_a_kind_without_a_rule(
    ada: RequestContext, readers: set[int]
) -> None:
    readers.add(ada.viewer.user_id or 0)
    file = await send_file(ada)
    await attach(ada, file)
    rule = _RULES.pop(MESSAGE)

    assert await files_by_ids(ada, [file.id]) == []

    add_owner_rule(MESSAGE, rule)


async def test_only_ones_own_fresh_and_clean_files_are_attached_and_all_or_none(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    bob = await as_session(ports, await make_user())
    good, theirs = await send_file(ada), await send_file(bob, b"theirs")
    taken, sick = await send_file(ada, b"taken"), await send_file(ada, b"sick")
    await attach(ada, taken, to=1)
    await Blob.filter(id=sick.blob_id).update(scan_status=ScanStatus.INFECTED)

    for bad in (theirs, taken, sick, StoredFile(id=4)):
        with pytest.raises(NotFoundError) as refused:
            await attach(ada, good, bad)
        assert refused.value.path == ("fileIds",)
    clock.at += timedelta(days=1)
    with pytest.raises(NotFoundError):
        await attach(ada, good)

    owners = {file.id: file.owner_id for file in await StoredFile.all()}
    assert owners == {good.id: None, theirs.id: None, taken.id: 1, sick.id: None}


async def test_a_file_goes_with_its_owner(ada: RequestContext, ports: Ports) -> None:
    file, same = await send_file(ada), await send_file(ada)
    await attach(ada, file, to=1)
    await attach(ada, same, to=2)

    async with in_transaction("default") as connection:
        assert await detach_files(ada, connection, owner_kind=MESSAGE, owner_ids=[1]) == 1
    assert await prune_files(ada) == 1
    assert await prune_blobs(ada) == 0
    assert len(on_disk(ports)) == 1

    async with in_transaction("default") as connection:
        assert await detach_files(ada, connection, owner_kind=MESSAGE, owner_ids=[2]) == 1
        assert await detach_files(ada, connection, owner_kind=MESSAGE, owner_ids=[]) == 0
    assert await prune_files(ada) == 1
    assert await prune_blobs(ada) == 1
    assert await nothing_is_left(ports)


async def test_who_sent_a_file_deletes_it_until_something_refers_to_it(
    ada: RequestContext, ports: Ports
) -> None:
    file, attached = await send_file(ada), await send_file(ada, b"attached")
    await attach(ada, attached)
    bob = await as_session(ports, await make_user())

    for context, each in ((bob, file), (ada, attached), (ada, StoredFile(id=5))):
        with pytest.raises(NotFoundError):
            await delete_file(context, file_id=each.id)
    assert await StoredFile.all().count() == 2
    await delete_file(ada, file_id=file.id)
    with pytest.raises(NotFoundError):
        await delete_file(ada, file_id=file.id)

    assert [each.id for each in await StoredFile.all()] == [attached.id]
    assert (await logged()).count("stored_file.delete") == 1


async def test_what_came_by_mail_is_kept_whatever_it_is(
    ada: RequestContext, ports: Ports, readers: set[int]
) -> None:
    command = as_command(ports)
    kept = KeptFile(name="C:\\virus.exe", owner_kind=MESSAGE, owner_id=3)

    async with (
        written(command, chunks(PROGRAM)) as (draft, content),
        in_transaction("default") as connection,
    ):
        file = await keep_file(command, connection, draft, content, kept=kept)

    assert (file.name, file.uploader_id, file.expires_at) == ("virus.exe", None, None)
    assert drafts(ports) == []
    readers.add(ada.viewer.user_id or 0)
    [[found]] = await files_by_owners(ada, [(MESSAGE, 3)])
    assert found.blob.media_type == "application/vnd.microsoft.portable-executable"


async def test_an_address_of_a_file_works_for_minutes_and_a_few_times(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    file = await send_file(ada)
    nobody = as_nobody(ports)
    token = file_address(ada, file) or ""
    late = file_address(ada, file) or ""

    for _ in range(20):
        found = await open_address(nobody, token)
        assert found.file.id == file.id
        assert found.context.viewer.user_id == ada.viewer.user_id
    with pytest.raises(NotFoundError):
        await open_address(nobody, token)
    clock.at += timedelta(minutes=5)
    with pytest.raises(NotFoundError):
        await open_address(nobody, late)
    assert (await open_address(nobody, file_address(ada, file) or "")).file.id == file.id


@pytest.mark.parametrize("what", ["session", "person", "scope", "deleted", "infected", "hidden"])
async def test_who_may_not_have_a_file_any_more_gets_it_by_no_address(
    ada: RequestContext, ports: Ports, clock: FixedClock, readers: set[int], what: str
) -> None:
    file = await send_file(ada)
    token = file_address(ada, file) or ""
    user = await User.get(id=ada.viewer.user_id).select_related("role")
    match what:
        case "session":
            await Session.filter(user_id=user.id).update(revoked_at=clock.now())
        case "person":
            await make_built_in("administrator")
            await deactivate_user(as_command(ports), user_id=user.id)
        case "scope":
            user.role.scopes = "FILE_WRITE"
            await user.role.save()
        case "deleted":
            await delete_file(ada, file_id=file.id)
        case "infected":
            await Blob.all().update(scan_status=ScanStatus.INFECTED)
        case _:
            await attach(ada, file)

    with pytest.raises(NotFoundError):
        await open_address(as_nobody(ports), token)


async def test_an_address_that_nobody_made_opens_nothing_and_is_counted(
    ada: RequestContext, ports: Ports
) -> None:
    file = await send_file(ada)
    token = file_address(ada, file) or ""
    changed = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")

    for bad in (changed, token[:-1], token[:-3], "x" * 120, "x" * 121, "", "жжж", token + "=" * 3):
        with pytest.raises(NotFoundError):
            await open_address(as_nobody(ports), bad)

    assert (await logged()).count("one_time_token.refuse") == 1  # the first of ten minutes


async def test_an_address_has_one_spelling_so_that_nobody_counts_it_anew(
    ada: RequestContext, ports: Ports
) -> None:
    token = file_address(ada, await send_file(ada)) or ""
    plain = ports.sealer.open(token + "=" * (-len(token) % 4), purpose="file address")
    spelled = {
        sealed.rstrip("=")
        for spaces in (0, 16, 32)  # base64 leaves 0, 2 and 4 bits of its last character unused
        for sealed in [ports.sealer.seal(plain + " " * spaces, purpose="file address")]
    }

    opened = 0
    for each in spelled:
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            try:
                await open_address(as_nobody(ports), each[:-1] + last)
            except (NotFoundError, RateLimitedError):
                continue
            opened += 1

    assert opened == len(spelled) == 3


@pytest.mark.parametrize(
    ("status", "serves_unscanned", "is_given"),
    [
        (ScanStatus.CLEAN, False, True),
        (ScanStatus.PENDING, False, False),
        (ScanStatus.PENDING, True, True),
        (ScanStatus.UNSCANNED, False, False),
        (ScanStatus.UNSCANNED, True, True),
        (ScanStatus.INFECTED, True, False),
    ],
)
async def test_what_a_scanner_said_decides_who_gets_an_address(
    ada: RequestContext, status: ScanStatus, *, serves_unscanned: bool, is_given: bool
) -> None:
    file = await send_file(ada)
    file.blob.scan_status = status
    policy = FilePolicy(serves_unscanned=serves_unscanned)
    context = replace(ada, ports=replace(ada.ports, files=policy))

    assert (file_address(context, file) is not None) is is_given


async def test_files_of_a_message_that_is_taken_back_are_the_senders_again(
    ada: RequestContext, clock: FixedClock
) -> None:
    file = await send_file(ada)
    await attach(ada, file)
    clock.at += timedelta(days=3)
    ada = await as_session(ada.ports, await User.get(id=ada.viewer.user_id).select_related("role"))

    async with in_transaction("default") as connection:
        await release_files(ada, connection, owner_kind=MESSAGE, owner_id=7)

    assert [each.id for each in await files_by_ids(ada, [file.id])] == [file.id]
    await attach(ada, file, to=8)
    assert (await StoredFile.get()).owner_id == 8


async def test_a_person_sends_only_so_many_files_an_hour(
    ada: RequestContext, clock: FixedClock
) -> None:
    await spend(ada, RateLimit.FILE_UPLOAD, str(ada.viewer.user_id), cost=599)
    await begin(ada)

    for attempt in (begin(ada), send_file(ada)):
        with pytest.raises(RateLimitedError):
            await attempt

    assert await OneTimeToken.all().count() == 1
    assert await StoredFile.all().count() == 0
    clock.at += timedelta(hours=2)
    await begin(ada)


async def test_who_fetches_too_much_is_told_so(ada: RequestContext, ports: Ports) -> None:
    file = await send_file(ada)
    await spend(ada, RateLimit.FILE_FETCH, str(ada.viewer.user_id), cost=3000)

    with pytest.raises(RateLimitedError):
        await open_address(as_nobody(ports), file_address(ada, file) or "")


async def test_a_person_takes_a_list_of_their_files_along(ada: RequestContext) -> None:
    mine = await send_file(ada, PNG, name="mine.png")
    await send_file(await as_session(ada.ports, await make_user()), b"theirs")
    person = await User.get(id=ada.viewer.user_id).select_related("role")

    parts = [rows async for part, rows in person_parts(ada, person) if part == "files"]

    [[row]] = parts
    assert (row["id"], row["name"], row["sha256"]) == (str(mine.id), "mine.png", SHA256)
    assert (row["media_type"], row["bytes"], row["owner_kind"]) == ("image/png", len(PNG), None)


async def test_erasure_deletes_what_nothing_refers_to_and_forgets_who_sent_the_rest(
    ada: RequestContext, ports: Ports
) -> None:
    loose, attached = await send_file(ada, b"loose"), await send_file(ada, b"attached")
    await attach(ada, attached)
    admin = as_person(ports, await make_built_in("administrator"))
    user_id = ada.viewer.user_id or 0
    await deactivate_user(admin, user_id=user_id)

    await erase_user(admin, user_id=user_id)

    [left] = await StoredFile.all()
    assert (left.id, left.uploader_id, left.owner_id) == (attached.id, None, 7)
    assert await prune_blobs(as_command(ports)) == 1
    assert on_disk(ports) == [attached.blob.sha256]
    assert loose.blob.sha256 not in on_disk(ports)
